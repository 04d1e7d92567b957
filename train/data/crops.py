"""Crops: cuts tiles into the uint8 squares a network sees, random ones for training, fixed ones for evaluation.

A training crop is made in three steps: take a random outer crop of the tile (`train.outer_crop_px`), manipulate it
with `train.manipulation_probability`, take a random inner crop (`train.crop_px`) and, where `train.flips` says so, flip
and turn that. All of this is planned before anything is decoded, so that only what the crop depends on is decoded and
manipulated: the same result for less work.

A photograph is a JPEG, and where its blocks of 8×8 px begin is evidence of the camera's coder. A tile's pixel (0, 0)
lies on this grid. So crops are aligned: the outer crop begins on the grid, and so does the inner one. After resizing by
a factor s the grid's lines are 8 s px apart, and the inner crop begins where one of them falls on a whole pixel, or as
near as it comes. A share of the training crops, `train.alignment_unknown`, begins anywhere, because photographs that
were cropped, or resized by somebody unknown, come so too.
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
from train.data.manipulations import MANIPULATIONS, Manipulation, Picture, coded_span, random_manipulation

Flips = Literal["none", "turns", "d4"]

_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
GRID_PX = 8
"""Distance of the lines of JPEG's grid of blocks."""
SQUARE_PX = 512
"""Edge of the challenge's test pictures: the centre of a photograph, after the manipulation."""
STRONGEST_REDUCTION = min(each.strength for each in MANIPULATIONS.values() if each.kind == "scale")

_MARGIN_BLOCKS = range(1, 6)  # blocks before a resized crop; after five of them 0.8, too, is at a whole pixel
_NEAR_PX = 0.1
_BEHIND_PX = 4  # input pixels behind a crop that resized values depend on
_STEPS_PX = (96, 32, 16, GRID_PX)
_SQUARE_STEP_PX = 32  # so that of large crops, too, several begin on a line of 32 px


@dataclass(frozen=True)
class Geometry:
    """Sizes of the crops in pixels, and how they are varied."""

    outer_px: int
    crop_px: int
    manipulation_probability: float
    flips: Flips
    alignment_unknown: float
    """Share of the crops that do not begin on the grid."""
    interpolation: Literal["cubic", "varied"] = "cubic"


def geometry_of(settings: Training) -> Geometry:
    """Return the crops' geometry; raises ConfigurationError where a reduced outer crop cannot hold the inner one."""
    least_px = int(np.ceil(settings.crop_px / STRONGEST_REDUCTION))
    if settings.outer_crop_px < least_px:
        raise ConfigurationError(
            f"train.outer_crop_px: {settings.outer_crop_px} is too small: resized by {STRONGEST_REDUCTION:g} it must "
            f"still hold train.crop_px {settings.crop_px}; set it to {least_px} or more, or crop_px to "
            f"{int(settings.outer_crop_px * STRONGEST_REDUCTION)} or less"
        )
    return Geometry(
        settings.outer_crop_px,
        settings.crop_px,
        settings.manipulation_probability,
        settings.flips,
        settings.alignment_unknown,
        settings.interpolation,
    )


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
    unit_px = 1 if rng.random() < geometry.alignment_unknown else GRID_PX
    top, left = (_random(rng, size_px - geometry.outer_px, unit_px) for size_px in (height_px, width_px))
    is_manipulated = rng.random() < geometry.manipulation_probability
    manipulation = random_manipulation(rng, geometry.interpolation) if is_manipulated else None
    down, across = (_window(rng, manipulation, geometry, unit_px) for _ in range(2))
    turn = 0 if geometry.flips == "none" else int(rng.integers(4))
    mirrored = geometry.flips == "d4" and bool(rng.random() < 0.5)
    return CropPlan(
        (left + across.start, top + down.start, across.length, down.length),
        Finish(manipulation, (down.inner, across.inner, geometry.crop_px), turn, mirrored),
    )


class _Window(NamedTuple):
    """The part of an outer crop that a crop depends on, along one axis, in pixels."""

    start: int
    length: int
    inner: int
    """Where the crop begins in the manipulated window."""


def _window(rng: np.random.Generator, manipulation: Manipulation | None, geometry: Geometry, unit_px: int) -> _Window:
    """Return the window of a random crop along one axis, for a crop that begins at a multiple of `unit_px`."""
    outer_px, crop_px = geometry.outer_px, geometry.crop_px
    if manipulation is not None and manipulation.kind == "scale":
        if unit_px > 1:
            return _aligned_resized_window(rng, manipulation, outer_px, crop_px)
        length = min(manipulation.window_px(crop_px), outer_px)
        start = _random(rng, outer_px - length)
        return _Window(start, length, _random(rng, manipulation.size_px(length) - crop_px))
    place = _random(rng, outer_px - crop_px, unit_px)
    if manipulation is not None and manipulation.kind == "jpeg":
        start, end = coded_span(place, crop_px, outer_px)
        return _Window(start, end - start, place - start)
    return _Window(place, crop_px, 0)


