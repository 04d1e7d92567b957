"""Local: a store in a folder: each file is written under a temporary name, flushed and renamed."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from corpus.errors import StorageError
from corpus.storage.backend import MARKER, TEMPORARY_PREFIX, Entry
from corpus.storage.other import below, exists, modified_at_s, names, read, size_bytes

__all__ = [
    "below", "create", "entries", "exists", "modified_at_s", "names", "publish", "publish_file", "read", "remove",
    "remove_file", "size_bytes", "sweep", "temporary_beside", "written_beside",
]  # fmt: skip

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
"""What file systems without hard links answer to making one."""


def temporary_beside(target: Path) -> Path:
    """Return a new name beside `target`, short because the target's may have the longest length possible."""
    return target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"


@contextmanager
def written_beside(target: Path, write: Callable[[BinaryIO], object], *, keep_cached: bool = True) -> Iterator[Path]:
    """Yield a temporary file in the target's folder, written and flushed; it is removed unless it was renamed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            if not keep_cached and hasattr(os, "posix_fadvise"):
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        yield temporary
    finally:
        with suppress(OSError):  # where nothing can be removed, the error that says why is the first one
            temporary.unlink(missing_ok=True)


def entries(_: Any, path: str, beginning: str) -> dict[str, Entry]:
    """Return what is told of all files below a folder, by path, whose paths in it begin so.

    A file that is removed meanwhile is left out.
    """

    def refused(error: OSError) -> None:  # which os.walk would pass over
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    found = {}
    for folder, folders, files in os.walk(path, onerror=refused, followlinks=True):
        if folder == path:
            folders[:] = [name for name in folders if name.startswith(beginning)]
        for name in files if folder != path else [name for name in files if name.startswith(beginning)]:
            with suppress(FileNotFoundError):
                status = Path(folder, name).stat()
                state = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
                found[f"{folder}/{name}"] = Entry(status.st_size, status.st_mtime, state)
    return found


def publish(_: Any, path: str, data: bytes, *, keep_cached: bool) -> None:
    """Write a whole file or nothing."""
    with written_beside(Path(path), lambda file: file.write(data), keep_cached=keep_cached) as temporary:
        temporary.replace(path)


def publish_file(_: Any, path: str, local: Path) -> None:
    """Write a copy of a file, whole or not at all."""
    with (
        local.open("rb") as source,
        written_beside(Path(path), lambda file: shutil.copyfileobj(source, file, 1 << 20)) as temporary,
    ):
        temporary.replace(path)


def create(_: Any, path: str, data: bytes) -> bool:
    """Write a new file and return True, or return False where there is one; of several processes one wins."""
    target = Path(path)
    with written_beside(target, lambda file: file.write(data)) as temporary:
        try:
            os.link(temporary, target)  # unlike a rename, this never replaces an existing file
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            raise StorageError(
                f"{path} cannot be linked ({error.strerror}); put the storage on a file system with hard links"
            ) from error
    return True


def remove(_: Any, path: str) -> None:
    """Remove a file, or a folder whose marker goes first."""
    target = Path(path)
    if not target.is_dir() or target.is_symlink():
        remove_file(None, path)
        return
    (target / MARKER).unlink(missing_ok=True)
    while target.exists():
        with suppress(FileNotFoundError):  # another process removes it too
            shutil.rmtree(target)


def remove_file(_: Any, path: str) -> None:
    """Remove a file; a folder of this name stays."""
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        Path(path).unlink()


def sweep(_: Any, path: str, older_than_s: float) -> int:
    """Remove older temporary files directly below a folder."""
    swept = 0
    for leftover in Path(path).glob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process sweeps too, or the writer has just finished
            if leftover.is_file() and time.time() - leftover.stat().st_mtime > older_than_s:
                leftover.unlink()
                swept += 1
    return swept
