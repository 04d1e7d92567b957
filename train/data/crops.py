"""Crops: cuts tiles into the uint8 squares a network sees, random ones for training, fixed ones for evaluation.

A training crop is made in three steps: take a random outer crop of the tile (`train.outer_crop_px`), manipulate it
with `train.manipulation_probability`, take a random inner crop (`train.crop_px`) and flip and turn that. All of this is
planned before anything is decoded, so that only what the crop depends on is decoded and manipulated: the same result
for less work. As in the challenge's test set, crops are not aligned with JPEG's 8×8 grid.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch

from corpus.errors import ConfigurationError
from corpus.sections import Training
from forensics.pixels.decoding import decode_whole
from shards.restarts import Rectangle
from train.data.manipulations import MANIPULATIONS, Manipulation, Picture, random_manipulation

Flips = Literal["none", "turns", "d4"]

_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
STRONGEST_REDUCTION = min(each.strength for each in MANIPULATIONS.values() if each.kind == "scale")


@dataclass(frozen=True)
class Geometry:
    """Sizes of the crops in pixels, and how they are varied."""

    outer_px: int
    crop_px: int
    manipulation_probability: float
    flips: Flips


def geometry_of(settings: Training) -> Geometry:
    """Return the crops' geometry; raises ConfigurationError where a reduced outer crop cannot hold the inner one."""
    least_px = int(np.ceil(settings.crop_px / STRONGEST_REDUCTION))
    if settings.outer_crop_px < least_px:
        raise ConfigurationError(
            f"train.outer_crop_px: {settings.outer_crop_px} is too small: resized by {STRONGEST_REDUCTION:g} it must "
            f"still hold train.crop_px {settings.crop_px}; set it to {least_px} or more, or crop_px to "
            f"{int(settings.outer_crop_px * STRONGEST_REDUCTION)} or less"
        )
    return Geometry(settings.outer_crop_px, settings.crop_px, settings.manipulation_probability, settings.flips)


def decode(jpeg: bytes) -> Picture:
    """Return the pixels of a JPEG, height × width × 3, RGB; raises ValueError for a damaged one."""
    return decode_whole(jpeg, "RGB", fastdct=False, fastupsample=False).picture


@dataclass(frozen=True, slots=True)
class Finish:
    """How the pixels of a plan's rectangle become its crop; called with them it returns the crop, and keeps them."""

    manipulation: Manipulation | None
    inner: tuple[int, int, int]
    """Top, left and edge of the crop in the manipulated rectangle, in pixels."""
    turn: int
    """Turns by 90° to the left."""
    mirrored: bool

    def __call__(self, pixels: Picture) -> Picture:
        """Return the crop, crop_px × crop_px × 3, of the rectangle's pixels."""
        top, left, edge_px = self.inner
        if self.manipulation is not None:
            crop = self.manipulation.crop(pixels, top, left, edge_px)
        else:
            crop = pixels[top : top + edge_px, left : left + edge_px]
        return turned(crop, self.turn, self.mirrored)


class CropPlan(NamedTuple):
    """One training crop: the rectangle of the tile that must be decoded, and what becomes of its pixels."""

    rectangle: Rectangle
    finish: Finish


