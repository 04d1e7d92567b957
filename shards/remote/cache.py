"""Cache: keeps whole files of an object store in a folder of this machine, which all its processes share.

The folder never holds more than its bytes: room is made, least recently used files first, before a file is fetched, and
a file under way already counts at its full size. A file gets its name when it is whole, so readers need no lock, and
processes that want the same file wait for the one that fetches it. Whatever a killed process leaves is removed by the
next. A file that is removed while it is open or mapped stays readable there, as POSIX wants it.

Without room (a full disk, a folder that cannot be written, everything there in use) reading goes on: one line says so,
and whoever wants the file gets its bytes instead, or a stream of the store.

A file whose SHA-256 is told (tables of an index and of tars) is compared with it when it is fetched, and has it in its
name here, so that one which was removed from the store and published again never comes stale. Others (whole tars) are
taken to be final: a cached one is not compared again.
"""

import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import TEMPORARY_PREFIX, Store, temporary_beside
from corpus.storage.errors import attempted
from shards.remote.streams import open_stream, read_parts

MAX_BYTES = 20_000_000_000
"""What a cache holds at most where no `train.cache_gb` is at hand: its default."""
FRESH_S = 10.0
"""A file used so recently is not removed: whoever asked for it may not have opened it yet."""
_LOCKS = ".locks"
_LOCK_NUMBERS = 64
_logger = logging.getLogger(__name__)


class _NoRoomError(Exception):
    """The folder cannot take a file; the text says why."""


class LocalCache:
    """Files of object stores in `folder`, at most `max_bytes` of them; any thread and process may use it."""

    def __init__(self, folder: Path | str | None = None, max_bytes: int = MAX_BYTES) -> None:
        self._folder, self.max_bytes = None if folder is None else Path(folder), max_bytes
        self._said = False

    def __reduce__(self) -> tuple[type["LocalCache"], tuple[Path | None, int]]:
        return LocalCache, (self._folder, self.max_bytes)

    @cached_property
    def folder(self) -> Path:
        """The folder; it is made when a file comes. Raises StorageUnavailableError where it cannot be private."""
        return self._folder or private_folder()

    def file(self, store: Store, relative: str, sha256: str) -> Path | bytes:
        """Return where a file with this SHA-256 can be mapped, after fetching it if need be, or without room its bytes.

        Of a store that is a folder, the file itself, which is not compared. Raises StorageError where the store has no
        such file, or another one.
        """
        if (kept := self.keep(store, relative, sha256)) is not None:
            return kept
        return b"".join(_compared(store, relative, read_parts(store, relative, store.size_bytes(relative)), sha256))

    def open(self, store: Store, relative: str) -> BinaryIO:
        """Return a file opened for reading from its beginning; where the folder has no room, a stream of the store."""
        while (kept := self.keep(store, relative)) is not None:
            try:
                return attempted(str(kept), partial(_opened, kept))
            except FileNotFoundError as error:
                if store.is_local:
                    raise StorageError(f"{store.url}: no file {relative}") from error
        return open_stream(store, relative)

    def keep(self, store: Store, relative: str, sha256: str | None = None) -> Path | None:
        """Return where a file is on this machine, after fetching it if need be; None where there is no room for it."""
        if store.is_local:
            return Path(store.path(relative))
        name = self._name(store, relative)
        kept = self.folder / (name if sha256 is None else f"{name}.{sha256}")
        try:
            if not _touched(kept):
                with self._locked(f"file-{zlib.crc32(kept.name.encode()) % _LOCK_NUMBERS}"):
                    if not _touched(kept):
                        self._fetch(store, relative, kept, sha256)
        except (_NoRoomError, OSError) as error:
            self._say(error)
            return None
        return kept

    def size_bytes(self) -> int:
        """Return the bytes of all files here, those under way included, at a moment when no file comes or goes."""
        with self._locked("room"):
            return sum(status.st_size for _, status in self._files())

    def _name(self, store: Store, relative: str) -> str:
        """Return a file's path below the folder; equal buckets of two services are told apart."""
        root = store.path(".")
        service = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        digest = hashlib.sha256(f"{service} {store.url}".encode()).hexdigest()[:16]
        return digest + store.path(relative).removeprefix(root)

    def _fetch(self, store: Store, relative: str, kept: Path, sha256: str | None) -> None:
        size_bytes = store.size_bytes(relative)
        if size_bytes > self.max_bytes:
            raise _NoRoomError(f"{relative} has {size_bytes} bytes, the cache {self.max_bytes}; raise train.cache_gb")
        kept.parent.mkdir(parents=True, exist_ok=True)
        temporary = temporary_beside(kept)
        try:
            with temporary.open("xb") as file:
                with self._locked("room"):
                    fcntl.flock(file, fcntl.LOCK_EX)  # says that its writer lives
                    self._make_room(size_bytes)
                    _reserve(file, size_bytes)
                for part in _compared(store, relative, read_parts(store, relative, size_bytes), sha256):
                    file.write(part)
                if file.tell() != size_bytes:
                    raise StorageError(f"{store.url}: {relative} has changed while it was read; try again")
                file.flush()
                os.fsync(file.fileno())
            with self._locked("room"):  # else whoever counts files just then may find it under neither name
                temporary.rename(kept)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _make_room(self, size_bytes: int) -> None:
        """Remove what killed processes left, then the least recently used files, until so many bytes are free."""
        found = []
        total_bytes = 0
        for path, status in self._files():
            if path.name.startswith(TEMPORARY_PREFIX) and _is_abandoned(path):
                path.unlink(missing_ok=True)
                continue
            total_bytes += status.st_size
            if not path.name.startswith(TEMPORARY_PREFIX):
                found.append((status.st_mtime, status.st_size, path))
        for used_at_s, file_bytes, path in sorted(found, key=lambda one: one[0]):
            if total_bytes + size_bytes <= self.max_bytes:
                return
            if used_at_s > time.time() - FRESH_S:
                break
            path.unlink(missing_ok=True)
            total_bytes -= file_bytes
        if total_bytes + size_bytes > self.max_bytes:
            raise _NoRoomError(f"all {total_bytes} bytes in it are in use; raise train.cache_gb")

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for folder, folders, names in os.walk(self.folder):
            with suppress(ValueError):
                folders.remove(_LOCKS)
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    yield path, path.lstat()

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Hold one of the folder's locks; the kernel releases those of killed processes."""
        locks = self.folder / _LOCKS
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (locks / name).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _say(self, error: Exception) -> None:
        if not self._said:
            self._said = True
            _logger.warning("%s takes no more files (%s); reading goes on without it", self.folder, error)


