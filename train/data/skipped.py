"""Skipped samples: what is told of each damaged tile that was left out, and how many of them stop the work."""

from collections.abc import Sequence
from dataclasses import dataclass

from corpus.errors import StageError

SHARE_MAX = 0.001
"""Share of the samples that may be skipped."""
TILES_MAX = 10
"""So many different damaged tiles stop nothing, whatever their share: a small training sees each of its tiles often,
and at the beginning of a large one a few say nothing of the share."""


@dataclass(frozen=True, order=True)
class Skipped:
    """One sample that was not used, because its tile is damaged."""

    number: int
    """The sample's number in the run; in an evaluation, the photo's place."""
    attempt: int
    """0 for the tile that was due, 1 for the first one in its place, and so on."""
    key: str
    """The tile's key in its tar."""
    tar: str
    what: str
    """What is wrong with it."""
    tiles: int = 1
    """How many tiles this is; a tar that breaks off while it is streamed loses all that follow."""


class TooManySkippedError(StageError):
    """More tiles are damaged than a training or an evaluation should go on with."""

    def __init__(self, text: str, skipped: Sequence[Skipped] = ()) -> None:
        super().__init__(text)
        self.skipped = tuple(skipped)


def count_skipped(skipped: Sequence[Skipped]) -> int:
    """Return how many samples were skipped; what was tried in their place and is damaged too counts no further one."""
    return sum(each.tiles for each in skipped if each.attempt == 0)


def check_skipped(skipped: Sequence[Skipped], seen: int, unit: str, generation: str) -> None:
    """Raise TooManySkippedError where more than SHARE_MAX of `seen` samples, and over TILES_MAX tiles, are damaged.

    `unit`: what was seen, for the message.
    """
    tiles = sum({(each.tar, each.key): each.tiles for each in skipped}.values())
    samples = count_skipped(skipped)
    if samples <= SHARE_MAX * seen or tiles <= TILES_MAX:
        return
    first = min(skipped)
    raise TooManySkippedError(
        f"shards: {tiles} tiles of generation {generation} are damaged, {samples:,} of {seen:,} {unit}, more than "
        f"{SHARE_MAX:.1%}; the first is {first.key or 'what is left'} in {first.tar}: {first.what}; "
        f"python -m shards.verify {generation} names all that is damaged and how to mend it",
        skipped,
    )
