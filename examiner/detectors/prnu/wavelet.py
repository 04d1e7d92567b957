"""Wavelet: the orthogonal transform with Daubechies' filter of eight taps, forwards and back, of whole pictures.

Planes (height, width) of float32 whose sides are multiples of two for each level. Beyond its borders a plane begins
again, so that the inverse is exact. Source: Daubechies, Ten Lectures on Wavelets (1992), table 6.1, N = 4.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_LOW = np.array(
    [-0.010597401785069032, 0.0328830116668852, 0.030841381835560764, -0.18703481171909309,
     -0.027983769416859854, 0.6308807679298589, 0.7148465705529157, 0.2303778133088965],
    np.float32,
)  # fmt: skip
HIGH = np.asarray(_LOW[::-1] * np.array([1, -1] * 4), np.float32)
"""The filter of details, 8 taps."""
_REACH = 3
"""Pixels of one phase (even or odd) that a coefficient needs beyond its own."""


class Bands(NamedTuple):
    """One level: the half-sized picture, and the details across, down and along both diagonals."""

    low: Plane
    across: Plane
    down: Plane
    diagonal: Plane


def analysed(plane: Plane) -> Bands:
    """Return the four bands of one level, each half as wide and half as high as the plane."""
    low, high = _split(plane)
    low_low, low_high = _split(_turned(low))
    high_low, high_high = _split(_turned(high))
    return Bands(_turned(low_low), _turned(high_low), _turned(low_high), _turned(high_high))


def synthesised(bands: Bands) -> Plane:
    """Return the plane whose bands these are."""
    low = _turned(_joined(_turned(bands.low), _turned(bands.down)))
    high = _turned(_joined(_turned(bands.across), _turned(bands.diagonal)))
    return _joined(low, high)


def _turned(plane: Plane) -> Plane:
    return np.asarray(cv2.transpose(plane), np.float32)


def _split(plane: Plane) -> tuple[Plane, Plane]:
    """Return the low and the high half of each row."""
    width = plane.shape[1] // 2
    phases = [
        cv2.copyMakeBorder(np.ascontiguousarray(plane[:, phase::2]), 0, 0, 0, _REACH, cv2.BORDER_WRAP)
        for phase in (0, 1)
    ]
    low, high = (
        sum(cv2.filter2D(each, -1, taps[phase::2][None], anchor=(0, 0))[:, :width] for phase, each in enumerate(phases))
        for taps in (_LOW, HIGH)
    )
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _joined(low: Plane, high: Plane) -> Plane:
    """Return the rows whose halves these are."""
    joined = np.empty((low.shape[0], 2 * low.shape[1]), np.float32)
    halves = [cv2.copyMakeBorder(each, 0, 0, _REACH, 0, cv2.BORDER_WRAP) for each in (low, high)]
    for phase in (0, 1):
        joined[:, phase::2] = sum(
            cv2.filter2D(each, -1, np.ascontiguousarray(taps[phase::2][::-1])[None], anchor=(_REACH, 0))[:, _REACH:]
            for each, taps in zip(halves, (_LOW, HIGH), strict=True)
        )
    return joined
