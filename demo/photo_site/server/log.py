"""Log: records requests, what was sent and how many were open at once, for tests and benchmarks to read.

A request counts as over just before its last bytes leave, and bytes count when they are handed to the socket. So a
client that has its answer finds it here, and its earlier requests no longer count as open.
"""

import dataclasses
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

Kind = Literal["api", "file", "page"]
"""What a request is for: an API's answer, a file, or anything else."""


@dataclass
class ServedRequest:
    """One request and its answer."""

    at_s: float
    """Arrival, seconds since 1970."""
    method: str
    path: str
    """Without the query, as sent."""
    query: str
    range_header: str | None
    user_agent: str | None
    kind: Kind
    in_work: int
    """Requests open at its arrival, itself included."""
    status: int = 0
    """0 until the answer begins."""
    sent_bytes: int = 0
    """Of the body."""
    file: str | None = None
    """Name in the uploads' folder, where the answer is a file or a part of one."""
    file_bytes: int = 0
    """Size of that whole file."""


@dataclass
class Downloads:
    """How often one file was sent."""

    whole: int = 0
    partial: int = 0
    """A range, or a whole file cut short."""
    sent_bytes: int = 0


class RequestLog:
    """All requests since the start; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._served: list[ServedRequest] = []
        self._open: dict[int, Kind] = {}
        self._peaks: defaultdict[Kind | None, int] = defaultdict(int)

    def begin(
        self, method: str, path: str, query: str, range_header: str | None, user_agent: str | None, *, kind: Kind
    ) -> ServedRequest:
        """Record a request that has arrived, and return it for `add` and `end`."""
        with self._lock:
            in_work = len(self._open) + 1
            served = ServedRequest(time.time(), method, path, query, range_header, user_agent, kind, in_work)
            self._served.append(served)
            self._open[id(served)] = kind
            self._peaks[None] = max(self._peaks[None], in_work)
            self._peaks[kind] = max(self._peaks[kind], list(self._open.values()).count(kind))
        return served

    def add(self, served: ServedRequest, sent_bytes: int) -> None:
        """Count sent bytes; a negative number takes back what the socket refused."""
        with self._lock:
            served.sent_bytes += sent_bytes

    def end(self, served: ServedRequest) -> None:
        """Count a request as over; may be called twice."""
        with self._lock:
            self._open.pop(id(served), None)

    def peak(self, kind: Kind | None = None) -> int:
        """Return the most requests, of one kind or of all, that were open at once."""
        with self._lock:
            return self._peaks[kind]

    def requests(self) -> list[ServedRequest]:
        """Return a copy of all requests, in order of arrival."""
        with self._lock:
            return [dataclasses.replace(served) for served in self._served]

    def downloads(self) -> dict[str, Downloads]:
        """Return how often each file was sent whole and in part, without files that were never sent."""
        downloads: dict[str, Downloads] = defaultdict(Downloads)
        for served in self.requests():
            if served.file is None or served.method != "GET" or served.status not in (200, 206):
                continue
            entry = downloads[served.file]
            entry.sent_bytes += served.sent_bytes
            if served.status == 200 and served.sent_bytes == served.file_bytes:
                entry.whole += 1
            else:
                entry.partial += 1
        return dict(downloads)
