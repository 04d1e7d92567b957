"""Local copy: fetches a file of an object store once into a folder of this machine, where every process can map it.

The copy's name is the file's SHA-256, so it never goes stale. The folder is `shutterprint/index` below
$XDG_CACHE_HOME, or else below ~/.cache; it can be removed at any time. When it holds more than KEPT_BYTES_MAX, the
copies are removed that were not asked for longest; a process that has mapped one keeps it.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from corpus.errors import StorageError
from corpus.storage import Store, temporary_beside
from corpus.storage_errors import attempted

KEPT_BYTES_MAX = 64 << 30


def local_copy(store: Store, relative: str, sha256: str, size_bytes: int) -> Path:
    """Return a local copy of a file; of several processes, one fetches it and the others wait.

    Raises StorageError where the file is not the one that was published, StorageUnavailableError where the store does
    not answer or this machine's disk is full.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shutterprint" / "index"
    copy = folder / f"{sha256}.arrow"
    if not _is_whole(copy, size_bytes):
        attempted(str(folder), partial(_fetch_once, store, relative, copy, size_bytes))
    with suppress(OSError):
        os.utime(copy)
    return copy


def _fetch_once(store: Store, relative: str, copy: Path, size_bytes: int) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    with (copy.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_whole(copy, size_bytes):
            _make_room(copy.parent, size_bytes)
            _fetch(store, relative, copy)


def _is_whole(copy: Path, size_bytes: int) -> bool:
    return copy.is_file() and copy.stat().st_size == size_bytes


def _make_room(folder: Path, size_bytes: int) -> None:
    found = [(file.stat(), file) for file in folder.glob("*.arrow")]
    room_bytes = KEPT_BYTES_MAX - size_bytes - sum(status.st_size for status, _ in found)
    for status, file in sorted(found, key=lambda each: each[0].st_mtime):
        if room_bytes >= 0:
            return
        file.unlink()
        room_bytes += status.st_size


def _fetch(store: Store, relative: str, copy: Path) -> None:
    temporary = temporary_beside(copy)
    digest = hashlib.sha256()
    try:
        with store.open(relative) as source, temporary.open("wb") as file:
            while data := source.read(16 << 20):
                digest.update(data)
                file.write(data)
        if digest.hexdigest() != copy.stem:
            raise StorageError(
                f"{store.url}: {relative} has SHA-256 {digest.hexdigest()}, not {copy.stem} as published; remove it, "
                "then curate again"
            )
        temporary.replace(copy)
    finally:
        temporary.unlink(missing_ok=True)
