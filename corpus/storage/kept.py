"""Kept: files of an object store that one run of a stage reads more than once, kept on this machine meanwhile.

An original is read when it is examined, drawn and packed, a crawl's table when uploads are found and when they are
judged: each further read would be a request. Files are named by what they are, so a file that was replaced in the store
is never taken for the one it was. Without room on the disk files are read again instead.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from corpus.storage.local import temporary_beside
from corpus.storage.store import Store

MOST_BYTES = 20_000_000_000
"""What is kept at most, and a quarter of the free space of the disk."""
ORIGINAL = "original"
"""The state of an original, which is never overwritten; whoever reads one compares its SHA-256."""
_written: dict[str, int] = {}
"""By folder: how many bytes this process has kept there."""


@dataclass(frozen=True)
class KeptStore(Store):
    """A store with a folder of this machine, which all processes of a run share."""

    folder: str = ""
    process_bytes: int = 0
    """How many bytes each process may keep there."""


def read_once(store: Store, relative: str, state: str) -> bytes:
    """Return the bytes of a file; of a KeptStore it is read from the store once.

    `state`: differs whenever the file does, such as its digest or what a listing tells of it; empty where that is not
    known, so that the file is not kept. Raises StorageError where there is none, as far as it is read.
    """
    if not isinstance(store, KeptStore) or not state:
        return store.read(relative)
    kept = Path(store.folder, hashlib.sha256(f"{relative}\n{state}".encode()).hexdigest())
    with suppress(OSError):
        return kept.read_bytes()
    data = store.read(relative)
    written = _written.get(store.folder, 0) + len(data)
    if written <= store.process_bytes:
        with suppress(OSError):  # the disk is full, or the run has ended
            _keep(kept, data)
            _written[store.folder] = written
    return data


@contextmanager
def keeping(store: Store, processes: int) -> Iterator[Store]:
    """Yield a store that keeps what is read, for so many processes of this machine; a local one, or for none, as it is.

    The folder is private and is removed with the block; what a killed run has left goes first, so the caller must be
    the only run of its store.
    """
    if store.is_local or not processes:
        yield store
        return
    service = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    digest = hashlib.sha256(f"{service} {store.url}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"shutterprint-kept-{os.getuid()}-{digest}")
    try:
        if folder.exists() and not folder.is_symlink() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        most_bytes = min(MOST_BYTES, shutil.disk_usage(folder).free // 4)
    except OSError:  # no room, or another user's: files are read again instead
        yield store
        return
    try:
        yield KeptStore(store.url, store.is_patient, str(folder), most_bytes // processes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep(kept: Path, data: bytes) -> None:
    temporary = temporary_beside(kept)
    try:
        temporary.write_bytes(data)
        temporary.replace(kept)
    finally:
        temporary.unlink(missing_ok=True)
