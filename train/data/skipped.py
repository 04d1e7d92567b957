"""Skipped samples: what is told of each damaged tile that was left out, and how many of them stop the work."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

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
    """More tiles are damaged than a training should go on with."""

    def __init__(self, text: str, skipped: Sequence[Skipped] = ()) -> None:
        super().__init__(text)
        self.skipped = tuple(skipped)


class Tally:
    """What was skipped so far: how many samples, and each damaged tile once, by the first sample that met it."""

    def __init__(self, skipped: Iterable[Skipped] = (), samples: int = 0) -> None:
        self.samples = samples
        """Samples that were skipped; what was tried in their place and is damaged too counts no further one."""
        self.tiles = 0
        """Different tiles that are damaged."""
        self._first: dict[tuple[str, str], Skipped] = {}
        for each in skipped:
            self._meet(each)

    @property
    def named(self) -> list[Skipped]:
        """Each damaged tile once, in the order of the samples."""
        return sorted(self._first.values())

    def add(self, skipped: Iterable[Skipped]) -> None:
        """Count these samples."""
        for each in skipped:
            self._meet(each)
            self.samples += each.tiles if each.attempt == 0 else 0

    def join(self, other: "Tally") -> None:
        """Count all that the other has counted."""
        for each in other._first.values():
            self._meet(each)
        self.samples += other.samples

    def fault(self, seen: int, unit: str, generation: str) -> str:
        """Return what is wrong where over SHARE_MAX of `seen` samples, and over TILES_MAX tiles, are damaged, else "".

        `unit`: what was seen, for the message.
        """
        if self.samples <= SHARE_MAX * seen or self.tiles <= TILES_MAX:
            return ""
        first = min(self._first.values())
        return (
            f"shards: {self.tiles} tiles of generation {generation} are damaged, {self.samples:,} of {seen:,} {unit}, "
            f"more than {SHARE_MAX:.1%}; the first is {first.key or 'what is left'} in {first.tar}: {first.what}; "
            f"python -m shards.verify {generation} names all that is damaged and how to mend it"
        )

    def _meet(self, one: Skipped) -> None:
        place = (one.tar, one.key)
        before = self._first.get(place)
        if before is None:
            self._first[place] = one
            self.tiles += one.tiles
            return
        first = replace(min(before, one), tiles=max(before.tiles, one.tiles))
        self._first[place] = first
        self.tiles += first.tiles - before.tiles
