"""Storage: one URL (a folder or `s3://bucket/prefix`) holds everything that the stages hand to each other.

Paths are relative to the root, with `/`; a path that leaves the root is refused. Every file is published whole: written
under a temporary name, flushed and renamed (an object store's single PUT is atomic by itself). A directory is whole
once it has its marker, `_done.json`. Several processes may share a store, so listings are never cached.

Every method raises StorageUnavailableError where the disk or the service refuses or does not answer
(`corpus.storage.errors`), and tries again before where that may pass.
"""

import errno
import json
import os
import posixpath
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import ConfigurationError, StorageError
from corpus.storage.errors import attempted, unavailable
from corpus.storage.parquet import read_parquet
from corpus.text import escaped

T = TypeVar("T")

_SUPPORTED = ("file://", "s3://")
_SCHEMES = ("s3", "memory")
"""Schemes of object stores; `memory` is one process's own, for tests."""
MARKER = "_done.json"
TEMPORARY_PREFIX = ".tmp-"
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})
"""What file systems without hard links answer to making one."""


@dataclass(frozen=True)
class Store:
    """The files below one root URL; plain data, so that it can be sent to Dask and Ray workers.

    Made by `open_store`, which turns a relative folder into an absolute one.
    """

    url: str
    is_patient: bool = True
    """Whether what may pass is tried again; False: one attempt, for a check that a person waits for."""

    @property
    def filesystem(self) -> Any:
        """The fsspec file system of the root (fsspec keeps one instance per process)."""
        # no cached listings: another process may have added or removed files since
        if self.is_local:  # fsspec would take `::` in a folder's path for a chain of file systems
            return fsspec.filesystem("file", use_listings_cache=False)
        if self.is_patient or not self.url.startswith("s3://"):
            return fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]
        once = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}  # botocore's own attempts
        filesystem = fsspec.core.url_to_fs(self.url, use_listings_cache=False, **once)[0]
        filesystem.retries = 1  # s3fs's; other options make another instance, so no other store's is changed
        return filesystem

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder on this machine."""
        return "://" not in self.url

    def path(self, relative: str) -> str:
        """Return the full path of `relative` in the file system; raises StorageError for a path outside the root."""
        normal = posixpath.normpath(relative)
        if normal.startswith(("/", "..")) or "\0" in relative:
            raise StorageError(f"{relative!r} is not a path inside {self.url}")
        root = self.url if self.is_local else str(attempted(self.url, lambda: fsspec.core.url_to_fs(self.url)[1]))
        root = root.rstrip("/")
        return root if normal == "." else f"{root}/{normal}"

    def exists(self, relative: str) -> bool:
        """Whether there is a whole file or a directory at `relative`."""
        return bool(self._attempted(relative, lambda: self.filesystem.exists(self.path(relative))))

    def size_bytes(self, relative: str) -> int:
        """Return the size of the file at `relative`; raises StorageError where there is none."""
        try:
            return int(self._attempted(relative, lambda: self.filesystem.size(self.path(relative))))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def names(self, relative: str) -> list[str]:
        """Return the sorted names directly below a directory, without temporary ones; none if it is missing."""
        try:
            entries = self._attempted(relative, lambda: self.filesystem.ls(self.path(relative), detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = {posixpath.basename(str(entry).rstrip("/")) for entry in entries}
        return sorted(name for name in names if name and not name.startswith(TEMPORARY_PREFIX))

    def modified_at_s(self, relative: str) -> float:
        """Return when a file was last written, in seconds since 1970; raises StorageError where there is none."""
        try:
            return float(self._attempted(relative, lambda: self.filesystem.modified(self.path(relative))).timestamp())
        except (FileNotFoundError, IsADirectoryError) as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def read(self, relative: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start:end` of a file; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            return self._attempted(relative, lambda: cast(bytes, self.filesystem.cat_file(path, start=start, end=end)))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    @contextmanager
    def open(self, relative: str) -> Iterator[BinaryIO]:
        """Open a file for reading and seeking during a `with` block; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            file = self._attempted(relative, lambda: cast(BinaryIO, self.filesystem.open(path, "rb")))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error
        with file:
            try:
                yield file
            except Exception as error:
                refusal = unavailable(self._place(relative), error)
                if refusal is None:
                    raise
                raise refusal from error

    def publish(self, relative: str, data: bytes, *, keep_cached: bool = True) -> None:
        """Write a whole file or nothing.

        `keep_cached`: leave it in the page cache for the next reader. A crawl of terabytes would evict everything else,
        and filling memory costs more than writing: 2.9 CPU seconds a GB against 0.7.
        """
        path = self.path(relative)

        def write() -> None:
            if not self.is_local:
                self.filesystem.pipe_file(path, data)
                return
            with _written_beside(Path(path), lambda file: file.write(data), keep_cached=keep_cached) as temporary:
                temporary.replace(path)

        self._attempted(relative, write)

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole new file and return True, or return False where there is one; of several processes one wins.

        An object store must support conditional PUTs (`If-None-Match: *`, as Amazon's S3 does). A folder's file system
        must support hard links; raises StorageError where it does not.
        """
        return self._attempted(relative, lambda: self._create(relative, data))

    def _create(self, relative: str, data: bytes) -> bool:
        if not self.is_local:
            try:
                self.filesystem.pipe_file(self.path(relative), data, mode="create")
            except OSError:  # object stores differ in how they report a refused PUT
                if self.filesystem.exists(self.path(relative)):
                    return False
                raise
            return True
        target = Path(self.path(relative))
        with _written_beside(target, lambda file: file.write(data)) as temporary:
            try:
                os.link(temporary, target)  # unlike a rename, this never replaces an existing file
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                raise StorageError(
                    f"{self.url}: {relative} cannot be linked ({error.strerror}); put the storage on a file system "
                    "with hard links"
                ) from error
        return True

    def remove(self, relative: str) -> None:
        """Remove a file or a whole directory, if it exists; of a directory, the marker goes first.

        An interrupted removal therefore leaves a directory that does not count as whole. Raises StorageError for the
        root.
        """
        path = self.path(relative)
        if path == self.path("."):
            raise StorageError(f"{self.url}: the root of the storage is not removed")
        self._attempted(relative, lambda: self._remove(path))

    def _remove(self, path: str) -> None:
        # not the file system's own `rm`, which takes a path with * or [ for a pattern
        if not self.is_local:
            files = [str(file) for file in self.filesystem.find(path)]
            for file in sorted(files, key=lambda file: not file.endswith(f"/{MARKER}")):
                with suppress(FileNotFoundError):  # another process removes it too
                    self.filesystem.rm_file(file)
            return
        target = Path(path)
        if target.is_dir() and not target.is_symlink():
            (target / MARKER).unlink(missing_ok=True)
            while target.exists():
                with suppress(FileNotFoundError):  # as above
                    shutil.rmtree(target)
        else:
            with suppress(FileNotFoundError, NotADirectoryError):
                target.unlink()

    def sweep_temporary(self, directory: str, older_than_s: float) -> int:
        """Remove older files that killed writers left directly below a directory; return how many there were.

        An object store has none. `older_than_s` must be more seconds than any write takes.
        """
        return self._attempted(directory, lambda: self._sweep_temporary(directory, older_than_s))

    def _sweep_temporary(self, directory: str, older_than_s: float) -> int:
        swept = 0
        if self.is_local:
            for leftover in Path(self.path(directory)).glob(f"{TEMPORARY_PREFIX}*"):
                with suppress(FileNotFoundError):  # another process sweeps too, or the writer has just finished
                    if leftover.is_file() and time.time() - leftover.stat().st_mtime > older_than_s:
                        leftover.unlink()
                        swept += 1
        return swept

    def publish_file(self, relative: str, local: Path) -> None:
        """Publish a copy of a finished local file, whole or not at all."""
        path = self.path(relative)

        def write() -> None:
            if not self.is_local:
                self.filesystem.put_file(str(local), path)
                return
            with (
                local.open("rb") as source,
                _written_beside(Path(path), lambda file: shutil.copyfileobj(source, file, 1 << 20)) as temporary,
            ):
                temporary.replace(path)

        self._attempted(relative, write)

    def publish_json(self, relative: str, value: Any) -> None:
        """Publish a value as readable JSON with sorted keys: equal values give equal bytes."""
        self.publish(relative, json_bytes(value))

    def read_json(self, relative: str) -> Any:
        """Return the value of a JSON file; raises StorageError where it is missing or not JSON."""
        try:
            return json.loads(self.read(relative))
        except ValueError as error:
            raise StorageError(f"{self.url}: {relative} is not JSON: {error}") from error

    def publish_table(self, relative: str, table: pa.Table) -> None:
        """Publish an Arrow table as Parquet; equal tables give equal bytes."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.publish(relative, sink.getvalue().to_pybytes())

    def read_table(self, relative: str, columns: list[str] | None = None) -> pa.Table:
        """Return a Parquet file as a table; raises StorageError where it is missing or damaged."""
        try:
            return read_parquet(pa.BufferReader(self.read(relative)), columns)
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StorageError(f"{self.url}: {relative} is not Parquet: {error}") from error

    def mark_done(self, directory: str, details: dict[str, Any]) -> None:
        """Publish the marker that says that `directory` is whole; call it last.

        A marked directory does not change, except for a crawl's window whose failed photos were tried again: its
        records are replaced as one file, and then the marker.
        """
        self.publish_json(f"{directory}/{MARKER}", details)

    def done(self, directory: str) -> dict[str, Any] | None:
        """Return the marker of a whole directory, None for any other."""
        if not self.exists(f"{directory}/{MARKER}"):
            return None
        return cast(dict[str, Any], self.read_json(f"{directory}/{MARKER}"))

    def done_names(self, relative: str) -> list[str]:
        """Return the sorted names of the whole directories directly below `relative`."""
        return [name for name in self.names(relative) if self.exists(f"{relative}/{name}/{MARKER}")]

    def _place(self, relative: str) -> str:
        return f"{self.url}: {relative}"

    def _attempted(self, relative: str, act: Callable[[], T]) -> T:
        return attempted(self._place(relative), act, is_patient=self.is_patient)


def json_bytes(value: Any) -> bytes:
    """Return a value as readable JSON with sorted keys, as `Store.publish_json` writes it."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def storage_fault(url: str) -> str | None:
    """Return what is wrong with the address of a storage, as the end of a sentence; None where nothing is."""
    scheme, separator, rest = url.partition("://")
    if not url.strip() or "\0" in url:
        return "is not a folder; give a path or s3://bucket/prefix"
    if not separator:
        beginning = re.match(r"[a-z][a-z0-9+]+:/", url)  # also what `//` becomes when a path is normalised
        return f"is not a folder's path; did you mean {beginning[0]}/…?" if beginning else None
    if "::" in url and (scheme != "file" or "://" in rest):
        return "is not one address; chains of file systems (`::`) are not supported"
    if scheme == "file":
        return None if rest.startswith("/") else "is not a folder on this machine; write file:///path or the path alone"
    if scheme not in _SCHEMES:
        return f"is not a storage that is supported: {scheme}:// is none of a folder, {', '.join(_SUPPORTED)}"
    return None if rest.strip("/") else f"is not whole; write {scheme}://bucket/prefix"


def open_store(url: str, base: Path | None = None) -> Store:
    """Return the store at `url`; a relative folder starts at `base` (default: the working directory).

    `file:///path` is the folder `/path`. Raises ConfigurationError for other addresses than of a folder or of S3.
    """
    if fault := storage_fault(url):
        raise ConfigurationError(f"storage: {escaped(url)} {fault}")
    if "://" in url and not url.startswith("file://"):
        return Store(url.rstrip("/"))
    try:
        folder = Path(url.removeprefix("file://")).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"storage: {escaped(url)}: {error}") from error
    return Store(str((base or Path.cwd()).joinpath(folder).resolve()))


def temporary_beside(target: Path) -> Path:
    """Return a new name beside `target`, short because the target's may have the longest length possible."""
    return target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"


@contextmanager
def _written_beside(target: Path, write: Callable[[BinaryIO], object], *, keep_cached: bool = True) -> Iterator[Path]:
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
