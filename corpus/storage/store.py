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

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import s3
from corpus.storage.errors import attempted, unavailable
from corpus.storage.local import TEMPORARY_PREFIX, written_beside
from corpus.storage.parquet import read_parquet
from corpus.storage.requests import watch

T = TypeVar("T")

MARKER = "_done.json"
_conditional: dict[tuple[str, str], bool] = {}
"""Which stores have conditional writes, as far as this process has tried."""
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
        if self.is_s3:
            return self._attempted(relative, lambda: s3.exists(self.filesystem, path))
        return bool(self._attempted(relative, lambda: self.filesystem.exists(path)))

    def size_bytes(self, relative: str) -> int:
        """Return the size of the file at `relative`; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            if self.is_s3:
                return int(self._attempted(relative, lambda: s3.head(self.filesystem, path)["ContentLength"]))
            return int(self._attempted(relative, lambda: self.filesystem.size(path)))
        except FileNotFoundError as error:
            self._check_bucket(relative)
            raise StorageError(f"{self.url}: no file {relative}") from error

    def _check_bucket(self, relative: str) -> None:
        if self.is_s3:  # of a bucket that is missing as well, HEAD says nothing
            self._attempted(relative, lambda: s3.check_bucket(self.filesystem, self.path("")))

    def names(self, relative: str) -> list[str]:
        """Return the sorted names directly below a directory, without temporary ones; none if it is missing."""
        path = self.path(relative)
        try:
            if self.is_s3:
                entries = self._attempted(relative, lambda: s3.names(self.filesystem, path))
            else:
                entries = self._attempted(relative, lambda: self.filesystem.ls(path, detail=False))
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = {posixpath.basename(str(entry).rstrip("/")) for entry in entries}
        return sorted(name for name in names if name and not name.startswith(TEMPORARY_PREFIX))

    def paths(self, relative: str, most: int) -> set[str] | None:
        """Return the paths of all files below a directory; None where there are more than `most`, or may be.

        In an object store this costs a request for every thousand files.
        """
        path, root = self.path(relative), self.path(".")

        def listed() -> list[str]:
            if self.is_s3:
                return s3.below(self.filesystem, path, most)
            return [str(one) for one in self.filesystem.find(path)]

        found = self._attempted(relative, listed)
        return None if len(found) > most else {one.removeprefix(f"{root}/") for one in found}

    def modified_at_s(self, relative: str) -> float:
        """Return when a file was last written, in seconds since 1970; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            if self.is_s3:
                written = self._attempted(relative, lambda: s3.head(self.filesystem, path)["LastModified"])
            else:
                written = self._attempted(relative, lambda: self.filesystem.modified(path))
            return float(written.timestamp())
        except (FileNotFoundError, IsADirectoryError) as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def read(self, relative: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start:end` of a file; raises StorageError where there is none."""
        path = self.path(relative)
        try:
            if self.is_s3:
                return self._attempted(relative, lambda: s3.read(self.filesystem, path, start, end))
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

        def write() -> None:
            if self.is_s3:
                s3.publish(self.filesystem, path, data)
                return
            if not self.is_local:
                self.filesystem.pipe_file(path, data)
                return
            with written_beside(Path(path), lambda file: file.write(data), keep_cached=keep_cached) as temporary:
                temporary.replace(path)

        self._attempted(relative, write)

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole new file and return True, or return False where there is one; of several processes one wins.

        That needs an object store with conditional writes (`has_conditional_writes`), or a folder's file system with
        hard links; raises StorageError where it has none. False is no proof that another process has written the
        file: an object store is asked again where its answer was lost.
        """
        return self._attempted(relative, lambda: self._create(relative, data))

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

    def _create(self, relative: str, data: bytes) -> bool:
        if self.is_s3:
            return s3.create(self.filesystem, self.path(relative), data)
        if not self.is_local:
            try:
                self.filesystem.pipe_file(self.path(relative), data, mode="create")
            except OSError:  # object stores differ in how they report a refused PUT
                if self.filesystem.exists(self.path(relative)):
                    return False
                raise
            return True
        target = Path(self.path(relative))
        with written_beside(target, lambda file: file.write(data)) as temporary:
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
        if self.is_s3:
            found = s3.below(self.filesystem, path)
            marker = [file for file in found if file == f"{path}/{MARKER}"]
            s3.remove(self.filesystem, marker)
            s3.remove(self.filesystem, [file for file in found if file not in marker])
            return
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
            _remove_file(target)

    def remove_file(self, relative: str) -> None:
        """Remove a file, if it exists; a directory of this name stays."""
        path = self.path(relative)
        if self.is_s3:
            self._attempted(relative, lambda: s3.remove(self.filesystem, [path]))
        elif self.is_local:
            self._attempted(relative, lambda: _remove_file(Path(path)))
        elif not self.filesystem.isdir(path):
            self._attempted(relative, lambda: self._remove(path))

    def sweep_temporary(self, directory: str, older_than_s: float) -> int:
        """Remove older files that killed writers left directly below a directory; return how many there were.

        Of an object store, the parts of uploads that were cut off. `older_than_s` must be more seconds than any write
        takes.
        """
        if self.is_s3:
            path = self.path(directory)
            try:
                return self._attempted(directory, lambda: s3.give_up_uploads(self.filesystem, path, older_than_s))
            except StorageUnavailableError:  # not every key may list them, nor every store; they only cost
                return 0
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
            if self.is_s3:
                s3.publish_file(self.filesystem, path, local)
                return
            if not self.is_local:
                self.filesystem.put_file(str(local), path)
                return
            with (
                local.open("rb") as source,
                written_beside(Path(path), lambda file: shutil.copyfileobj(source, file, 1 << 20)) as temporary,
            ):
                temporary.replace(path)

        self._attempted(relative, write)

    def publish_json(self, relative: str, value: Any) -> None:
        """Publish a value as readable JSON with sorted keys: equal values give equal bytes."""
        self.publish(relative, json_bytes(value))

    def read_json(self, relative: str) -> Any:
        """Return the value of a JSON file; raises StorageError where it is missing or not JSON."""
        return self._json(relative, self.read(relative))

    def _json(self, relative: str, data: bytes) -> Any:
        try:
            return json.loads(data)
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
        marker = f"{directory}/{MARKER}"
        path = self.path(marker)
        if self.is_s3:  # one request instead of two
            try:
                data = self._attempted(marker, lambda: s3.read(self.filesystem, path, None, None))
            except FileNotFoundError:
                return None
            return cast(dict[str, Any], self._json(marker, data))
        return cast(dict[str, Any], self.read_json(marker)) if self.exists(marker) else None

    def done_names(self, relative: str) -> list[str]:
        """Return the sorted names of the whole directories directly below `relative`."""
        if self.is_s3:
            path = self.path(relative)
            return sorted(self._attempted(relative, lambda: s3.names_with(self.filesystem, path, MARKER)))
        return [name for name in self.names(relative) if self.exists(f"{relative}/{name}/{MARKER}")]

    def _place(self, relative: str) -> str:
        return f"{self.url}: {relative}"

    def _attempted(self, relative: str, act: Callable[[], T]) -> T:
        return attempted(self._place(relative), act, is_patient=self.is_patient)


def _remove_file(target: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        target.unlink()


def json_bytes(value: Any) -> bytes:
    """Return a value as readable JSON with sorted keys, as `Store.publish_json` writes it."""
    return (_spelled(value, 1) + "\n").encode()


def _spelled(value: Any, depth: int) -> str:
    """Return what `json.dumps` returns with an indent of 1, for a value `depth` - 1 deep.

    With an indent Python's encoder is a generator of small texts. So each object and list that holds no other is
    spelled at once, by the encoder in C, with line breaks for separators.
    """
    if not isinstance(value, dict | list | tuple) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner, outer = "\n" + " " * depth, "\n" + " " * (depth - 1)
    held = list(value.values()) if isinstance(value, dict) else value
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        return outer.join(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).split("\n"))
    if not any(isinstance(one, dict | list | tuple) for one in held):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(f",{inner}", ": "))
        return f"{text[0]}{inner}{text[1:-1]}{outer}{text[-1]}"
    if isinstance(value, dict):
        told = [
            f"{json.dumps(key, ensure_ascii=False)}: {_spelled(one, depth + 1)}" for key, one in sorted(value.items())
        ]
        return "{" + inner + f",{inner}".join(told) + outer + "}"
    return "[" + inner + f",{inner}".join(_spelled(one, depth + 1) for one in held) + outer + "]"
