"""Storage: one URL (a folder or `s3://bucket/prefix`) holds everything the stages hand to each other.

In: paths relative to the root, with `/`. Out: bytes, Arrow tables, markers. Everything is published last:
written under a temporary name, flushed, renamed (an object store's single PUT is atomic by itself).
A directory is whole when its marker `_done.json` stands in it. Refuses paths that leave the root.
"""

import json
import os
import posixpath
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import StorageError

MARKER = "_done.json"
TEMPORARY_PREFIX = ".tmp-"


@dataclass(frozen=True)
class Store:
    """The files below one root URL; plain data, so it travels to Dask and Ray workers.

    Build it with `open_store`, which turns a relative folder into an absolute one.
    """

    url: str

    @property
    def filesystem(self) -> Any:
        """The fsspec file system of the root (fsspec keeps one instance a process)."""
        return fsspec.core.url_to_fs(self.url)[0]

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of this machine."""
        return "://" not in self.url

    def path(self, relative: str) -> str:
        """Return the file system's full path of `relative`.

        Raises StorageError for a path that would leave the root.
        """
        normal = posixpath.normpath(relative)
        if normal.startswith(("/", "..")) or "\0" in relative:
            raise StorageError(f"{relative!r} is not a path inside {self.url}")
        root = str(fsspec.core.url_to_fs(self.url)[1]).rstrip("/")
        return root if normal == "." else f"{root}/{normal}"

    def exists(self, relative: str) -> bool:
        """Whether a whole file or a directory stands at `relative`."""
        return bool(self.filesystem.exists(self.path(relative)))

    def size_bytes(self, relative: str) -> int:
        """Return the size of the file at `relative`; raises StorageError where there is none."""
        try:
            return int(self.filesystem.size(self.path(relative)))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def names(self, relative: str) -> list[str]:
        """Return the sorted names directly below a directory, temporary ones left out; none if it is missing."""
        try:
            # refresh: another process (a crawler) may have written since this one last looked
            entries = self.filesystem.ls(self.path(relative), detail=False, refresh=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = {posixpath.basename(str(entry).rstrip("/")) for entry in entries}
        return sorted(name for name in names if name and not name.startswith(TEMPORARY_PREFIX))

    def read(self, relative: str, start: int | None = None, end: int | None = None) -> bytes:
        """Return the bytes `start:end` of a file; raises StorageError where there is none."""
        try:
            return cast(bytes, self.filesystem.cat_file(self.path(relative), start=start, end=end))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def open(self, relative: str) -> BinaryIO:
        """Open a file for reading and seeking; raises StorageError where there is none."""
        try:
            return cast(BinaryIO, self.filesystem.open(self.path(relative), "rb"))
        except FileNotFoundError as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

    def publish(self, relative: str, data: bytes) -> None:
        """Write a whole file or nothing."""
        if not self.is_local:
            self.filesystem.pipe_file(self.path(relative), data)
            return
        target = Path(self.path(relative))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_beside(target)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def publish_file(self, relative: str, local: Path) -> None:
        """Publish a copy of a finished local file, whole or not at all."""
        if not self.is_local:
            self.filesystem.put_file(str(local), self.path(relative))
            return
        target = Path(self.path(relative))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_beside(target)
        try:
            with local.open("rb") as source, temporary.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def publish_json(self, relative: str, value: Any) -> None:
        """Publish a value as readable JSON with sorted keys: equal values give equal bytes."""
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
        self.publish(relative, (text + "\n").encode())

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
            return pq.read_table(pa.BufferReader(self.read(relative)), columns=columns)
        except pa.ArrowInvalid as error:
            raise StorageError(f"{self.url}: {relative} is not Parquet: {error}") from error

    def mark_done(self, directory: str, details: dict[str, Any]) -> None:
        """Publish the marker that says `directory` is whole; write it last.

        What is marked stays as it is, but for a crawl's window in which failed photos were tried again: its records
        are replaced as one file, and the marker after them.
        """
        self.publish_json(f"{directory}/{MARKER}", details)

    def done(self, directory: str) -> dict[str, Any] | None:
        """Return the marker of a whole directory, None for one that is not."""
        if not self.exists(f"{directory}/{MARKER}"):
            return None
        return cast(dict[str, Any], self.read_json(f"{directory}/{MARKER}"))

    def done_names(self, relative: str) -> list[str]:
        """Return the sorted names of the whole directories directly below `relative`."""
        return [name for name in self.names(relative) if self.exists(f"{relative}/{name}/{MARKER}")]


def open_store(url: str, base: Path | None = None) -> Store:
    """Return the store at `url`; a relative folder is taken from `base` (default: the working directory)."""
    if "://" in url:
        return Store(url.rstrip("/"))
    return Store(str((base or Path.cwd()).joinpath(Path(url).expanduser()).resolve()))


def _temporary_beside(target: Path) -> Path:
    """Return a name no other writer has; short, since the target's own name may be as long as a name can be."""
    return target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
