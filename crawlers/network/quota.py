"""Quota of a key's calls an hour, shared by all crawls of a machine: take a call, or return the seconds to wait.

It is a token bucket in a small file that outlives the processes. The bucket holds a tenth of the hour's calls and fills
at the pace of the other nine tenths, so in any hour at most one full bucket and what flows in can be taken: exactly the
hour's calls. (A bucket of the whole hour's calls would let twice as many through in the hour after a rest.) The key
itself is in no file: `quota_name` stands for it.

After a clock is set back nothing flows in until it has caught up, for an hour at the longest. A damaged file counts as
an empty bucket.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from corpus.text import unique_slug
from crawlers.network.limits import SHORTEST_WAIT_S, Wait, locked, read_numbers, write_numbers

HOUR_S = 3600.0
BURST = 0.1  # share of an hour's calls that may be made at once; a larger share leaves less for the steady pace
CALLS_SPENT = "the key's calls of this hour are spent"


def quota_name(key: str) -> str:
    """Return the name of a secret key's quota: 16 hex digits that do not reveal the key."""
    return sha256(key.encode()).hexdigest()[:16]


class Quota:
    """At most `per_hour` calls of a key in any sliding hour; ValueError below 2, ConfigurationError as for `locked`."""

    def __init__(self, folder: Path, name: str, per_hour: int) -> None:
        if per_hour < 2:
            raise ValueError(f"{per_hour} calls an hour are too few to be rationed; 2 at least")
        self.path = folder / f"quota-{unique_slug(name)}"
        self.burst = max(1, int(per_hour * BURST))
        self.per_s = (per_hour - self.burst) / HOUR_S
        with locked(self.path):
            pass

    def try_take(self, now_s: float) -> Wait | None:
        """Count a call that is made now, or return how long to wait for one; `now_s`: `time.time()`."""
        with locked(self.path) as file:
            tokens, at_s = self._filled(file, now_s)
            is_granted = tokens >= 1
            write_numbers(file, tokens - is_granted, at_s)
        if is_granted:
            return None
        return Wait(max(at_s - now_s + (1 - tokens) / self.per_s, SHORTEST_WAIT_S), CALLS_SPENT)

    def left(self, now_s: float) -> int:
        """Return how many calls may be made at once now; `now_s`: `time.time()`."""
        with locked(self.path) as file:
            return int(self._filled(file, now_s)[0])

    def _filled(self, file: BinaryIO, now_s: float) -> tuple[float, float]:
        """Return the tokens in the bucket, and the time up to which what flowed in is counted among them."""
        was = read_numbers(file, 2)
        if was is None:
            is_new = file.seek(0, os.SEEK_END) == 0
            return (float(self.burst) if is_new else 0.0), now_s
        tokens, at_s = was
        flown_in = max(now_s - at_s, 0.0) * self.per_s
        return min(max(tokens, 0.0) + flown_in, float(self.burst)), min(max(at_s, now_s), now_s + HOUR_S)
