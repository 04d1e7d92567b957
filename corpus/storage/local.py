"""Local: writes a file of a folder whole or not at all."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY_PREFIX = ".tmp-"


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
