"""Originals of files: publish a file's bytes in the store, sharing the disk's blocks with it where that is safe.

Where the file system can (Btrfs, XFS, …), the original is a clone: it shares the file's blocks until one of both is
written to. Elsewhere it is a copy. A hard link is made on request only, since a program that rewrites the file in place
would change the original too.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path

from corpus.storage import Store, temporary_beside
from corpus.storage.errors import attempted
from crawlers.download.known_originals import KnownOriginals
from crawlers.folder.files import File

_FICLONE = 0x40049409
"""Linux's request "share all blocks of a file", `ioctl_ficlone(2)`; other systems refuse it."""


def publish_original(store: Store, original: str, file: File, *, link: bool, known: KnownOriginals) -> bool:
    """Publish the bytes of a file as `original` unless they stand there already; return whether it was needed.

    An original that is linked to some file without `link`, or that has other bytes (its file was rewritten in place
    while it was linked), is replaced. `known`: asked instead of an object store, where each look is a request. Raises
    StorageUnavailableError where the disk refuses.
    """
    if not store.is_local:
        if known.has(original):
            return False
        store.publish(original, file.data)
        known.add(original)
        return True
    target = Path(store.path(original))
    if attempted(f"{store.url}: {original}", lambda: _is_sound(target, file, link)):
        return False
    if not (link and _linked(file, target)) and not _cloned(file, target):
        store.publish(original, file.data)
    return True


def is_whole(store: Store, original: str, sha256: str) -> bool:
    """Whether an original is there and has the bytes that its record names; reads all of it."""
    return store.exists(original) and hashlib.sha256(store.read(original)).hexdigest() == sha256


def _is_sound(target: Path, file: File, link: bool) -> bool:
    try:
        status = target.stat()
    except FileNotFoundError:
        return False
    may_change = status.st_nlink > 1 and not link
    return not may_change and status.st_size == len(file.data) and target.read_bytes() == file.data


def _linked(file: File, target: Path) -> bool:
    """Make `target` a hard link to a file; False where that is impossible or the file has changed meanwhile."""
    temporary = temporary_beside(target)
    before = file.status
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.hardlink_to(file.path)
        now = temporary.stat(follow_symlinks=False)
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
            return False
        temporary.replace(target)
    except OSError:  # another file system, or one without links, or another user's file; a disk's fault meets `publish`
        return False
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True


def _cloned(file: File, target: Path) -> bool:
    """Make `target` a clone of a file; False where that is impossible or the file has changed meanwhile."""
    temporary = temporary_beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            open(os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as source,  # noqa: PTH123
            temporary.open("xb+") as clone,
        ):
            fcntl.ioctl(clone.fileno(), _FICLONE, source.fileno())
            os.fsync(clone.fileno())
            if clone.read() != file.data:
                return False
        temporary.replace(target)
    except OSError:  # another file system, or one without shared blocks; a disk's fault meets `publish`, too
        return False
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return True