def _aligned_resized_window(
    rng: np.random.Generator, manipulation: Manipulation, outer_px: int, crop_px: int
) -> _Window:
    """Return a window that begins on the grid, and in which the resized crop does, as nearly as whole pixels allow.

    The crop begins some blocks behind the window's start, beyond the reach of its border; their number is one after
    which the grid is near a whole pixel. Window and steps are multiples of as many blocks, so that the pixels are those
    of the whole outer crop resized where such a window fits into it, and a multiple is at a whole pixel.
    """
    scale = manipulation.strength

    def off_px(blocks: int) -> float:
        return abs(round(blocks * GRID_PX * scale) / scale - blocks * GRID_PX)

    for blocks in sorted(_MARGIN_BLOCKS, key=lambda blocks: (max(off_px(blocks), _NEAR_PX), blocks)):
        step_px = blocks * GRID_PX
        inner = round(step_px * scale)
        length = -(-int(np.ceil((inner + crop_px) / scale + _BEHIND_PX)) // step_px) * step_px
        if length <= outer_px:
            return _Window(_random(rng, outer_px - length, step_px), length, inner)
    length = min(manipulation.window_px(crop_px), outer_px)
    return _Window(_random(rng, outer_px - length, GRID_PX), length, 0)


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


Phase = tuple[int, int]
"""Where the grid's first lines are in a picture: x and y of 0 to 7 px."""


def central_rectangle(width_px: int, height_px: int, edge_px: int, phase: Phase | None = (0, 0)) -> Rectangle:
    """Return the square of `edge_px` nearest to the centre that begins on the grid, or the largest of a small picture.

    `phase`: where the grid is; None: it is unknown or shall not matter, and the square is at the centre exactly. Where
    no square that begins on the grid fits in, one beside it is returned.
    """
    edge_px = min(edge_px, height_px, width_px)
    x_px, y_px = (
        _Span.of(0, size_px - edge_px, line).place(4, GRID_PX)
        for size_px, line in zip((width_px, height_px), phase or (None, None), strict=True)
    )
    return x_px, y_px, edge_px, edge_px


def fixed_crops(picture: Picture, crop_px: int, crops: int, phase: Phase | None = (0, 0)) -> list[Picture]:
    """Return up to `crops` crops of a picture at the places of `fixed_rectangles`."""
    places = fixed_rectangles(picture.shape[1], picture.shape[0], crop_px, crops, phase)
    return [_inside(picture, place) for place in places]


def fixed_rectangles(
    width_px: int, height_px: int, crop_px: int, crops: int, phase: Phase | None = (0, 0)
) -> list[Rectangle]:
    """Return up to `crops` squares of a picture's central SQUARE_PX, or of all of a smaller picture, at fixed places.

    They come in this order: the centre, the corners, the middles of the edges, finer grids. `phase`: where the
    picture's grid is; places are then as near to these as they can be on the grid. None: the grid is unknown. Places
    that coincide count once: a picture of crop_px has one crop. Raises ValueError for a smaller one.

    Evaluation, calibration and prediction take the same places, so that figures and probabilities are of what is done.
    What was done to a picture is not known when it is judged. So where there is room for as many crops, places are 96
    px apart: on the grid of a picture that was resized by 0.5, 0.8, 1.5 or 2 as well, since 96 px of it were 192, 120,
    64 or 48. Else they are 32 px apart (all but 1.5), 16 px (0.5 and 2) or 8. Crops that can be moved by less than a
    quarter of their edge are much alike: four of them are enough.
    """
    if min(height_px, width_px) < crop_px:
        raise ValueError(f"{width_px}×{height_px} is smaller than the network's crop of {crop_px} px")
    across, down = (
        _Span.central(size_px, crop_px, line)
        for size_px, line in zip((width_px, height_px), phase or (None, None), strict=True)
    )
    wanted = max(crops, 2)  # a single place may be far from the centre
    if max(across.most - across.least, down.most - down.least) < crop_px / 4:
        wanted = min(wanted, 4)
    places: dict[tuple[int, int], None] = {}
    for step_px in _STEPS_PX:
        if not (across.has_line(step_px) and down.has_line(step_px)):
            continue
        places = dict.fromkeys((across.place(x, step_px), down.place(y, step_px)) for y, x in _places())
        if len(places) >= wanted:
            break
    return [(x_px, y_px, crop_px, crop_px) for x_px, y_px in list(places)[:crops]]


class _Span(NamedTuple):
    """Where crops may begin along one axis, in pixels."""

    least: int
    most: int
    line: int | None
    """A line of the grid; None where it is unknown, or where no crop can begin on one."""

    @classmethod
    def of(cls, least: int, most: int, line: int | None) -> "_Span":
        span = cls(least, most, line)
        return span if span.has_line(GRID_PX) else span._replace(line=None)

    @classmethod
    def central(cls, size_px: int, crop_px: int, line: int | None) -> "_Span":
        """Return the span of crops within the central square of a picture."""
        square_px = min(SQUARE_PX, size_px)
        square = cls.of(0, size_px - square_px, line)
        start = square.place(4, _SQUARE_STEP_PX if square.has_line(_SQUARE_STEP_PX) else GRID_PX)
        return cls.of(start, start + square_px - crop_px, line)

    def has_line(self, step_px: int) -> bool:
        """Whether a line of the grid of `step_px` is in the span; true where the grid is unknown."""
        return self.line is None or (self.most - self.line) // step_px >= -((self.line - self.least) // step_px)

    def place(self, eighths: int, step_px: int) -> int:
        """Return the line of the grid of `step_px` nearest to some eighths of the span, or exactly these."""
        if self.line is None:
            return self.least + (self.most - self.least) * eighths // 8
        steps = round((self.least + (self.most - self.least) * eighths / 8 - self.line) / step_px)
        first, last = -((self.line - self.least) // step_px), (self.most - self.line) // step_px
        return self.line + step_px * min(max(steps, first), last)


def to_tensor(crops: Iterable[Picture]) -> torch.Tensor:
    """Return crops as one uint8 tensor N × 3 × H × W in channels-last memory, as the network needs them."""
    return torch.from_numpy(np.stack(list(crops))).permute(0, 3, 1, 2)


def _random(rng: np.random.Generator, free_px: int, unit_px: int = 1) -> int:
    """Return a random multiple of `unit_px` from 0 to `free_px`."""
    return int(rng.integers(free_px // unit_px + 1)) * unit_px


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
