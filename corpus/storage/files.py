"""Files: one URL (a folder or `s3://bucket/prefix`) holds all files that the stages hand to each other.

Paths are relative to the root, with `/`; a path that leaves the root is refused. Every file is published whole: written
under a temporary name, flushed and renamed (an object store's single PUT is atomic by itself). Several processes may
share a store, so listings are never cached.

Every method raises StorageUnavailableError where the disk or the service refuses or does not answer
(`corpus.storage.errors`), and tries again before where that may pass.
"""

import os
import posixpath
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import fsspec

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import local as folder
from corpus.storage import other, s3
from corpus.storage.backend import TEMPORARY_PREFIX, Backend, Entry
from corpus.storage.errors import attempted, unavailable
from corpus.storage.requests import watch

T = TypeVar("T")

_conditional: dict[tuple[str, str], bool] = {}
"""Which stores have conditional writes, as far as this process has tried."""


@dataclass(frozen=True)
class Files:
    """The files below one root URL; plain data, so that it can be sent to Dask and Ray workers."""

    url: str
    is_patient: bool = True
    """Whether what may pass is tried again; False: one attempt, for a check that a person waits for."""

    @property
    def filesystem(self) -> Any:
        """The fsspec file system of the root (fsspec keeps one instance per process)."""
        # no cached listings: another process may have added or removed files since
        if self.is_local:  # fsspec would take `::` in a folder's path for a chain of file systems
            return fsspec.filesystem("file", use_listings_cache=False)
        if not self.is_s3:
            return fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]
        attempts = {"retries": {"total_max_attempts": s3.ATTEMPTS if self.is_patient else 1}, **s3.TIMEOUTS}
        filesystem = fsspec.core.url_to_fs(self.url, use_listings_cache=False, config_kwargs=attempts)[0]
        filesystem.retries = 1  # s3fs's own, which would multiply ours; other options make another instance
        watch(filesystem.s3)
        return filesystem

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder on this machine."""
        return "://" not in self.url

    @property
    def is_s3(self) -> bool:
        """Whether the root is in an object store that speaks S3."""
        return self.url.startswith("s3://")

    @property
    def _backend(self) -> Backend:
        return folder if self.is_local else s3 if self.is_s3 else other

    def path(self, relative: str) -> str:
        """Return the full path of `relative` in the file system; raises StorageError for a path outside the root."""
        normal = posixpath.normpath(relative)
        if normal.startswith(("/", "..")) or "\0" in relative:
            raise StorageError(f"{relative!r} is not a path inside {self.url}")
        root = self.url.removeprefix("s3://") if self.is_s3 or self.is_local else fsspec.core.url_to_fs(self.url)[1]
        root = str(root).rstrip("/")
        return root if normal == "." else f"{root}/{normal}"

    def exists(self, relative: str) -> bool:
        """Whether there is a whole file at `relative`; an object store has no directories."""
        path = self.path(relative)
        return self._attempted(relative, lambda: self._backend.exists(self.filesystem, path))

    def size_bytes(self, relative: str) -> int:
        """Return the size of the file at `relative`; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            return self._attempted(relative, lambda: self._backend.size_bytes(self.filesystem, path))
        except FileNotFoundError as error:
            self._check_bucket(relative)
            raise StorageError(f"{self.url}: no file {relative}") from error

    def names(self, relative: str, beginning: str = "") -> list[str]:
        """Return the sorted names directly below a directory, without temporary ones; none if it is missing.

        `beginning`: of the names that are wanted; others are not even listed.
        """
        path = self.path(relative)
        try:
            found = self._attempted(relative, lambda: self._backend.names(self.filesystem, path, beginning))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted({name for name in found if name and not name.startswith(TEMPORARY_PREFIX)})

    def paths(self, relative: str, most: int) -> set[str] | None:
        """Return the paths of all files below a directory; None where there are more than `most`, or may be.

        In an object store this costs a request for every thousand files.
        """
        path = self.path(relative)
        found = self._attempted(relative, lambda: self._backend.below(self.filesystem, path, most))
        return None if len(found) > most else {self._relative(one) for one in found}

    def entries(self, relative: str, beginning: str = "") -> dict[str, Entry]:
        """Return what a listing tells of all files below a directory, by path, without temporary ones.

        `beginning`: of the paths in it that are wanted. In an object store this costs a request for every thousand
        files.
        """
        path = self.path(relative)
        found = self._attempted(relative, lambda: self._backend.entries(self.filesystem, path, beginning))
        told = {self._relative(one): entry for one, entry in found.items()}
        return {one: entry for one, entry in sorted(told.items()) if f"/{TEMPORARY_PREFIX}" not in f"/{one}"}

    def modified_at_s(self, relative: str) -> float:
        """Return when a file was last written, in seconds since 1970; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            return self._attempted(relative, lambda: self._backend.modified_at_s(self.filesystem, path))
        except (FileNotFoundError, IsADirectoryError) as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def read(self, relative: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start:end` of a file; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            return self._attempted(relative, lambda: self._backend.read(self.filesystem, path, start, end))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    @contextmanager
    def open(self, relative: str) -> Iterator[BinaryIO]:
        """Open a file for reading and seeking during a `with` block; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            file = self._attempted(relative, lambda: cast(BinaryIO, self.filesystem.open(path, "rb")))
        except FileNotFoundError as error:
            self._check_bucket(relative)
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
        self._attempted(relative, lambda: self._backend.publish(self.filesystem, path, data, keep_cached=keep_cached))

    def publish_file(self, relative: str, local: Path) -> None:
        """Publish a copy of a finished local file, whole or not at all."""
        path = self.path(relative)
        self._attempted(relative, lambda: self._backend.publish_file(self.filesystem, path, local))

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole new file and return True, or return False where there is one; of several processes one wins.

        That needs an object store with conditional writes (`has_conditional_writes`), or a folder's file system with
        hard links; raises StorageError where it has none. False is no proof that another process has written the
        file: an object store is asked again where its answer was lost.
        """
        path = self.path(relative)
        return self._attempted(relative, lambda: self._backend.create(self.filesystem, path, data))

    def has_conditional_writes(self, directory: str) -> bool:
        """Whether of several processes that create one file only one can win; tried out in `directory`, once a process.

        Amazon's S3, moto and recent MinIO can; some stores refuse the header `If-None-Match`, or pass it over.
        """
        if not self.is_s3:
            return True
        service = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        place = (self.url, service)
        if place not in _conditional:
            path = self.path(f"{directory}/{TEMPORARY_PREFIX}{secrets.token_hex(8)}")
            _conditional[place] = self._attempted(directory, lambda: s3.has_conditional_writes(self.filesystem, path))
        return _conditional[place]

    def remove(self, relative: str) -> None:
        """Remove a file or a whole directory, if it exists; of a directory, the marker goes first.

        An interrupted removal therefore leaves a directory that does not count as whole. Raises StorageError for the
        root.
        """
        path = self.path(relative)
        if path == self.path("."):
            raise StorageError(f"{self.url}: the root of the storage is not removed")
        self._attempted(relative, lambda: self._backend.remove(self.filesystem, path))

    def remove_file(self, relative: str) -> None:
        """Remove a file, if it exists; a directory of this name stays."""
        path = self.path(relative)
        self._attempted(relative, lambda: self._backend.remove_file(self.filesystem, path))

    def sweep_temporary(self, directory: str, older_than_s: float) -> int:
        """Remove older files that killed writers left directly below a directory; return how many there were.

        Of an object store, the parts of uploads that were cut off, at any depth. `older_than_s` must be more seconds
        than any write takes.
        """
        path = self.path(directory)
        try:
            return self._attempted(directory, lambda: self._backend.sweep(self.filesystem, path, older_than_s))
        except StorageUnavailableError:
            if self.is_s3:  # not every key may list uploads, nor every store; what is left only costs
                return 0
            raise

    def _check_bucket(self, relative: str) -> None:
        if self.is_s3:  # of a bucket that is missing as well, HEAD says nothing
            self._attempted(relative, lambda: s3.check_bucket(self.filesystem, self.path("")))

    def _relative(self, path: str) -> str:
        return path.removeprefix(f"{self.path('.')}/")

    def _place(self, relative: str) -> str:
        return f"{self.url}: {relative}"

    def _attempted(self, relative: str, act: Callable[[], T]) -> T:
        return attempted(self._place(relative), act, is_patient=self.is_patient)