def plan_crop(rng: np.random.Generator, geometry: Geometry, width_px: int, height_px: int) -> CropPlan:
    """Return a random crop of a tile of a size; raises ValueError for a tile smaller than outer_px.

    Nothing is decoded that the crop does not depend on: a plain crop needs its own pixels, a manipulated one its
    window's.
    """
    if min(width_px, height_px) < geometry.outer_px:
        raise ValueError(f"a tile of {width_px}×{height_px} px holds no outer crop of {geometry.outer_px} px")
    top, left = _random_place(rng, height_px, width_px, geometry.outer_px)
    manipulation, edge_px, inner_top, inner_left = None, geometry.crop_px, 0, 0
    if rng.random() < geometry.manipulation_probability:
        manipulation = random_manipulation(rng)
        edge_px = min(manipulation.window_px(geometry.crop_px), geometry.outer_px)
    window_top, window_left = _random_place(rng, geometry.outer_px, geometry.outer_px, edge_px)
    if manipulation is not None:
        whole_px = manipulation.size_px(edge_px)
        inner_top, inner_left = _random_place(rng, whole_px, whole_px, geometry.crop_px)
    turn = 0 if geometry.flips == "none" else int(rng.integers(4))
    mirrored = geometry.flips == "d4" and bool(rng.random() < 0.5)
    return CropPlan(
        (left + window_left, top + window_top, edge_px, edge_px),
        Finish(manipulation, (inner_top, inner_left, geometry.crop_px), turn, mirrored),
    )


def turned(crop: Picture, turn: int, mirrored: bool) -> Picture:
    """Return the crop turned to the left by `turn` times 90°, then mirrored from left to right, or as it is."""
    operation = _TURNS[turn]
    if mirrored and turn == 2:
        changed = cv2.flip(crop, 0)
    elif mirrored and turn == 3:
        changed = cv2.transpose(crop)
    else:
        changed = crop if operation is None else cv2.rotate(crop, operation)
        changed = cv2.flip(changed, 1) if mirrored else changed
    return changed.astype(np.uint8, copy=False)


def central_rectangle(width_px: int, height_px: int, edge_px: int) -> Rectangle:
    """Return the central square of `edge_px` of a picture of a size, or the largest one of a smaller picture."""
    edge_px = min(edge_px, height_px, width_px)
    return (width_px - edge_px) // 2, (height_px - edge_px) // 2, edge_px, edge_px


def fixed_crops(picture: Picture, crop_px: int, crops: int) -> list[Picture]:
    """Return up to `crops` crops of a picture at the places of `fixed_rectangles`."""
    places = fixed_rectangles(picture.shape[1], picture.shape[0], crop_px, crops)
    return [_inside(picture, place) for place in places]


def fixed_rectangles(width_px: int, height_px: int, crop_px: int, crops: int) -> list[Rectangle]:
    """Return up to `crops` squares at fixed places: the centre, the corners, the middles of the edges, finer grids.

    Places that coincide count once: a picture of crop_px has one crop. Raises ValueError for a smaller picture.
    """
    if min(height_px, width_px) < crop_px:
        raise ValueError(f"{width_px}×{height_px} is smaller than the network's crop of {crop_px} px")
    places = [((width_px - crop_px) * x // 8, (height_px - crop_px) * y // 8) for y, x in _places()]
    return [(x, y, crop_px, crop_px) for x, y in dict.fromkeys(places[:crops])]


def to_tensor(crops: Iterable[Picture]) -> torch.Tensor:
    """Return crops as one uint8 tensor N × 3 × H × W in channels-last memory, as the network needs them."""
    return torch.from_numpy(np.stack(list(crops))).permute(0, 3, 1, 2)


def _random_place(rng: np.random.Generator, height_px: int, width_px: int, edge_px: int) -> tuple[int, int]:
    """Return top and left of a random square in a picture of a size."""
    return int(rng.integers(height_px - edge_px + 1)), int(rng.integers(width_px - edge_px + 1))


def _inside(picture: Picture, rectangle: Rectangle) -> Picture:
    x_px, y_px, width_px, height_px = rectangle
    return picture[y_px : y_px + height_px, x_px : x_px + width_px]


def _places() -> list[tuple[int, int]]:
    """Return places in eighths of the free range: coarse grids first, within a grid the farthest from the centre."""
    places = [(4, 4)]
    for step in (8, 4, 2, 1):
        grid = [(y, x) for y in range(0, 9, step) for x in range(0, 9, step)]
        places += sorted(set(grid) - set(places), key=lambda yx: (-((yx[0] - 4) ** 2) - (yx[1] - 4) ** 2, yx))
    return places
