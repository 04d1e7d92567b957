"""Glyph extent: how far the paper around a copied word was copied with it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans.glyph_pairs import Box

_REACHES = (8, 2)
"""Heights of a word to its left and right in which paper is looked for that was copied with it."""
_MOST_GROWTH = 3
_WINDOW_PX = (7, 5)


def grown(luma: NDArray[np.uint8], box: Box, dx: int, dy: int) -> Box:
    """Return a box enlarged by what is as equal around it as within; much paper may be, or little."""
    for reach in _REACHES:
        found = _equal_around(luma, box, (dx, dy), reach * box[3])
        if found is not None and found[3] < _MOST_GROWTH * box[3]:
            return found
    return box


def _equal_around(luma: NDArray[np.uint8], box: Box, displacement: tuple[int, int], reach: int) -> Box | None:
    """Return the box of what is connected with a box and as equal; None where nothing is more equal than the rest."""
    (x, y, width, height), (dx, dy) = box, displacement
    tall, wide = luma.shape
    left, top = max(0, x - reach, -dx), max(0, y - height, -dy)
    right, bottom = min(wide, wide - dx, x + width + reach), min(tall, tall - dy, y + 2 * height)
    if right <= left or bottom <= top:
        return None
    here = luma[top:bottom, left:right].astype(np.float32)
    difference = here - luma[top + dy : bottom + dy, left + dx : right + dx]
    word = slice(max(0, y - top), y - top + height), slice(max(0, x - left), x - left + width)
    if not difference[word].size:
        return None
    # a copy is often made a little brighter or darker, as the paper around it is
    apart = np.asarray(cv2.blur(np.abs(difference - np.median(difference[word])), _WINDOW_PX), np.float32)
    inside, outside = float(np.median(apart[word])), float(np.median(apart))
    if inside > 0.6 * outside:
        return None
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(
        (apart <= inside + 0.35 * (outside - inside)).astype(np.uint8)
    )
    covered = np.bincount(labels[word].ravel())[1:]
    if not covered.any():
        return None
    x, y, width, height = (int(each) for each in boxes[int(covered.argmax()) + 1][:4])
    x, y = left + x, top + y
    # half a window lies outside what is equal, but for the borders of the picture
    x, right = max(left, x - 2), min(right, x + width + 2)
    y, bottom = max(top, y - 2), min(bottom, y + height + 2)
    return x, y, right - x, bottom - y
