"""Glyphs: letters of a page that are equal pixel for pixel beyond what printing and scanning allow.

luma, page → Copy or None. Two letters of one typeface differ on paper by toner, by the place of the sensor's pixels and
by noise. Letters of about equal size are compared with each other; of each the nearest others count. How much nearer
they are than the nearest letters of this page usually are, adds up over letters that lie beside each other and have the
same displacement, as a copied word has. After Fridrich, Soukal and Lukáš, "Detection of copy-move forgery in digital
images" (DFRWS 2003), with letters for blocks and the page itself for the threshold; this form is this project's.
"""

from collections import defaultdict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from examiner.detectors.scans.glyph_extent import grown
from examiner.detectors.scans.glyph_pairs import Box, difference, nearest_letters
from examiner.detectors.scans.page import Page

LEAST_HEIGHT_PX, LEAST_WIDTH_PX = 7, 4
_MOST_WEIGHT = 2.5
_FLOOR = 0.02
"""Share of the usual difference below which nothing is told apart; log(1 / 0.02) is beyond the most weight."""
_LEAST_LETTERS = 2
_PRINTED = 1.2
"""Weight of the letters of a word that was printed twice and happens to lie alike on the sensor's pixels both times."""
_APART = 3.0
"""Heights of a letter from one letter of a copied word to the next, at most."""
_MARGIN_PX = 3


class Copy(NamedTuple):
    """The likeliest copied word."""

    weight: float
    """Sum of the logarithms of how much more alike its letters are than the page's most alike letters usually are, but
    for what a word that was printed twice may have (`_evidence`)."""
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

    That is where too few letters have about equal size, or most are equal pixel for pixel to another, as
    software draws them.
    """
    letters = page.letters[(page.letters[:, 3] >= LEAST_HEIGHT_PX) & (page.letters[:, 2] >= LEAST_WIDTH_PX)]
    nearest = nearest_letters(luma, letters)
    if len(nearest) < 20:
        return None
    usual = float(np.median([each.distances[0] for each in nearest]))
    if usual == 0:
        return None
    by_displacement: dict[tuple[int, int], list[_Pair]] = defaultdict(list)
    for box, distances, displacements in nearest:
        for distance, (dx, dy) in zip(distances.tolist(), displacements.tolist(), strict=True):
            if distance < usual and (dy, dx) > (0, 0):
                by_displacement[dx, dy].append(_Pair(*box, _weight(distance, usual)))
    pieces = page.letters[page.letters[:, 2] >= LEAST_WIDTH_PX]
    best = Copy(0.0, 0, (0, 0, 0, 0), (0, 0, 0, 0))
    for (dx, dy), pairs in by_displacement.items():
        for seen in _words(pairs):
            word = _with_neighbours(luma, pieces, seen, (dx, dy), usual)
            weight = _evidence([each.weight for each in word])
            if len(word) >= _LEAST_LETTERS and weight > best.weight:
                box = grown(luma, _around(word), dx, dy)
                best = Copy(weight, len(word), box, (box[0] + dx, box[1] + dy, box[2], box[3]))
    return best


def _with_neighbours(
    luma: NDArray[np.uint8], pieces: NDArray[np.int32], word: list[_Pair], displacement: tuple[int, int], usual: float
) -> list[_Pair]:  # fmt: skip
    """Return a word with the letters beside it that are as much alike at this displacement.

    Compression changes the outlines of equal letters, so that those of a copy are often of another size, and others
    of the page are nearer to some: such pairs are not among the nearest of their size.
    """
    found = sorted(word)
    top, bottom = min(each.y for each in word), max(each.y + each.height for each in word)
    height = bottom - top
    middles = pieces[:, 1] + pieces[:, 3] / 2
    line = pieces[(middles > top - height / 4) & (middles < bottom + height / 4)]
    for step in (-1, 1):
        while True:
            at = found[0] if step < 0 else found[-1]
            gaps = at.x - (line[:, 0] + line[:, 2]) if step < 0 else line[:, 0] - (at.x + at.width)
            beside = np.flatnonzero((gaps > -2) & (gaps < _APART * height))
            if not beside.size:
                break
            x, y, wide, high = (int(each) for each in line[beside[np.argmin(gaps[beside])]])
            apart = difference(luma, (x, y, wide, high), displacement)
            if apart >= usual:
                break
            weight = _weight(apart, usual)
            found.insert(0 if step < 0 else len(found), _Pair(x, y, wide, high, weight))
    return found


def _weight(apart: float, usual: float) -> float:
    """Return the logarithm of how much less than usual two letters differ."""
    return min(float(np.log(usual / max(apart, _FLOOR * usual))), _MOST_WEIGHT)


def _evidence(weights: list[float]) -> float:
    """Return what the letters of a word say together; those after the two strongest only by what exceeds _PRINTED."""
    ordered = sorted(weights, reverse=True)
    return sum(ordered[:_LEAST_LETTERS]) + sum(max(0.0, each - _PRINTED) for each in ordered[_LEAST_LETTERS:])


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
