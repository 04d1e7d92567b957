"""Glyphs: letters of a page that are equal pixel for pixel beyond what printing and scanning allow.

luma, page → Copy or None. Two letters of one typeface differ on paper by toner, by the place of the sensor's pixels and
by noise. Letters of equal size are compared with each other; of each the nearest others count. How much nearer they are
than the nearest letters of this page usually are, adds up over letters that lie beside each other and have the same
displacement, as a copied word has. After Fridrich, Soukal and Lukáš, "Detection of copy-move forgery in digital
images" (DFRWS 2003), with letters for blocks and the page itself for the threshold; this form is this project's.
"""

from collections import defaultdict
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans.page import Page

LEAST_HEIGHT_PX, LEAST_WIDTH_PX = 7, 4
_MOST_ALIKE = 400
"""Letters of one size that are compared."""
_NEAREST = 3
_MOST_WEIGHT = 2.5
_LEAST_LETTERS = 2
_APART = 3.0
"""Heights of a letter from one letter of a copied word to the next, at most."""
_MARGIN_PX = 3

Box = tuple[int, int, int, int]


class Copy(NamedTuple):
    """The likeliest copied word."""

    weight: float
    """Sum of the logarithms of how much more alike its letters are than the page's most alike letters usually are."""
    letters: int
    first: Box
    second: Box
    """Where it stands twice: x, y, width, height."""


class _Pair(NamedTuple):
    x: int
    y: int
    width: int
    height: int
    weight: float


def copied_word(luma: NDArray[np.uint8], page: Page) -> Copy | None:
    """Return the likeliest copied word of a page; None where nothing can be said.

    That is where too few letters have equal size, or most are equal pixel for pixel to another, as software draws them.
    """
    letters = page.letters[(page.letters[:, 3] >= LEAST_HEIGHT_PX) & (page.letters[:, 2] >= LEAST_WIDTH_PX)]
    nearest = _nearest(luma, letters)
    if len(nearest) < 20:
        return None
    usual = float(np.median([distances[0] for _, distances, _ in nearest]))
    if usual == 0:
        return None
    # a JPEG rounds equal letters apart, and noise has no less than this
    floor = 0.02 * usual + 1e-6
    by_displacement: dict[tuple[int, int], list[_Pair]] = defaultdict(list)
    for number, distances, others in nearest:
        x, y, width, height = (int(each) for each in letters[number])
        for distance, other in zip(distances, others, strict=True):
            weight = min(float(np.log(usual / max(float(distance), floor))), _MOST_WEIGHT)
            dx, dy = int(letters[other, 0]) - x, int(letters[other, 1]) - y
            if weight > 0 and (dy, dx) > (0, 0):
                by_displacement[dx, dy].append(_Pair(x, y, width, height, weight))
    best = Copy(0.0, 0, (0, 0, 0, 0), (0, 0, 0, 0))
    for (dx, dy), pairs in by_displacement.items():
        for word in _words(pairs):
            weight = sum(each.weight for each in word)
            if len(word) >= _LEAST_LETTERS and weight > best.weight:
                box = _grown(luma, _around(word), dx, dy)
                best = Copy(weight, len(word), box, (box[0] + dx, box[1] + dy, box[2], box[3]))
    return best


def _nearest(
    luma: NDArray[np.uint8], letters: NDArray[np.int32]
) -> list[tuple[int, NDArray[np.float32], NDArray[np.int64]]]:
    """Return for each letter with others of its size the distances and numbers of the nearest ones."""
    by_size: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, (_, _, width, height) in enumerate(letters.tolist()):
        by_size[width, height].append(number)
    found = []
    for (width, height), numbers in by_size.items():
        if len(numbers) < 3:
            continue
        kept = np.asarray(numbers[:_MOST_ALIKE])
        places = letters[kept, :2]
        patches = np.stack([luma[y : y + height, x : x + width].ravel() for x, y in places.tolist()]).astype(np.float32)
        patches -= patches.mean(axis=1, keepdims=True)
        squares = np.square(patches).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares[None, :] - 2 * (patches @ patches.T), 0.0)
        np.fill_diagonal(distances, np.inf)
        distances = np.sqrt(distances / (width * height))
        order = np.argsort(distances, axis=1, kind="stable")[:, : min(_NEAREST, len(kept) - 1)]
        rows = np.take_along_axis(distances, order, axis=1)
        found += [(int(kept[n]), rows[n], kept[order[n]]) for n in range(len(kept))]
    return found


def _words(pairs: list[_Pair]) -> list[list[_Pair]]:
    """Return pairs in groups of letters that lie beside each other on a line."""
    words: list[list[_Pair]] = []
    for pair in sorted(pairs):
        for word in words[-8:]:
            last = word[-1]
            beside = pair.x - (last.x + last.width) < _APART * max(pair.height, last.height)
            if beside and abs(pair.y - last.y) < max(pair.height, last.height):
                word.append(pair)
                break
        else:
            words.append([pair])
    return words


def _around(word: list[_Pair]) -> Box:
    left, top = min(each.x for each in word) - _MARGIN_PX, min(each.y for each in word) - _MARGIN_PX
    right = max(each.x + each.width for each in word) + _MARGIN_PX
    bottom = max(each.y + each.height for each in word) + _MARGIN_PX
    return max(0, left), max(0, top), right - max(0, left), bottom - max(0, top)


def _grown(luma: NDArray[np.uint8], box: Box, dx: int, dy: int) -> Box:
    """Return a box enlarged by what is as equal around it as within."""
    x, y, width, height = box
    reach = 2 * height
    tall, wide = luma.shape
    left, top = max(0, x - reach, -dx), max(0, y - height, -dy)
    right, bottom = min(wide, wide - dx, x + width + reach), min(tall, tall - dy, y + 2 * height)
    if right <= left or bottom <= top:
        return box
    here = luma[top:bottom, left:right].astype(np.float32)
    there = luma[top + dy : bottom + dy, left + dx : right + dx].astype(np.float32)
    apart = np.asarray(cv2.blur(np.abs(here - there), (7, 5)), np.float32)
    within = apart[max(0, y - top) : y - top + height, max(0, x - left) : x - left + width]
    outside = float(np.median(apart))
    inside = float(np.median(within)) if within.size else outside
    if inside > 0.6 * outside:
        return box
    equal = (apart <= inside + 0.35 * (outside - inside)).astype(np.uint8)
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(equal)
    covered = np.bincount(labels[max(0, y - top) : y - top + height, max(0, x - left) : x - left + width].ravel())[1:]
    if not covered.any():
        return box
    label = int(covered.argmax()) + 1
    grown_x, grown_y, grown_wide, grown_high = (int(each) for each in boxes[label][:4])
    # half a window of the blur lies outside what is equal
    new = (max(0, left + grown_x - 2), max(0, top + grown_y - 2), grown_wide + 4, grown_high + 4)
    return new if new[2] * new[3] < 6 * width * height else box
