"""Local copy: fetches a file of an object store once into a folder of this machine, where every process can map it.

The copy's name is the file's SHA-256, so it never goes stale. The folder is `shutterprint/index` below
$XDG_CACHE_HOME, or else below ~/.cache; it can be removed at any time.
"""

import fcntl
import hashlib
import os
from pathlib import Path

from corpus.errors import StorageError
from corpus.storage import Store, temporary_beside


def local_copy(store: Store, relative: str, sha256: str, size_bytes: int) -> Path:
    """Return a local copy of a file; of several processes, one fetches it and the others wait.

    Raises StorageError where the file is not the one that the index was published with.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shutterprint" / "index"
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{sha256}.arrow"
    if not _is_whole(copy, size_bytes):
        with (folder / f"{sha256}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_whole(copy, size_bytes):
                _fetch(store, relative, sha256, copy)
    return copy


def _is_whole(copy: Path, size_bytes: int) -> bool:
    return copy.is_file() and copy.stat().st_size == size_bytes


def _fetch(store: Store, relative: str, sha256: str, copy: Path) -> None:
    temporary = temporary_beside(copy)
    digest = hashlib.sha256()
    try:
        with store.open(relative) as source, temporary.open("wb") as file:
            while data := source.read(16 << 20):
                digest.update(data)
                file.write(data)
        if digest.hexdigest() != sha256:
            raise StorageError(
                f"{store.url}: {relative} has SHA-256 {digest.hexdigest()}, not {sha256} as published; remove its "
                "folder, then curate again"
            )
        temporary.replace(copy)
    finally:
        temporary.unlink(missing_ok=True)
