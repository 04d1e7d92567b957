"""Grouping: photographs of one size sorted by device without references, from the correlations of their residuals.

Signals in, groups out. Two groups are joined while the correlation of their sums is above a threshold, the surest pair
first; the sum of a device's residuals is a fingerprint that grows, so joined photographs find fainter ones. All this
needs only the products of pairs. Source: Bloy, IEEE TIFS 3 (2008), with sums in place of searches at random.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.prnu.residual import signal_of
from examiner.detectors.prnu.wavelet import Plane

SIDE_PX = 1024
"""Side of the square in the middle that is compared."""
PHOTOGRAPHS_MAX = 400
"""Most photographs of one size: their squares are kept in memory, 1 MB each."""
JOINED_FROM = 7.0
"""Deviations of chance from which two groups are one device's; photographs by devices of one model share a little."""
_STEPS = 32


def compared_part(luma: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return the signal of the middle of a photograph, as a row of steps of 1/32 of its deviation."""
    height, width = luma.shape
    top, left = (max(0, (side - SIDE_PX) // 2) // 2 * 2 for side in (height, width))
    signal: Plane = signal_of(luma[top : top + SIDE_PX, left : left + SIDE_PX])
    deviation = float(signal.std())
    steps = np.clip(np.rint(signal * (_STEPS / deviation)), -127, 127)
    return np.asarray(steps, np.int8).ravel()


def products(signals: Sequence[NDArray[np.int8]]) -> NDArray[np.float64]:
    """Return the sums of products of all pairs, of 1/32² of the product of their deviations."""
    number, length = len(signals), signals[0].size if signals else 0
    total = np.zeros((number, number))
    for start in range(0, length, 1 << 16):
        part = np.stack([each[start : start + (1 << 16)] for each in signals]).astype(np.float32)
        total += cv2.mulTransposed(part, aTa=False)
    return total / _STEPS**2


def grouped(pairs: NDArray[np.float64], values: int, joined_from: float = JOINED_FROM) -> list[list[int]]:
    """Return groups of numbers of photographs, the largest first; `values` is the length of a signal."""
    groups = [[number] for number in range(len(pairs))]
    sums = pairs.copy()
    while len(groups) > 1:
        norms = np.sqrt(np.maximum(np.diag(sums), 1e-9))
        certain = sums * np.sqrt(values) / np.outer(norms, norms)
        np.fill_diagonal(certain, -np.inf)
        first, second = sorted(int(each) for each in np.unravel_index(int(certain.argmax()), certain.shape))
        if certain[first, second] < joined_from:
            break
        sums[first] += sums[second]
        sums[:, first] += sums[:, second]
        sums = np.delete(np.delete(sums, second, axis=0), second, axis=1)
        groups[first] += groups.pop(second)
    return sorted((sorted(each) for each in groups), key=lambda each: (-len(each), each))
