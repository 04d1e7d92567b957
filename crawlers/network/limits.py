"""Limits at one host that all crawls of a machine keep together: a wish to send in, a yes or the seconds to wait out.

Kept in a folder of small files and held by `flock`, which the kernel lets go when a process dies, however it does.
Below `<folder>/<host>/`: `starts` (the host's pause and its last start), `<kind>-pace` (what its bytes are paid up
to), `<kind>-turn-<n>` (a file for each request at once, locked by whoever sends). Times are the wall clock's, the
only one that all processes share; one that is set back makes nobody wait for longer than LONGEST_WAIT_S.

No call blocks for longer than another process takes to write forty bytes; whoever gets no turn asks again later.
Refuses folders that cannot be written or locked. Files that hold anything else are taken as new ones.
"""

import math
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from corpus.errors import ConfigurationError
from corpus.text import unique_slug

LONGEST_WAIT_S = 3600.0
"""No pause and no debt is longer: what says otherwise was written before a clock was set back."""
BURST_S = 1.0
"""How far the bytes may run ahead of their pace, as time: small files need not wait for each other."""
SHORTEST_WAIT_S = 0.001
"""A wait is never shorter: times of today are exact to some 0.2 µs only, and a shorter one might never end."""


def limits_folder(configured: str, environment: Mapping[str, str]) -> Path:
    """Return the folder of the limits: as configured, else below $XDG_STATE_HOME, else below ~/.local/state.

    Raises ConfigurationError for a relative one, which processes started elsewhere would not share.
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
    """Open a file that no other process opens in this way meanwhile; it and its folder are made where they lack.

    Raises ConfigurationError where there are no such locks or the folder refuses them.
    """
    with _open(path) as file:  # closing it unlocks it
        _lock(file, path, wait=True)
        yield file


def read_numbers(file: BinaryIO, count: int) -> list[float] | None:
    """Return the numbers in a file, None where it does not hold just so many; none of them is NaN."""
    file.seek(0)
    try:
        numbers = [float(word) for word in file.read(200).split()]
    except ValueError:
        return None
    return numbers if len(numbers) == count and not any(map(math.isnan, numbers)) else None


def write_numbers(file: BinaryIO, *numbers: float) -> None:
    """Write the numbers of a file anew."""
    data = " ".join(map(repr, numbers)).encode() + b"\n"
    file.seek(0)
    file.write(data)
    file.truncate(len(data))


class _Turn:
    """A file that whoever sends has locked; it stays open, since turns are asked for often while all are taken."""

    def __init__(self, path: Path) -> None:
        self.path, self.is_held = path, False
        self.file = _open(path)

    def take(self) -> bool:
        self.is_held = _lock(self.file, self.path, wait=False)
        return self.is_held

    def give_back(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)
        self.is_held = False


class Lane:
    """The requests of one kind (`api`, `file`) to one host, of all processes together.

    `requests`: at once, at most; processes that were started with different numbers share the first ones. `delay_s`:
    between two starts at the host, of whatever kind. `bytes_per_s`: mean pace of what `charge` is told, None: any.
    Raises ConfigurationError where the folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        host: str,
        kind: str,
        requests: int,
        delay_s: float = 0.0,
        bytes_per_s: float | None = None,
    ) -> None:
        below = folder / unique_slug(host.lower())
        self.starts, self.pace = below / "starts", below / f"{kind}-pace"
        self.turns = [_Turn(below / f"{kind}-turn-{number}") for number in range(requests)]
        self.delay_s, self.bytes_per_s = delay_s, bytes_per_s
        self.started_s: deque[float] = deque()
        with locked(self.starts):  # a folder that cannot be locked is found out before the crawl
            pass

    def take_turn(self) -> bool:
        """Take one of the turns if one is free; until it is given back, or this process dies, it is this lane's."""
        return any(turn.take() for turn in self.turns if not turn.is_held)

    def give_turn_back(self) -> None:
        """Give back one of the turns taken; raises IndexError where none is."""
        [turn for turn in self.turns if turn.is_held].pop().give_back()
        if self.started_s:
            self.started_s.popleft()

    def wait_s(self, now_s: float) -> float:
        """Return 0.0 where a request may start now, and note that it does; else the seconds until to ask again.

        To be asked with a turn in hand. `now_s`: `time.time()`.
        """
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
                # time in which nothing was asked for pays for nothing, but that of our transfers in flight does
                paid_until_s = max(paid_until_s, min([now_s, *self.started_s]))
                self.started_s.append(now_s)
            if (pause_until_s, last_start_s) != was[:2]:
                write_numbers(starts, pause_until_s, last_start_s)
            if paid_until_s != was[2]:
                write_numbers(pace, paid_until_s)
        return 0.0 if wait_s <= 0 else max(wait_s, SHORTEST_WAIT_S)

    def pause_until(self, at_s: float) -> None:
        """Let all requests to the host wait, of every kind and process, until `at_s` (`time.time()`) or later."""
        with locked(self.starts) as starts:
            pause_until_s, last_start_s = read_numbers(starts, 2) or (0.0, -math.inf)
            if at_s > pause_until_s:
                write_numbers(starts, at_s, last_start_s)

    def charge(self, size_bytes: int) -> None:
        """Count bytes that were received; they delay later starts where there is a pace."""
        if self.bytes_per_s is None:
            return
        with locked(self.pace) as pace:
            (paid_until_s,) = read_numbers(pace, 1) or (time.time(),)
            write_numbers(pace, paid_until_s + size_bytes / self.bytes_per_s)


def _open(path: Path) -> BinaryIO:
    if fcntl is None:
        raise ConfigurationError(
            "crawls of one machine keep their limits together with flock, which this operating system lacks; "
            "crawl on Linux or macOS"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    except OSError as error:
        raise _unusable(path, error) from error


def _lock(file: BinaryIO, path: Path, *, wait: bool) -> bool:
    """Lock a file; False where another one has locked it and nobody shall `wait`."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _unusable(path, error) from error
    return True


def _unusable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the limits that crawls keep together cannot be kept in {path}: {error.strerror}; name a folder "
        "of your own on a local disk in crawl.limits_folder"
    )
