"""Quota: calls an hour that a site grants a key; a wish to call in, a yes or the seconds to wait out.

A bucket of tokens in a small file, shared by all processes of a machine, that outlives them. It holds a tenth of the
hour's calls and fills at the pace of the other nine: in any hour whatever, no more can be taken than one full bucket
and what flows into it meanwhile, which is just the hour's calls. (A bucket that holds the whole hour's calls would
let twice as many through in the hour after a rest.) The key itself is in no file: `quota_name` stands for it.

A clock that is set back fills nothing until it has caught up, an hour at the longest. A file that is damaged counts as
an empty bucket.
"""

import os
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from corpus.text import unique_slug
from crawlers.network.limits import SHORTEST_WAIT_S, locked, read_numbers, write_numbers

HOUR_S = 3600.0
BURST = 0.1
"""Share of an hour's calls that may be made at once; a greater one leaves less for the steady pace."""


def quota_name(key: str) -> str:
    """Return what a secret key's quota is named by: 16 hex digits that tell nothing of the key."""
    return sha256(key.encode()).hexdigest()[:16]


class Quota:
    """The calls of one key; `per_hour`, 2 at least, in no sliding hour more.

    Raises ValueError for fewer, ConfigurationError where the folder cannot be used.
    """

    def __init__(self, folder: Path, name: str, per_hour: int) -> None:
        if per_hour < 2:
            raise ValueError(f"{per_hour} calls an hour are too few to be rationed; 2 at least")
        self.path = folder / f"quota-{unique_slug(name)}"
        self.burst = max(1, int(per_hour * BURST))
        self.per_s = (per_hour - self.burst) / HOUR_S
        with locked(self.path):
            pass

    def take(self, now_s: float) -> float:
        """Return 0.0 where a call may be made now, and count it; else the seconds until one may.

        `now_s`: `time.time()`.
        """
        with locked(self.path) as file:
            tokens, at_s = self._filled(read_numbers(file, 2), _is_new(file), now_s)
            is_granted = tokens >= 1
            write_numbers(file, tokens - is_granted, at_s)
        if is_granted:
            return 0.0
        return max(at_s - now_s + (1 - tokens) / self.per_s, SHORTEST_WAIT_S)

    def left(self, now_s: float) -> int:
        """Return how many calls may be made right now; `now_s`: `time.time()`."""
        with locked(self.path) as file:
            return int(self._filled(read_numbers(file, 2), _is_new(file), now_s)[0])

    def _filled(self, was: list[float] | None, is_new: bool, now_s: float) -> tuple[float, float]:
        """Return the tokens in the bucket, and up to when what flows in is counted among them."""
        if was is None:
            return (float(self.burst) if is_new else 0.0), now_s
        tokens, at_s = was
        flown_in = max(now_s - at_s, 0.0) * self.per_s
        return min(max(tokens, 0.0) + flown_in, float(self.burst)), min(max(at_s, now_s), now_s + HOUR_S)


def _is_new(file: BinaryIO) -> bool:
    return file.seek(0, os.SEEK_END) == 0
