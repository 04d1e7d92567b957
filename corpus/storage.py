"""Storage: one URL (a folder or `s3://bucket/prefix`) holds everything the stages hand to each other.

In: paths relative to the root, with `/`. Out: bytes, Arrow tables, markers. Everything is published last:
written under a temporary name, flushed, renamed (an object store's single PUT is atomic by itself).
Several processes may work in one store at a time: what is asked is asked of the store, never of a cache.
A directory is whole when its marker `_done.json` stands in it. Refuses paths that leave the root.
"""

import json
import os
import posixpath
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
        # no listings kept: what stands in one now, another process may have removed since, or put there
        return fsspec.core.url_to_fs(self.url, use_listings_cache=False)[0]

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
            entries = self.filesystem.ls(self.path(relative), detail=False)
        except (FileNotFoundError, NotADirectoryError):
            return []
        names = {posixpath.basename(str(entry).rstrip("/")) for entry in entries}
        return sorted(name for name in names if name and not name.startswith(TEMPORARY_PREFIX))

    def modified_at_s(self, relative: str) -> float:
        """Return when a file was last written, in seconds since 1970; raises StorageError where there is none."""
        try:
            return float(self.filesystem.modified(self.path(relative)).timestamp())
        except (FileNotFoundError, IsADirectoryError) as error:
            raise StorageError(f"{self.url}: no file {relative}") from error

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

    def publish(self, relative: str, data: bytes, *, keep_cached: bool = True) -> None:
        """Write a whole file or nothing.

        `keep_cached`: leave it in the machine's memory, for whoever reads it next. A crawl of terabytes would push
        everything else out, and filling memory costs more than writing: 2.9 CPU seconds a GB against 0.7.
        """
        if not self.is_local:
            self.filesystem.pipe_file(self.path(relative), data)
            return
        with _temporary_beside(Path(self.path(relative))) as (target, temporary):
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                if not keep_cached and hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            temporary.replace(target)

    def create(self, relative: str, data: bytes) -> bool:
        """Write a whole new file and return True, or return False where one stands; of several processes one wins.

        An object store must know conditional PUTs (`If-None-Match: *`, as Amazon's S3 does), a folder's file system
        hard links; raises StorageError where it has none.
        """
        if not self.is_local:
            try:
                self.filesystem.pipe_file(self.path(relative), data, mode="create")
            except OSError:  # which one a refused PUT becomes differs between object stores
                if self.exists(relative):
                    return False
                raise
            return True
        with _temporary_beside(Path(self.path(relative))) as (target, temporary):
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, target)  # unlike a rename, it never takes the place of a file that stands there
            except FileExistsError:
                return False
            except OSError as error:
                raise StorageError(
                    f"{self.url}: {relative} cannot be linked ({error.strerror}); put the storage on a file system "
                    "that knows hard links"
                ) from error
        return True

    def remove(self, relative: str) -> None:
        """Remove a file or a whole directory, its marker first; one that is not there is none the worse.

        Cut off in between it leaves a directory that is not whole. Raises StorageError for the root.
        """
        path = self.path(relative)
        if path == self.path("."):
            raise StorageError(f"{self.url}: the root of the storage is not removed")
        # not the file system's own `rm`: to that one, a path with * or [ in it is a pattern
        if not self.is_local:
            files = [str(file) for file in self.filesystem.find(path)]
            for file in sorted(files, key=lambda file: not file.endswith(f"/{MARKER}")):
                with suppress(FileNotFoundError):  # another process removes the same
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
        """Remove what killed writers left directly below a directory, if older; return how many files that were.

        An object store has none. `older_than_s` must be more than any write takes.
        """
        swept = 0
        if self.is_local:
            for leftover in Path(self.path(directory)).glob(f"{TEMPORARY_PREFIX}*"):
                with suppress(FileNotFoundError):  # another process sweeps, too, or the writer has just ended
                    if leftover.is_file() and time.time() - leftover.stat().st_mtime > older_than_s:
                        leftover.unlink()
                        swept += 1
        return swept

    def publish_file(self, relative: str, local: Path) -> None:
        """Publish a copy of a finished local file, whole or not at all."""
        if not self.is_local:
            self.filesystem.put_file(str(local), self.path(relative))
            return
        with _temporary_beside(Path(self.path(relative))) as (target, temporary):
            with local.open("rb") as source, temporary.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)

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


@contextmanager
def _temporary_beside(target: Path) -> Iterator[tuple[Path, Path]]:
    """Make the target's folder and lend a name no other writer has; nothing is left under that name afterwards.

    The name is short, since the target's own may be as long as a name can be.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
    try:
        yield target, temporary
    finally:
        temporary.unlink(missing_ok=True)
