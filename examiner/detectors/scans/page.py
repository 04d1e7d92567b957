"""Page: whether a picture is a page of text, where its paper is and where its letters are.

luma → Page or None. A page is paper of one brightness on most of the picture, with many dark pieces of the size of
letters. Brightness may change slowly over it, as under a lamp.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 192
_LEAST_PAPER = 0.45
_LEAST_LETTERS, _MOST_LETTERS = 40, 6000
_LEAST_BRIGHTNESS = 110.0
_MOST_CHANGE = 0.2
_CELL_PX = 64
_LETTER_PX = (6, 160)
_DARKER = 40


@dataclass(frozen=True, eq=False)
class Page:
    """A page of text."""

    paper: NDArray[np.float32]
    """Brightness of the paper at each pixel, (height, width)."""
    is_paper: NDArray[np.bool_]
    """Paper that lies apart from all ink."""
    ink: NDArray[np.bool_]
    letters: NDArray[np.int32]
    """x, y, width, height of each dark piece of the size of a letter."""


def page_of(luma: NDArray[np.uint8]) -> Page | None:
    """Return the page that luma (height, width) shows, or None where it is no page of text."""
    height, width = luma.shape
    if min(height, width) < LEAST_SIDE_PX:
        return None
    small = cv2.resize(luma, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    # the brighter side of each place is paper, whatever is printed there
    brighter = cv2.dilate(cv2.medianBlur(small, 5), np.ones((9, 9), np.uint8))
    coarse = cv2.resize(brighter, (max(2, width // _CELL_PX), max(2, height // _CELL_PX)), interpolation=cv2.INTER_AREA)
    coarse = cv2.medianBlur(coarse, 5)
    brightness = float(np.median(coarse))
    if brightness < _LEAST_BRIGHTNESS or float(np.mean(np.abs(coarse - brightness) > _MOST_CHANGE * brightness)) > 0.15:
        return None
    paper = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    ink = cv2.subtract(paper, luma) > _DARKER
    near = cv2.dilate(ink.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    is_paper = ~near & (cv2.absdiff(luma, paper) <= _DARKER)
    if float(is_paper.mean()) < _LEAST_PAPER:
        return None
    _, _, boxes, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    pieces = np.asarray(boxes[1:], np.int32)
    low, high = _LETTER_PX
    sized = (pieces[:, 3] >= low) & (pieces[:, 3] <= high) & (pieces[:, 2] >= 2) & (pieces[:, 2] <= high)
    letters = pieces[sized]
    if not _LEAST_LETTERS <= len(letters) <= _MOST_LETTERS or letters[:, 4].sum() < 0.5 * ink.sum():
        return None
    return Page(paper.astype(np.float32), is_paper, ink, letters[:, :4])
