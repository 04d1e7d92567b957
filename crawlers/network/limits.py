"""Limits at one host, shared by all crawls of a machine: start a request, or return the seconds to wait.

The state is a folder of small files, locked with `flock`, which the kernel releases however a process dies. In
`<folder>/<host>/` are `starts` (until when the host is paused, and when the last request started), `<kind>-pace` (the
time up to which the bytes received use up the pace) and `<kind>-turn-<n>` (a file for each request slot, locked while a
request is in flight). Times are of the wall clock, the only one that all processes share; where it is set back, nobody
waits for longer than LONGEST_WAIT_S.

No call blocks for longer than another process takes to write forty bytes. Folders that cannot be written or locked
are refused with a ConfigurationError; files with unexpected content count as new ones.
"""

import math
import os
import random
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from corpus.errors import ConfigurationError
from corpus.text import unique_slug

LONGEST_WAIT_S = 3600.0  # the longest pause or debt: a longer one in a file was written before a clock was set back
BURST_S = 1.0  # how far the bytes may run ahead of the pace, as time, so that small files need not wait for each other
SHORTEST_WAIT_S = 0.001  # a float of today's time is exact to some 0.2 µs, so a shorter wait might never end
SLOT_POLL_S = 0.02  # slots that others hold are asked for after one to two times this; nobody queues


class Wait(NamedTuple):
    """After how many seconds to ask again for what was not granted, and why it was not."""

    seconds: float
    reason: str


def limits_folder(configured: str, environment: Mapping[str, str]) -> Path:
    """Return the folder of the limits: the configured one, else one below $XDG_STATE_HOME or ~/.local/state.

    Raises ConfigurationError for a relative path, which processes started elsewhere would not share.
    """
    if configured:
        folder = Path(configured).expanduser()
        if not folder.is_absolute():
            raise ConfigurationError(
                f"crawl.limits_folder: {configured!r} is relative, so crawls started elsewhere would not keep "
                "the same limits; give the whole path"
            )
        return folder
    state = environment.get("XDG_STATE_HOME", "")
    home = Path(environment["HOME"]) if environment.get("HOME") else Path.home()
    # a relative $XDG_STATE_HOME is to be ignored: https://specifications.freedesktop.org/basedir/latest
    return (Path(state) if state.startswith("/") else home / ".local" / "state") / "shutterprint" / "limits"


@contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Open a file and hold an exclusive lock on it; the file and its folder are created where they are missing.

    Raises ConfigurationError where the operating system or the folder has no such locks.
    """
    with _open(path) as file:  # closing it unlocks it
        _lock(file, path, wait=True)
        yield file


def read_numbers(file: BinaryIO, count: int) -> list[float] | None:
    """Return the numbers in a file, None where it does not hold exactly `count` or where one is NaN."""
    file.seek(0)
    try:
        numbers = [float(word) for word in file.read(200).split()]
    except ValueError:
        return None
    return numbers if len(numbers) == count and not any(map(math.isnan, numbers)) else None


def write_numbers(file: BinaryIO, *numbers: float) -> None:
    """Replace the content of a file by numbers."""
    data = " ".join(map(repr, numbers)).encode() + b"\n"
    file.seek(0)
    file.write(data)
    file.truncate(len(data))


class _Slot:
    """A file that stays locked while a request is in flight, and open all the time: it is asked for often."""

    def __init__(self, path: Path) -> None:
        self.path, self.is_held = path, False
        self.file = _open(path)

    def try_take(self) -> bool:
        self.is_held = _lock(self.file, self.path, wait=False)
        return self.is_held

    def free(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.is_held = False


class HostLimits:
    """The limits of one kind of requests (`api`, `file`) to one host, shared by all processes.

    `requests`: at most so many at once; processes started with different numbers share the first slots. `delay_s`:
    least time between two starts at the host, of whatever kind. `bytes_per_s`: mean pace of the bytes received,
    None for no limit. Raises ConfigurationError where the folder cannot be used.
    """

    def __init__(
        self, folder: Path, host: str, kind: str, requests: int, delay_s: float = 0.0, bytes_per_s: float | None = None
    ) -> None:
        below = folder / unique_slug(host.lower())
        self.starts, self.pace = below / "starts", below / f"{kind}-pace"
        self.slots = [_Slot(below / f"{kind}-turn-{number}") for number in range(requests)]
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s
        self.started_s: deque[float] = deque()
        with locked(self.starts):  # so that a folder that cannot be locked is found out before the crawl
            pass

    def try_start(self, now_s: float) -> Wait | None:
        """Take a request slot and start a request, or return how long to wait; `now_s`: `time.time()`.

        The slot is held until `finish` is called or this process dies.
        """
        slot = next((slot for slot in self.slots if not slot.is_held and slot.try_take()), None)
        if slot is None:
            return Wait(SLOT_POLL_S * (1 + random.random()), "crawls hold all request slots of the host")
        wait_s = math.inf
        try:
            wait_s = self._note_start(now_s)
        finally:
            if wait_s > 0:
                slot.free()
        if wait_s <= 0:
            return None
        return Wait(max(wait_s, SHORTEST_WAIT_S), "the host has asked for a pause, or the pace is reached")

    def finish(self, size_bytes: int = 0) -> None:
        """End a request that was started, `size_bytes` later; raises IndexError where none was."""
        try:
            self.charge(size_bytes)
        finally:
            [slot for slot in self.slots if slot.is_held].pop().free()
            self.started_s.popleft()

    def pause_until(self, at_s: float) -> None:
        """Make all requests to the host, of every kind and process, wait until `at_s` (`time.time()`) or later."""
        with locked(self.starts) as starts:
            pause_until_s, last_start_s = read_numbers(starts, 2) or (0.0, -math.inf)
            if at_s > pause_until_s:
                write_numbers(starts, at_s, last_start_s)

    def charge(self, size_bytes: int) -> None:
        """Count bytes that were received; they delay later starts where the pace is limited."""
        if self.bytes_per_s is None:
            return
        with locked(self.pace) as pace:
            (paid_until_s,) = read_numbers(pace, 1) or (time.time(),)
            write_numbers(pace, paid_until_s + size_bytes / self.bytes_per_s)

    def _note_start(self, now_s: float) -> float:
        """Note that a request starts now where it may, and return zero or less; else return the seconds to wait."""
        with locked(self.starts) as starts, locked(self.pace) as pace:
            pause_until_s, last_start_s = read_numbers(starts, 2) or (0.0, -math.inf)
            (paid_until_s,) = read_numbers(pace, 1) or (0.0,)
            was = pause_until_s, last_start_s, paid_until_s
            pause_until_s = min(pause_until_s, now_s + LONGEST_WAIT_S)
            last_start_s = min(last_start_s, now_s)
            paid_until_s = min(paid_until_s, now_s + LONGEST_WAIT_S)
            wait_s = max(pause_until_s - now_s, last_start_s + self.delay_s - now_s)
            if self.bytes_per_s is not None:
                wait_s = max(wait_s, paid_until_s - now_s - BURST_S)
            if wait_s <= 0:
                last_start_s = now_s
                # idle time earns no allowance, but the time of our transfers in flight does
                paid_until_s = max(paid_until_s, min([now_s, *self.started_s]))
                self.started_s.append(now_s)
            if (pause_until_s, last_start_s) != was[:2]:
                write_numbers(starts, pause_until_s, last_start_s)
            if paid_until_s != was[2]:
                write_numbers(pace, paid_until_s)
        return wait_s


def _open(path: Path) -> BinaryIO:
    if fcntl is None:
        raise ConfigurationError(
            "crawls of one machine share their limits by flock, which this operating system lacks; "
            "crawl on Linux or macOS"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    except OSError as error:
        raise _unusable(path, error) from error


def _lock(file: BinaryIO, path: Path, *, wait: bool) -> bool:
    """Lock a file; return False where another process has locked it and `wait` is False."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(path, error) from error
    return True


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the limits that crawls share cannot be kept in {path}: {error.strerror}; name a folder "
        "of your own on a local disk in crawl.limits_folder"
    )
