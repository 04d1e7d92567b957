"""Lock: lets one process at a time run a pipeline; the system frees it when its holder dies."""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from corpus.errors import StageError
from corpus.storage import Store


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
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StageError(
                f"pipeline {name} is already running (process {holder}); wait for it, or stop it and run again"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file.fileno()


def is_held(store: Store, name: str) -> bool:
    """Whether a process of this machine runs pipeline `name`, by the kernel's list of locks; looking takes none.

    Where the system has no such list, as on macOS, the answer is False.
    """
    try:
        inode = str(_lock_path(store, name).stat().st_ino)
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return False
    # proc_locks(5): `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`
    return any(f":{inode} " in line and " FLOCK " in line for line in locks.splitlines())


def _lock_path(store: Store, name: str) -> Path:
    if store.is_local:
        return Path(store.path(f"receipts/{name}.lock"))
    digest = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"shutterprint-{os.getuid()}" / f"{digest}-{name}.lock"
