"""Members: reads the bytes at given places of the pool's tars, in the given order.

On a local store each tar is opened once and read at its offsets. On an object store the next few dozen places are
fetched at once, since each request takes tens of milliseconds. A tar that is missing or shorter than its index says is
refused. A disk or a service that does not answer is a StorageUnavailableError, as for every other file of the store.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Self, TypeVar

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.storage_errors import attempted, failure_of
from shards.entries import POOL

OPEN_TARS_MAX = 128
"""Tars kept open; Linux allows a process 1,024 files by default, and a machine runs many loaders."""
AHEAD = 32
"""Places fetched at once from an object store."""

Tag = TypeVar("Tag")
Place = tuple[str, int, int]
"""File name of a tar in the pool, offset and length in bytes."""


class Members:
    """A reader for one process and thread; close it, or use it in a `with`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._handles: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tars opened so far."""
        while self._handles:
            os.close(self._handles.popitem()[1])

    def read(self, places: Iterable[tuple[Tag, Place]]) -> Iterator[tuple[Tag, bytes]]:
        """Yield the bytes at each place with that place's tag; raises StorageError where they are missing."""
        if self._store.is_local:
            for tag, place in places:
                yield tag, self._checked(place, self._read_local(place))
            return
        rest = iter(places)
        while batch := list(islice(rest, AHEAD)):
            for (tag, place), data in zip(batch, self._fetch([place for _, place in batch]), strict=True):
                yield tag, self._checked(place, data)

    def fetch(self, places: Sequence[Place]) -> list[bytes | Exception]:
        """Return the bytes at each place, or the StorageError of a place whose bytes are missing."""
        answers: list[bytes | Exception] = []
        for place in places:
            try:
                answers += [data for _, data in self.read([(None, place)])]
            except StorageError as error:
                answers.append(error)
        return answers

    def _read_local(self, place: Place) -> bytes:
        tar, offset_bytes, length_bytes = place
        handle = self._handles.get(tar)
        if handle is None:
            if len(self._handles) >= OPEN_TARS_MAX:
                os.close(self._handles.pop(next(iter(self._handles))))
            path = self._store.path(f"{POOL}/{tar}")
            try:
                handle = attempted(self._where(tar), lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            except FileNotFoundError as error:
                raise self._missing(tar) from error
            self._handles[tar] = handle
        return attempted(self._where(tar), lambda: os.pread(handle, length_bytes, offset_bytes))

    def _where(self, tar: str) -> str:
        return f"{self._store.url}: {POOL}/{tar}"

    def _fetch(self, places: list[Place]) -> list[bytes]:
        paths = [self._store.path(f"{POOL}/{tar}") for tar, _, _ in places]
        starts = [offset_bytes for _, offset_bytes, _ in places]
        ends = [offset_bytes + length_bytes for _, offset_bytes, length_bytes in places]
        answers: list[bytes | BaseException] = self._store.filesystem.cat_ranges(paths, starts, ends, on_error="return")
        return [self._told(place, answer) for place, answer in zip(places, answers, strict=True)]

    def _told(self, place: Place, answer: bytes | BaseException) -> bytes:
        """Return the bytes at a place; asks once more, with pauses, where the store could not give them just now."""
        tar, offset_bytes, length_bytes = place
        if isinstance(answer, Exception) and failure_of(answer) is not None:
            try:
                return self._store.read(f"{POOL}/{tar}", offset_bytes, offset_bytes + length_bytes)
            except StorageError as error:
                raise self._missing(tar) from error
        if isinstance(answer, FileNotFoundError):
            raise self._missing(tar) from answer
        if isinstance(answer, BaseException):
            raise StorageError(f"{self._store.url}: {POOL}/{tar} cannot be read: {answer}") from answer
        return answer

    def _checked(self, place: Place, data: bytes) -> bytes:
        tar, offset_bytes, length_bytes = place
        if len(data) != length_bytes:
            raise StorageError(
                f"{self._store.url}: {POOL}/{tar} has {len(data)} bytes at {offset_bytes}, not {length_bytes}; "
                "delete the tar and its entry, then curate again"
            )
        return data

    def _missing(self, tar: str) -> StorageError:
        return StorageError(f"{self._store.url}: no file {POOL}/{tar}; delete its entry, if any, then curate again")
