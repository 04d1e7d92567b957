"""Requests: counts what is asked of object stores, by method, in this process and in those that it starts.

Object stores bill by the request, and each takes tens of milliseconds. Every attempt counts. A listing is a GET by HTTP
but billed otherwise, so it is counted as LIST.

Each process has its counts in a mapped file of its own, in a folder that it inherits in its environment: so those of a
process that was killed are still there, and no process waits for another one. Outside of `counted` nothing is written.
"""

import atexit
import mmap
import os
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

METHODS = ("GET", "PUT", "LIST", "HEAD", "POST", "DELETE")
FOLDER = "SHUTTERPRINT_REQUESTS"
"""The environment variable that names the folder."""
_BYTES = 8
_LISTING = re.compile(r"[?&](list-type=|prefix=|uploads(&|$))")
_lock = threading.Lock()
_own: tuple[int, str, memoryview] | None = None
_watched: "WeakSet[Any]" = WeakSet()
_so_far: Callable[[], Counter[str]] | None = None
_for_ever = ExitStack()


@contextmanager
def counted() -> Iterator[Callable[[], Counter[str]]]:
    """Count during a `with` block; yields what returns the requests so far, by method, of this process and its own.

    Inside another such block of this process, or of one that has started it, the requests count there, too.
    """
    global _so_far
    outer = _so_far
    with ExitStack() as stack:
        if FOLDER not in os.environ:
            os.environ[FOLDER] = stack.enter_context(tempfile.TemporaryDirectory(prefix="shutterprint-requests-"))
            stack.callback(os.environ.pop, FOLDER)
        folder = Path(os.environ[FOLDER])
        before = _sum(folder)
        _so_far = lambda: _sum(folder) - before  # noqa: E731
        try:
            yield _so_far
        finally:
            _so_far = outer


def so_far() -> Counter[str]:
    """Return the requests since the innermost block of this process has begun; none outside of one."""
    return _so_far() if _so_far is not None else Counter()


def of_process() -> Counter[str]:
    """Return the requests of this process, a worker of a lasting cluster, since it was first asked; it counts on."""
    if _so_far is None:
        atexit.register(_for_ever.close)
        _for_ever.enter_context(counted())
    return so_far()


def count(method: str, number: int = 1) -> None:
    """Count requests of this process."""
    with _lock:
        counts = _counts()
        if counts is not None and method in METHODS:
            counts[METHODS.index(method)] += number


def watch(client: Any) -> None:
    """Count the requests of one of botocore's clients from now on, and let none of them wait for `100 Continue`.

    aiohttp waits for that without a limit of time, so a network that is cut just then would hold a stage for ever.
    """
    if client not in _watched:
        _watched.add(client)
        client.meta.events.register("before-send.s3", _sent)


def sentence(requests: Counter[str], photographs: int, unit: str = "a photograph") -> str:
    """Return counts as people read them: `requests: GET 812, PUT 240, LIST 12: 1.9 a photograph`."""
    counts = ", ".join(f"{method} {requests[method]:,}" for method in METHODS if requests[method])
    if not counts:
        return "requests: none"
    return f"requests: {counts}" + (f": {requests.total() / photographs:.1f} {unit}" if photographs else "")


def _sent(request: Any, **_: Any) -> None:
    if "Expect" in request.headers:
        del request.headers["Expect"]
    listing = request.method == "GET" and _LISTING.search(request.url)
    count("LIST" if listing else request.method)


def _counts() -> memoryview | None:
    """Return this process's counts, one 64-bit number a method; None where nobody counts."""
    global _own
    folder = os.environ.get(FOLDER)
    if folder is None:
        return None
    if _own is None or _own[:2] != (os.getpid(), folder):
        try:
            with Path(folder, str(os.getpid())).open("w+b") as file:
                file.truncate(len(METHODS) * _BYTES)
                _own = os.getpid(), folder, memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
        except OSError:  # who counts has ended, or is on another machine
            return None
    return _own[2]


def _sum(folder: Path) -> Counter[str]:
    total: Counter[str] = Counter()
    for path in folder.iterdir() if folder.is_dir() else ():
        numbers = memoryview(path.read_bytes()).cast("Q")
        if len(numbers) == len(METHODS):  # else it is being made
            total.update(dict(zip(METHODS, numbers, strict=True)))
    return +total
