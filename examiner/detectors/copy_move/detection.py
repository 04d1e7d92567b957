"""Detection: regions of a picture that were copied to another place in it.

Luma in, copies out, the surest first. Copies are looked for in the picture at no more than SEARCHED_PX pixels, and
verified in the whole one. Pictures below 64 px a side have none.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.copy_move.agreement import shared_movements
from examiner.detectors.copy_move.pairs import like_pairs
from examiner.detectors.copy_move.verification import Copy, verified

SEARCHED_PX = 1_200_000
"""Pixels of the picture in which copies are looked for; larger ones are made smaller."""
SIDE_MIN_PX = 64
AREA_MIN_PX = 400
"""Smallest region that counts: in fewer pixels chance correlates much."""
_VERIFIED_MAX = 8


def copies_in(luma: NDArray[np.uint8]) -> list[Copy]:
    """Return the copies, the surest first; of one movement only the surest."""
    if min(luma.shape) < SIDE_MIN_PX:
        return []
    scale = max(1.0, (luma.size / SEARCHED_PX) ** 0.5)
    searched = luma
    if scale > 1:
        size = round(luma.shape[1] / scale), round(luma.shape[0] / scale)
        searched = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
        scale = luma.shape[1] / size[0]
    movements = [each for pairs in like_pairs(searched) for each in shared_movements(pairs)]
    movements.sort(key=lambda each: -len(each.places))
    found = [verified(luma, each, scale) for each in movements[:_VERIFIED_MAX]]
    copies = [each for each in found if each is not None and each.area_px >= AREA_MIN_PX]
    kept: list[Copy] = []
    for each in sorted(copies, key=lambda copy: (-copy.score, -copy.area_px)):
        if not any(_same(each, other) for other in kept):
            kept.append(each)
    return kept


def target_box(copy: Copy, size_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box (x, y, width, height) around a region's copy, within a picture of this width and height."""
    left, top, width, height = region_box(copy)
    corners = np.array([(left, top), (left + width, top), (left, top + height), (left + width, top + height)])
    moved = corners @ copy.matrix[:, :2].T + copy.matrix[:, 2]
    x, y = (max(0, int(each)) for each in np.floor(moved.min(axis=0)))
    right, bottom = (min(int(each), side) for each, side in zip(np.ceil(moved.max(axis=0)), size_px, strict=True))
    return x, y, right - x, bottom - y


def region_box(copy: Copy) -> tuple[int, int, int, int]:
    """Return the box (x, y, width, height) around a region."""
    rows, columns = np.nonzero(copy.mask)
    left, right = int(columns.min() * copy.shrink), min(int((columns.max() + 1) * copy.shrink), copy.box[2])
    top, bottom = int(rows.min() * copy.shrink), min(int((rows.max() + 1) * copy.shrink), copy.box[3])
    return copy.box[0] + left, copy.box[1] + top, right - left, bottom - top


def _same(one: Copy, other: Copy) -> bool:
    """Return whether two copies are of one region, or one is the other seen from its copy."""
    middle = np.array([one.box[0] + one.box[2] / 2, one.box[1] + one.box[3] / 2, 1.0])
    x, y, width, height = region_box(other)
    inside = x <= middle[0] <= x + width and y <= middle[1] <= y + height
    back = cv2.invertAffineTransform(other.matrix)
    near = 0.05 * max(width, height) + 4
    return bool(
        (inside and np.abs(one.matrix @ middle - other.matrix @ middle).max() < near)
        or np.abs(one.matrix @ middle - back @ middle).max() < near
    )
