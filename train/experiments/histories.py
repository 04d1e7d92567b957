"""Histories: what compression and cropping have done to photographs, in four kinds that the critique of CNNs names.

Networks trained on one kind fail on another, it says: trained on uncompressed pictures on compressed ones, trained on
aligned blocks on cropped pictures, trained on either on what was compressed many times (Mandelli et al., Training CNNs
in Presence of JPEG Compression, IEEE WIFS 2020). `uncompressed` means here: not compressed again; what the camera wrote
is a JPEG already. `aligned`: compressed once more on the camera's own grid. `shifted`: the same, then cropped, so that
crops begin off the grid. `multiple`: compressed three times, cropped off the last grid before each.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from shards.order import generator
from shards.reader import Corrupt, Region
from train.data.answers import Condition
from train.data.manipulations import Picture, compress
from train.data.samples import Crop, Numbers, TrainingSamples

KINDS = ("uncompressed", "aligned", "shifted", "multiple")

_QUALITIES = (70, 95)
_TIMES = 3
_MCU_PX = 16  # windows begin and end on it, so that a compression finds the photograph's own blocks
_GRID_PX = 8
_VARIANTS = 6
"""Histories of a kind that held-out photographs take turns at."""


@dataclass(frozen=True)
class History:
    """Compressions one after the other: (quality factor, pixels cropped at the left and at the top before it)."""

    steps: tuple[tuple[int, int, int], ...] = ()
    offset_px: tuple[int, int] = (0, 0)
    """How far behind the last grid crops begin."""

    def __call__(self, picture: Picture) -> Picture:
        """Return the picture after the compressions; its upper left corner is on the last grid."""
        for quality, left, top in self.steps:
            picture = compress(picture[top:, left:], quality)
        return picture

    @property
    def lost_px(self) -> int:
        """Pixels that the crops before the compressions may take from an edge."""
        return max((sum(step[axis] for step in self.steps) for axis in (1, 2)), default=0)


def drawn_history(kind: str, rng: np.random.Generator) -> History:
    """Return a random history of a kind: quality factors of 70 to 95, crops by 1 to 7 px."""
    qualities = rng.integers(_QUALITIES[0], _QUALITIES[1] + 1, _TIMES).tolist()
    places = rng.integers(1, _GRID_PX, (_TIMES, 2)).tolist()
    match kind:
        case "uncompressed":
            return History()
        case "aligned":
            return History(((qualities[0], 0, 0),))
        case "shifted":
            return History(((qualities[0], 0, 0),), (places[0][0], places[0][1]))
        case "multiple":
            return History(tuple((quality, left, top) for quality, (left, top) in zip(qualities, places, strict=True)))
    raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")


def condition_of(kind: str) -> Condition:
    """Return the condition under which held-out photographs are judged: they take turns at six histories."""
    drawn = (drawn_history(kind, generator(0, number, f"history {kind}")) for number in range(_VARIANTS))
    return Condition(kind, in_turn=tuple(Condition(kind, each, offset_px=each.offset_px) for each in drawn))


@dataclass(frozen=True)
class SamplesWithHistory(TrainingSamples):
    """The sequence of samples of a training, each with a history of one kind in place of a manipulation."""

    kind: str = KINDS[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "kind": self.kind}

    def _crops(self, numbers: Numbers, rows: Numbers, attempt: int) -> list[Crop | Corrupt]:
        sizes = zip(*(self.index.tiles.at(name, rows).tolist() for name in ("width_px", "height_px")), strict=True)
        plans = []
        for number, (width_px, height_px) in zip(numbers.tolist(), sizes, strict=True):
            rng = generator(self.settings.seed, number, f"history {self.kind} {attempt}")
            history = drawn_history(self.kind, rng)
            wanted_px = self.settings.crop_px + history.lost_px + max(history.offset_px)
            edge_px = min(-(-wanted_px // _MCU_PX) * _MCU_PX, width_px, height_px)
            left, top = (int(rng.integers((size - edge_px) // _MCU_PX + 1)) * _MCU_PX for size in (width_px, height_px))
            plans.append(((left, top, edge_px, edge_px), history))
        regions = self._regions(rows, [rectangle for rectangle, _ in plans])
        return [
            Crop(_crop(history, region.pixels, self.settings.crop_px), self.kind != KINDS[0])
            if isinstance(region, Region)
            else region
            for region, (_, history) in zip(regions, plans, strict=True)
        ]

    def _regions(self, rows: Numbers, rectangles: list[Any]) -> list[Region | Corrupt]:
        return self._reader.regions(rows, rectangles)


def _crop(history: History, window: Picture, crop_px: int) -> Picture:
    """Return the crop of a window after its history; of a window too small for the offset, from its end."""
    picture = history(window)
    left, top = (
        min(offset, size - crop_px) for offset, size in zip(history.offset_px, picture.shape[1::-1], strict=True)
    )
    return picture[top : top + crop_px, left : left + crop_px]
