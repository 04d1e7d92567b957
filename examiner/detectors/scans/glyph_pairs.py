"""Glyph pairs: the letters of a page that are most alike, and how much two places of it differ.

Compared is what a blur leaves of letters: compression rounds their finest detail.
"""

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
"""x, y, width, height."""
_MOST_ALIKE = 400
"""Letters of one size that are compared."""
_NEAREST = 3
_LEAST_POWER = 1.0
"""Added to sums of squared levels, so that nothing is divided by zero."""
_COARSE_PX = 1.0
"""Deviation of the blur in which letters are compared: a JPEG at 80 rounds the finest detail of equal letters apart by
half of what letters of one typeface differ by, and what is left after the blur by a seventh."""


class Near(NamedTuple):
    """A letter and those most like it."""

    box: Box
    distances: NDArray[np.float32]
    """Of the nearest others, the nearest first: the difference as a share of what is there (`difference`)."""
    displacements: NDArray[np.int32]
    """(n, 2): x and y from the letter to each of them."""


def nearest_letters(luma: NDArray[np.uint8], letters: NDArray[np.int32]) -> list[Near]:
    """Return for each letter with others of about its size the nearest ones.

    Compression, or a copy made a little darker, changes outlines by a pixel, on one side or on the other.
    """
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (_, _, width, height) in enumerate(letters.tolist()):
        by_size[width, height].append(number)
    found = []
    for (width, height), numbers in by_size.items():
        asked = letters[numbers[:_MOST_ALIKE], :2]
        others = _of_about(letters, by_size, width, height, luma.shape)
        patches, compared = (_patches(luma, places, width, height) for places in (asked, others))
        both = np.square(patches).sum(axis=1)[:, None] + np.square(compared).sum(axis=1)
        distances = _share(both, patches @ compared.T)
        displacements = others[None] - asked[:, None]
        is_itself = (np.abs(displacements) < (width, height)).all(axis=2)
        distances[is_itself] = np.inf
        for number, row in enumerate(distances):
            order = np.argsort(row, kind="stable")[:_NEAREST]
            order = order[np.isfinite(row[order])]
            if order.size:
                x, y = (int(each) for each in asked[number])
                found.append(Near((x, y, width, height), row[order], displacements[number, order]))
    return found


def _of_about(
    letters: NDArray[np.int32], by_size: dict[tuple[int, int], list[int]], width: int, height: int,
    shape: tuple[int, ...],
) -> NDArray[np.int32]:  # fmt: skip
    """Return the places (n, 2) at which letters of about a size begin, where either of their sides is that of it."""
    places = []
    for wider in (-1, 0, 1):
        for higher in (-1, 0, 1):
            numbers = by_size.get((width + wider, height + higher), [])[:_MOST_ALIKE]
            corners = letters[numbers, :2]
            for right in {0, wider}:
                places += [corners + np.array([right, lower], np.int32) for lower in {0, higher}]
    found = np.unique(np.concatenate(places), axis=0)
    inside = (found >= 0).all(axis=1) & (found[:, 0] + width <= shape[1]) & (found[:, 1] + height <= shape[0])
    return np.asarray(found[inside], np.int32)


def _patches(luma: NDArray[np.uint8], places: NDArray[np.int32], width: int, height: int) -> NDArray[np.float32]:
    """Return what lies at these places, (n, width × height), less its mean."""
    views = np.lib.stride_tricks.sliding_window_view(luma, (height, width))
    patches = _coarse(views[places[:, 1], places[:, 0]]).reshape(len(places), -1)
    return np.asarray(patches - patches.mean(axis=1, keepdims=True), np.float32)


def _coarse(patches: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return patches (…, height, width) without their finest detail, which compression rounds; mirrored at borders."""
    down, along = (_blur(side) for side in patches.shape[-2:])
    return np.asarray(down @ patches.astype(np.float32) @ along.T, np.float32)


@cache
def _blur(side: int) -> NDArray[np.float32]:
    """Return the matrix that blurs `side` values."""
    return np.asarray(cv2.GaussianBlur(np.eye(side, dtype=np.float32), (1, 5), 0, sigmaY=_COARSE_PX), np.float32)


def difference(luma: NDArray[np.uint8], box: Box, displacement: tuple[int, int]) -> float:
    """Return how much a box and what lies displaced differ, as a share of their contrast; inf: not inside.

    0: not at all; 1.4: as unrelated things of one contrast do. Pencil or a fold differs by few levels from anything.
    """
    x, y, width, height = box
    to_x, to_y = x + displacement[0], y + displacement[1]
    if min(to_x, to_y) < 0 or to_y + height > luma.shape[0] or to_x + width > luma.shape[1]:
        return np.inf
    here, there = _patches(luma, np.array([(x, y), (to_x, to_y)], np.int32), width, height)
    return float(_share(here @ here + there @ there, here @ there))


def _share(both: NDArray[np.float32], together: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the differences of patches as shares of their contrast, by the sums of their powers and their products."""
    return np.asarray(np.sqrt(np.maximum(both - 2 * together, 0.0) / (both / 2 + _LEAST_POWER)), np.float32)
