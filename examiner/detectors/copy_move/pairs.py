"""Pairs: pixels of one picture whose surroundings are alike, whichever way they are turned.

Luma in, pairs of places out. Copies are found by sorting hashes of quantised surroundings, after Fridrich, Soukal and
Lukáš, DFRWS 2003, with surroundings that begin at the pixel's own gradient, as in Lowe, IJCV 60 (2004).
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

RADIUS_PX = 7.0
ENLARGEMENTS = (1.0, 1.2)
"""Enlargements that are looked for; each finds those within a tenth as well."""
DISTANCE_MIN_PX = 24.0
"""Pairs nearer than this are parts of the same thing."""
_STEP = 7.0
"""Levels of one step: more than JPEG 75 changes a smoothed pixel by, as a rule."""
_SMOOTHING_PX = 1.5
_ANGLE_SMOOTHING_PX = 3.0
_CORNER_PX = 15
_CORNER_MIN = 2e-5
"""Least eigenvalue of the structure tensor (of luma 0 to 1): straight edges are alike all along."""
_NEXT = 3
"""Neighbours in the sorted order to pair each pixel with."""
_ALIKE_MAX = 8
"""Surroundings that more pixels share are of a repeated pattern or too plain."""
PAIRS_MAX = 60_000
"""Most pairs that are kept, evenly chosen."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Places that look alike: the second one perhaps turned, and enlarged by `enlargement`."""

    enlargement: float
    first: NDArray[np.float32]
    """(n, 2), x and y."""
    second: NDArray[np.float32]
    turns: NDArray[np.float32]
    """(n,): by how much the second is turned, radians, -π to π."""


def like_pairs(luma: Luma) -> list[Pairs]:
    """Return the pairs for each enlargement; empty ones where nothing has corners or edges of two directions."""
    from examiner.detectors.copy_move.description_kernel import described

    smooth = np.asarray(cv2.GaussianBlur(luma.astype(np.float32), (0, 0), _SMOOTHING_PX), np.float32)
    wide = cv2.GaussianBlur(smooth, (0, 0), _ANGLE_SMOOTHING_PX)
    angles = np.asarray(np.arctan2(cv2.Sobel(wide, cv2.CV_32F, 0, 1), cv2.Sobel(wide, cv2.CV_32F, 1, 0)), np.float32)
    corners = cv2.cornerMinEigenVal(smooth * np.float32(1 / 255), _CORNER_PX) > _CORNER_MIN
    border = int(RADIUS_PX * max(ENLARGEMENTS)) + 3
    corners[:border] = corners[-border:] = corners[:, :border] = corners[:, -border:] = False
    rows, columns = (each.astype(np.int32) for each in np.nonzero(corners))
    places = np.stack([columns, rows], axis=1).astype(np.float32)
    directions = angles[rows, columns]
    numbers = [
        described(smooth, angles, rows, columns, np.float32(RADIUS_PX * each), np.float32(_STEP))
        for each in ENLARGEMENTS
    ]
    found = [_paired(numbers[0], None)]
    found += [_paired(numbers[0], each) for each in numbers[1:]]
    return [
        _far_apart(enlargement, places[first], places[second], directions[second] - directions[first])
        for enlargement, (first, second) in zip(ENLARGEMENTS, found, strict=True)
    ]


def _paired(
    numbers: NDArray[np.uint64], others: NDArray[np.uint64] | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return indices with equal numbers: within one list, or in the first and in the other."""
    both = numbers if others is None else np.concatenate([numbers, others])
    order = np.argsort(both, kind="stable")
    order = order[np.searchsorted(both[order], 1) :]
    ordered = both[order]
    common = np.zeros(ordered.size, bool)
    at = np.nonzero(ordered[_ALIKE_MAX:] == ordered[:-_ALIKE_MAX])[0]
    for step in range(_ALIKE_MAX + 1):
        common[at + step] = True
    order, ordered = order[~common], ordered[~common]
    firsts, seconds = [], []
    for step in range(1, _NEXT + 1):
        at = np.nonzero(ordered[step:] == ordered[:-step])[0]
        one, two = order[at], order[at + step]  # a stable order: one < two
        if others is not None:
            across = (one < numbers.size) & (two >= numbers.size)
            one, two = one[across], two[across] - numbers.size
        firsts.append(one)
        seconds.append(two)
    return np.concatenate(firsts), np.concatenate(seconds)


def _far_apart(
    enlargement: float, first: NDArray[np.float32], second: NDArray[np.float32], turns: NDArray[np.float32]
) -> Pairs:
    far = np.sum((first - second) ** 2, axis=1) > DISTANCE_MIN_PX**2
    if np.count_nonzero(far) > PAIRS_MAX:
        chosen = np.nonzero(far)[0]
        far = chosen[np.linspace(0, chosen.size - 1, PAIRS_MAX).astype(np.intp)]
    turned = (turns[far] + np.float32(np.pi)) % np.float32(2 * np.pi) - np.float32(np.pi)
    return Pairs(enlargement, first[far], second[far], turned)
