"""Lattice: the dots of a print or the pixels of a display, all over a picture.

luma → the two strongest frequencies that a lattice has, or None. Windows all over the picture are transformed; of their
power at each frequency a lower quantile is taken, so that only what is in most of them counts, and compared with the
frequencies around. A lattice gives two peaks in different directions. Follows the spectral tests for recaptured
pictures (Cao and Kot, "Identification of recaptured photographs on LCD screens", ICASSP 2010; Bulan, Mao and Sharma on
halftones, ICIP 2009); quantile and pairs are this project's. Peaks at multiples of 1/8 are those of JPEG blocks, and
those near 1/2 those of demosaicing: they are left out.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW_PX = 128
MOST_WINDOWS = 100
LEAST_WINDOWS = 12
_QUANTILE = 0.4
_LEAST_RADIUS, _MOST_RADIUS = 9, 58
"""Of the frequencies looked at, in bins of 1/128."""
_LEAST_TURN = np.deg2rad(25.0)
_CANDIDATES = 12
_AROUND = 21


class Lattice(NamedTuple):
    """The two strongest peaks that form a lattice."""

    contrast: float
    """By how much both stand out from the frequencies around: the natural logarithm of the smaller ratio of power."""
    degrees: float
    """Direction of the stronger one, 0 to 45: how far the lattice is turned from the picture's sides."""
    period_px: float
    """From one line of the lattice to the next."""


def lattice(luma: NDArray[np.uint8]) -> Lattice | None:
    """Return the strongest lattice in luma (height, width); None where it is too small or too plain."""
    spectrum = typical_spectrum(luma)
    if spectrum is None:
        return None
    excess = np.where(_LOOKED_AT, spectrum - _around(spectrum), np.float32(-np.inf))
    found: list[tuple[float, int, int]] = []
    left = excess.copy()
    for _ in range(_CANDIDATES):
        row, column = (int(each) for each in np.unravel_index(int(left.argmax()), left.shape))
        found.append((float(left[row, column]), row - WINDOW_PX // 2, column))
        left[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = -np.inf
    best, of = 0.0, None
    for number, (first, row, column) in enumerate(found):
        for second, other_row, other_column in found[number + 1 :]:
            between = abs(np.arctan2(row, column) - np.arctan2(other_row, other_column)) % np.pi
            if min(between, np.pi - between) > _LEAST_TURN and min(first, second) > best:
                best, of = min(first, second), (row, column)
    if of is None:
        return Lattice(0.0, 0.0, 0.0)
    turned = float(np.rad2deg(np.arctan2(of[0], of[1]))) % 90.0
    return Lattice(best, min(turned, 90.0 - turned), WINDOW_PX / float(np.hypot(*of)))


def typical_spectrum(luma: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Return the logarithm of a lower quantile of the windows' power: rows -64..63, columns 0..64; None if too few."""
    windows = _windows(luma)
    if len(windows) < LEAST_WINDOWS:
        return None
    taper = np.hanning(WINDOW_PX).astype(np.float32)
    patches = np.stack(windows).astype(np.float32)
    patches -= patches.mean(axis=(1, 2), keepdims=True)
    power = np.square(np.abs(np.fft.rfft2(patches * (taper[:, None] * taper[None, :]))))
    logs = np.log(np.fft.fftshift(power, axes=1) + 1.0).astype(np.float32)
    # a display seen from the side has no frequency that is quite the same in all windows
    spread = np.stack([cv2.dilate(each, np.ones((3, 3), np.uint8)) for each in logs])
    kept = int(_QUANTILE * len(windows))
    return np.asarray(np.partition(spread, kept, axis=0)[kept], np.float32)


def _windows(luma: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return windows spread over the picture, without those that are flat or clipped."""
    height, width = luma.shape
    if min(height, width) < WINDOW_PX:
        return []
    step = max(WINDOW_PX // 2, int(np.sqrt(height * width / MOST_WINDOWS)))
    windows = []
    for top in range(0, height - WINDOW_PX + 1, step):
        for left in range(0, width - WINDOW_PX + 1, step):
            window = luma[top : top + WINDOW_PX, left : left + WINDOW_PX]
            if 8 < float(window.mean()) < 250 and float(window.std()) > 0.8:
                windows.append(window)
    return windows[: 2 * MOST_WINDOWS]


def _around(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what is usual around each frequency: the largest of the medians in a square, a row and a column."""
    square = cv2.medianBlur(np.clip(spectrum * 10.0, 0, 255).astype(np.uint8), _AROUND).astype(np.float32) / 10.0
    row, column = (_median_along(spectrum, axis) for axis in (1, 0))
    return np.asarray(np.maximum(square, np.maximum(row, column)), np.float32)


def _median_along(spectrum: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    half = _AROUND // 2
    padded = np.pad(spectrum, [(half, half) if each == axis else (0, 0) for each in range(2)], mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND, axis), axis=-1), np.float32)


def _looked_at() -> NDArray[np.bool_]:
    rows = np.arange(-WINDOW_PX // 2, WINDOW_PX // 2)[:, None]
    columns = np.arange(WINDOW_PX // 2 + 1)[None, :]
    radius = np.hypot(rows, columns)
    near = [np.abs((each + 8) % 16 - 8) <= 1 for each in (rows, columns)]
    blocks = near[0] & near[1]
    half_plane = (columns > 0) | (rows > 0)
    return np.asarray((radius >= _LEAST_RADIUS) & (radius <= _MOST_RADIUS) & ~blocks & half_plane, np.bool_)


_LOOKED_AT = _looked_at()
