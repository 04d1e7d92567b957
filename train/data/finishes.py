"""Finishes: the pixels of a batch's rectangles and what shall become of them, as tensors that a device can work on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor, from_numpy

from train.batched.finishing import Finishes
from train.batched.gamma import gamma_table
from train.data.crops import Finish
from train.data.manipulations import Manipulation, Picture


class Unfinished(NamedTuple):
    """What `train.batched.finishing.finish` makes the crops of a batch of."""

    pixels: Tensor
    """uint8 P×3, RGB: the rectangles' pixels one after the other."""
    finishes: Finishes


def unfinished(pictures: Sequence[Picture], finishes: Sequence[Finish]) -> Unfinished:
    """Return the pixels of rectangles and the finishes that their plans have for them, of a batch of one crop at least.

    All crops have one edge.
    """
    windows = np.zeros((len(pictures), 7), np.int64)
    corrected: list[int] = []
    tables = [np.empty((0, 256), np.uint8)]
    compressed: list[tuple[int, int]] = []
    resized: list[tuple[int, int, int]] = []
    coded_px = first = 0
    for place, (picture, finish) in enumerate(zip(pictures, finishes, strict=True)):
        height_px, width_px = picture.shape[:2]
        windows[place] = first, height_px, width_px, *finish.inner[:2], finish.turn, finish.mirrored
        first += height_px * width_px
        match finish.manipulation:
            case Manipulation("jpeg", quality_factor):
                compressed.append((place, round(quality_factor)))
                coded_px = max(coded_px, height_px, width_px)
            case Manipulation("scale") as scale:
                resized.append((place, scale.size_px(height_px), scale.size_px(width_px)))
            case Manipulation("gamma", gamma):
                corrected.append(place)
                tables.append(gamma_table(gamma)[None])
    return Unfinished(
        from_numpy(np.concatenate([picture.reshape(-1, 3) for picture in pictures])),
        Finishes(
            finishes[0].inner[2], coded_px, any(finish.turn or finish.mirrored for finish in finishes),
            from_numpy(windows), from_numpy(np.array(corrected, np.int64)), from_numpy(np.concatenate(tables)),
            from_numpy(np.array(compressed, np.int64).reshape(-1, 2)),
            from_numpy(np.array(resized, np.int64).reshape(-1, 3)),
        ),
    )  # fmt: skip
