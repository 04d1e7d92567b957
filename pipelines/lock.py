"""Lock: lets one process at a time run a pipeline; the system frees it when its holder dies.

On a folder it is `flock` on `receipts/<name>.lock`. In an object store, which processes of several machines or
containers reach, a lease in the store (`corpus.leases`) decides among them, and the file, then in the machine's
temporary folder, says whether a stage lives on whose pipeline was killed.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from corpus.errors import StageError
from corpus.leases import LEASES, HeldLease, held, holders
from corpus.storage import Store

_LOOKS, _PAUSE_S = 20, 0.05
"""A look at the lock (`lock_holder`) takes microseconds; a run that is turned away waits for a second."""


class AlreadyRunningError(StageError):
    """Another process runs the pipeline, or a stage of one that was killed lives on."""


@dataclass(frozen=True, slots=True)
class PipelineLock:
    """The right to run a pipeline."""

    name: str
    descriptor: int
    """Of the lock's file, for the stages to inherit."""
    lease: HeldLease | None
    """In an object store: the right among all machines."""

    @property
    def is_ours(self) -> bool:
        """Whether no other process has taken the pipeline over; if one has, publish nothing more."""
        return self.lease is None or self.lease.is_ours()

    def check(self) -> None:
        """Raise StageError where another process has taken the pipeline over."""
        if not self.is_ours:
            raise StageError(
                f"another process has taken pipeline {self.name} over, since this one was not heard of for minutes; "
                "`shutterprint pipelines status` shows it"
            )


@contextlib.contextmanager
def pipeline_lock(store: Store, name: str) -> Iterator[PipelineLock]:
    """Hold the lock of pipeline `name` on `store`; raises AlreadyRunningError where another process holds it.

    A stage that inherits the descriptor keeps the lock until it ends, on this machine, though its pipeline was killed.
    `flock` ends with its processes, so a crash leaves nothing to clean up; a lease of another machine's dead process
    ends after ten minutes (`corpus.leases.LEASE_S`).
    """
    path = _lock_path(store, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        if not _is_taken(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise _running(name, f"process {holder}")
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        if store.is_local:
            yield PipelineLock(name, file.fileno(), None)
            return
        with held(store, LEASES, _unit(name)) as lease:
            if lease is None:
                other = holders(store, LEASES, time.time()).get(_unit(name))
                raise _running(name, "somebody has just begun it" if other is None else other.described())
            yield PipelineLock(name, file.fileno(), lease)


def lock_holder(store: Store, name: str) -> tuple[bool, str | None]:
    """Return whether the lock of a pipeline is held, and by which living process, in words; None where that is dead.

    The lock of a dead process is held where a stage that it began lives on, on this machine. Nothing is changed.
    """
    if not store.is_local and (other := holders(store, LEASES, time.time()).get(_unit(name))) is not None:
        return True, f"process {other.pid}" if other.is_here else f"process {other.pid} on {other.host}"
    path = _lock_path(store, name)
    try:
        with path.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return True, f"process {text}" if text.isdigit() and _is_alive(int(text)) else None
    except FileNotFoundError:
        pass
    return False, None


def _running(name: str, holder: str) -> AlreadyRunningError:
    return AlreadyRunningError(f"pipeline {name} is already running ({holder}); wait for it, or stop it and run again")


def _is_taken(file: IO[str]) -> bool:
    """Take the lock of a file; False where another process keeps it, and not only looks at it (`lock_holder`)."""
    for _ in range(_LOOKS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to another user
        return True
    with contextlib.suppress(OSError):  # not Linux, or hidden
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return True


def _unit(name: str) -> str:
    return f"pipeline-{name}"


def _lock_path(store: Store, name: str) -> Path:
    if store.is_local:
        return Path(store.path(f"receipts/{name}.lock"))
    digest = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"shutterprint-{os.getuid()}" / f"{digest}-{name}.lock"