def private_folder() -> Path:
    """Return the folder of this user, and of no one else, in the system's temporary directory.

    Raises StorageUnavailableError where somebody else has made one of its name.
    """
    folder = Path(tempfile.gettempdir(), f"shutterprint-{os.getuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise StorageUnavailableError(
            f"{folder} is not a folder that only this user can read; remove it, name another train.cache_folder, or "
            "set TMPDIR"
        )
    return folder


def open_cache(folder: str | None, gigabytes: float) -> LocalCache:
    """Return the cache that `train.cache_folder` and `train.cache_gb` describe."""
    return LocalCache(Path(folder).expanduser() if folder else None, int(gigabytes * 1e9))


def _compared(store: Store, relative: str, parts: Iterable[bytes], sha256: str | None) -> Iterator[bytes]:
    """Yield the parts of a file; raises StorageError at their end where they have another SHA-256 than this."""
    digest = hashlib.sha256()
    for part in parts:
        if sha256 is not None:
            digest.update(part)
        yield part
    if sha256 is not None and digest.hexdigest() != sha256:
        raise StorageError(
            f"{store.url}: {relative} has SHA-256 {digest.hexdigest()}, not {sha256} as published; remove it, then "
            "curate again"
        )


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _touched(kept: Path) -> bool:
    """Note that a file is used; False where it is not here."""
    try:
        os.utime(kept)
    except FileNotFoundError:
        return False
    return True


def _reserve(file: BinaryIO, size_bytes: int) -> None:
    """Give a file its size at once, so that it counts, and so that a full disk is told before the fetching."""
    if size_bytes and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size_bytes)
    else:
        file.truncate(size_bytes)


def _is_abandoned(temporary: Path) -> bool:
    """Whether no process writes this file: a writer holds its lock."""
    try:
        with temporary.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
