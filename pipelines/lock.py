"""Lock: lets one process at a time run a pipeline; the system frees it when its holder dies."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from corpus.errors import StageError
from corpus.storage import Store

_LOOKS, _PAUSE_S = 20, 0.05
"""A look at the lock (`lock_holder`) takes microseconds; a run that is turned away waits for a second."""


@contextlib.contextmanager
def pipeline_lock(store: Store, name: str) -> Iterator[int]:
    """Hold the lock of pipeline `name` on `store`; raises StageError where another process of this machine holds it.

    Yields the lock's file descriptor for the stages to inherit, so that a stage that outlives a killed pipeline keeps
    the lock until it ends. `flock` ends with its processes, so a crash leaves nothing to clean up. For an object store
    the lock's file is in the temporary folder: schedule all pipelines of one store on one machine.
    """
    path = _lock_path(store, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        if not _is_taken(file):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StageError(
                f"pipeline {name} is already running (process {holder}); wait for it, or stop it and run again"
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def _is_taken(file: IO[str]) -> bool:
    """Take the lock of a file; False where another process keeps it, and not only looks at it (`lock_holder`)."""
    for _ in range(_LOOKS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_PAUSE_S)
    return False


def lock_holder(store: Store, name: str) -> tuple[bool, int | None]:
    """Return whether the lock of a pipeline is held on this machine, and the living process that took it, else None.

    The lock of a dead process is held where a stage that it began lives on. Nothing is changed.
    """
    path = _lock_path(store, name)
    try:
        with path.open(encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                text = file.read().strip()
                return True, int(text) if text.isdigit() and _is_alive(int(text)) else None
    except FileNotFoundError:
        pass
    return False, None


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


def _lock_path(store: Store, name: str) -> Path:
    if store.is_local:
        return Path(store.path(f"receipts/{name}.lock"))
    digest = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"shutterprint-{os.getuid()}" / f"{digest}-{name}.lock"
