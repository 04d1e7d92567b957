"""Members: reads the bytes at given places of the pool's tars.

On a local store each tar is opened once and read at its offsets. On an object store places near each other in a tar
become one request, many requests are under way at once, and the bytes asked for ahead are bounded. A tar that is
missing or shorter than its index says is refused. A disk or a service that does not answer is a
StorageUnavailableError, as for every other file of the store.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import NamedTuple, Self, TypeVar

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.storage.errors import attempted
from shards.entries import MEND, POOL
from shards.remote.ranges import CONNECTIONS, RangeReads

OPEN_TARS_MAX = 128
"""Tars kept open; Linux allows a process 1,024 files by default, and a machine runs many loaders."""
GAP_BYTES = 64 << 10
"""Most unwanted bytes between two places that are read by one request: they cost less than another request."""
REQUEST_BYTES = 8 << 20
"""Most bytes of one request for several places: half a second of one connection of 20 MB/s."""
BATCH_PLACES = 32
"""Places that `read` plans requests for together."""
AHEAD_BYTES = 64 << 20
"""Bytes that `read` asks for ahead of its caller, or one batch where that is more."""

Tag = TypeVar("Tag")
Place = tuple[str, int, int]
"""File name of a tar in the pool, offset and length in bytes."""


class Request(NamedTuple):
    """One range of one tar, and the places (by their number) that lie in it."""

    tar: str
    start: int
    end: int
    numbers: tuple[int, ...]


def plan_requests(places: Sequence[Place]) -> list[Request]:
    """Return the requests for places, given in any order; those of one tar near each other share one."""
    requests: list[Request] = []
    for number in sorted(range(len(places)), key=places.__getitem__):
        tar, start, length_bytes = places[number]
        end = start + length_bytes
        if requests:
            last = requests[-1]
            whole = max(end, last.end)
            if last.tar == tar and start - last.end <= GAP_BYTES and whole - last.start <= REQUEST_BYTES:
                requests[-1] = Request(tar, last.start, whole, (*last.numbers, number))
                continue
        requests.append(Request(tar, start, end, (number,)))
    return requests


class Members:
    """A reader for one process, which its threads may share; close it, or use it in a `with`."""

    def __init__(self, store: Store, connections: int = CONNECTIONS) -> None:
        self._store, self._connections = store, connections
        self._open: dict[str, _OpenTar] = {}
        self._changing = Lock()
        self._ranges: RangeReads | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tars opened so far and end the threads."""
        self._open.clear()
        if self._ranges is not None:
            self._ranges.close()
            self._ranges = None

    def fetch(self, places: Sequence[Place]) -> list[bytes | Exception]:
        """Return the bytes at each place, or the StorageError of a place whose bytes are missing.

        Raises StorageUnavailableError where the disk or the service does not answer.
        """
        return [answer for _, answer in self.read(enumerate(places))]

    def read(self, places: Iterable[tuple[Tag, Place]]) -> Iterator[tuple[Tag, bytes | Exception]]:
        """Yield what `fetch` returns, with each place's tag; from an object store, each as soon as it has come.

        Requests are under way for as many of the next places as AHEAD_BYTES allows.
        """
        if self._store.is_local:
            for tag, place in places:
                yield tag, self._tried(place)
            return
        ahead: deque[tuple[list[Tag], list[_Waiting], int]] = deque()
        under_way_bytes = 0
        batches = _batches(places)
        batch = next(batches, None)
        while ahead or batch is not None:
            while batch is not None and (not ahead or under_way_bytes < AHEAD_BYTES):
                tags, wanted = batch
                waiting, size_bytes = self._asked(wanted)
                ahead.append((tags, waiting, size_bytes))
                under_way_bytes += size_bytes
                batch = next(batches, None)
            tags, waiting, size_bytes = ahead.popleft()
            for tag, (place, request, wait) in zip(tags, waiting, strict=True):
                yield tag, self._answer(place, request, wait)
            under_way_bytes -= size_bytes

    def _asked(self, places: Sequence[Place]) -> "tuple[list[_Waiting], int]":
        """Begin to read all places; return what waits for each, and the bytes that were asked for."""
        waiting: dict[int, _Waiting] = {}
        size_bytes = 0
        for request in plan_requests(places):
            tar, start, end, numbers = request
            with self._changing:
                self._ranges = self._ranges or RangeReads(self._store, self._connections)
            wait = self._ranges.submit(f"{POOL}/{tar}", start, end).result
            size_bytes += end - start
            waiting |= {number: (places[number], request, wait) for number in numbers}
        return [waiting[number] for number in range(len(places))], size_bytes

    def _answer(self, place: Place, request: Request, wait: Callable[[], bytes]) -> bytes | Exception:
        try:
            data = wait()
        except StorageError as error:
            return self._missing(request.tar, error)
        _, start, length_bytes = place
        part = data[start - request.start : start - request.start + length_bytes]
        return part if len(part) == length_bytes else self._short(place, len(part))

    def _tried(self, place: Place) -> bytes | Exception:
        try:
            return self._read_local(place)
        except StorageError as error:
            return error

    def _read_local(self, place: Place) -> bytes:
        tar, offset_bytes, length_bytes = place
        opened = self._open.get(tar) or self._opened(tar, self._store.path(f"{POOL}/{tar}"))
        data = self._bytes(tar, opened, offset_bytes, offset_bytes + length_bytes)
        if len(data) != length_bytes:
            raise self._short(place, len(data))
        return data

    def _opened(self, tar: str, path: str) -> "_OpenTar":
        try:
            opened = _OpenTar(attempted(self._where(tar), lambda: os.open(path, os.O_RDONLY | os.O_CLOEXEC)))
        except FileNotFoundError as error:
            raise self._missing(tar, error) from error
        with self._changing:
            while len(self._open) >= OPEN_TARS_MAX:
                del self._open[next(iter(self._open))]
            self._open[tar] = opened
        return opened

    def _bytes(self, tar: str, opened: "_OpenTar", start: int, end: int) -> bytes:
        return attempted(self._where(tar), lambda: os.pread(opened.handle, end - start, start))

    def _where(self, tar: str) -> str:
        return f"{self._store.url}: {POOL}/{tar}"

    def _short(self, place: Place, found_bytes: int) -> StorageError:
        tar, offset_bytes, length_bytes = place
        return StorageError(f"{self._where(tar)} has {found_bytes} bytes at {offset_bytes}, not {length_bytes}; {MEND}")

    def _missing(self, tar: str, cause: Exception) -> StorageError:
        error = StorageError(f"{self._store.url}: no file {POOL}/{tar}; curate again")
        error.__cause__ = cause
        return error


_Waiting = tuple[Place, Request, Callable[[], bytes]]
"""A place, the request whose bytes hold it, and what returns these bytes."""


class _OpenTar:
    """A tar's handle; it is closed with its last user, so that no thread reads from one that another has closed."""

    __slots__ = ("handle",)

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __del__(self) -> None:
        os.close(self.handle)


def _batches(places: Iterable[tuple[Tag, Place]]) -> Iterator[tuple[list[Tag], list[Place]]]:
    tags: list[Tag] = []
    wanted: list[Place] = []
    size_bytes = 0
    for tag, place in places:
        tags.append(tag)
        wanted.append(place)
        size_bytes += place[2]
        if len(wanted) >= BATCH_PLACES or size_bytes >= REQUEST_BYTES:
            yield tags, wanted
            tags, wanted, size_bytes = [], [], 0
    if wanted:
        yield tags, wanted
