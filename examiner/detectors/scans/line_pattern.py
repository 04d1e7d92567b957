"""Line pattern: how far the columns, or the rows, of a picture have a noise of their own that repeats all along them.

luma → how much columns and rows repeat, or None. The sensor of a scanner is one line that moves over the page, so its
fixed pattern is the same in every row; a camera's is another one in every row (Khanna, Mikkilineni, Chiu, Allebach and
Delp, "Forensic classification of imaging sensor types", SPIE 6505, 2007; Gou, Swaminathan and Wu, "Robust scanner
identification based on noise features", SPIE 6505, 2007). Strips of the picture that lie apart are averaged along the
line's way, without edges and letters, and correlated with each other: what they share is no part of the scene that
lies in one of them. Photosites differ at random, so what is periodic is no pattern of theirs but that of JPEG blocks or
of a resizing (one of 40 px stands in originals that a Canon T5i made smaller): such frequencies are left out.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 192
MOST_SIDE_PX = 1536
STRIPS = 6
_KERNEL = np.array([[-1, 2, -1]], np.float32)
_LEAST_SHARE = 0.2
"""Of a strip's pixels in a column, so many must be free of edges."""
_LEAST_COLUMNS = 128
_BESIDE_EDGES = np.ones((5, 5), np.uint8)
_NEIGHBOURS = 65
"""Frequencies that say what a usual amplitude is."""
_PERIODIC = 3.5
"""Times the usual amplitude is what chance gives one frequency in 5,000: beyond it the frequency is left out."""
_BESIDE = 3
"""Frequencies on each side of a periodic one that are left out as well."""


class LinePattern(NamedTuple):
    """Typical correlation of the strips' patterns, -1 to 1; chance gives about 0.02."""

    columns: float
    """Repeated in all rows: a line of sensors that moved down or up the picture."""
    rows: float
    """Repeated in all columns: one that moved across."""


def line_pattern(luma: NDArray[np.uint8]) -> LinePattern | None:
    """Return how columns and rows of luma (height, width) repeat; None where there is too little plain surface.

    Reads at most the middle 1536 × 1536 px.
    """
    if min(luma.shape) < LEAST_SIDE_PX:
        return None
    top, left = (max(0, side - MOST_SIDE_PX) // 16 * 8 for side in luma.shape)
    looked_at = luma[top : top + MOST_SIDE_PX, left : left + MOST_SIDE_PX]
    columns, rows = _repeated(np.ascontiguousarray(looked_at)), _repeated(np.ascontiguousarray(looked_at.T))
    return None if columns is None or rows is None else LinePattern(columns, rows)


def _repeated(plane: NDArray[np.uint8]) -> float | None:
    """Return the typical correlation of the columns' patterns in strips of rows that lie apart."""
    across = cv2.filter2D(plane, cv2.CV_16S, _KERNEL)
    size = cv2.convertScaleAbs(across, alpha=8.0)
    smooth = cv2.blur(np.minimum(size, np.uint8(250)), (5, 5))
    typical = float(np.median(smooth[::4, ::4]))
    unclipped = (plane > 2) & (plane < 254)  # clipped pixels have no noise
    free = cv2.erode(((smooth <= max(2.0 * typical, 8.0)) & unclipped).astype(np.uint8), _BESIDE_EDGES) > 0
    values = np.clip(across, -32, 32).astype(np.float32)
    values[~free] = 0.0
    strip = plane.shape[0] // STRIPS
    patterns: list[NDArray[np.float64] | None] = []
    for number in range(STRIPS):
        lines = np.s_[number * strip : (number + 1) * strip]
        counts = free[lines].sum(axis=0)
        enough = counts >= _LEAST_SHARE * strip
        if int(enough.sum()) < _LEAST_COLUMNS:
            patterns.append(None)
            continue
        means = np.where(enough, values[lines].sum(axis=0) / np.maximum(counts, 1), np.nan)
        patterns.append(_levelled(means))
    correlations = [
        _correlation(one, two)
        for first, one in enumerate(patterns)
        for two in patterns[first + 2 :]
        if one is not None and two is not None
    ]
    told = [each for each in correlations if each is not None]
    return float(np.median(told)) if len(told) >= 3 else None


def _levelled(means: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a pattern without outliers and periodic parts, all frequencies equally strong; NaN stays."""
    gaps = np.isnan(means)
    centred = np.where(gaps, 0.0, means - np.nanmedian(means))
    spread = 1.4826 * float(np.median(np.abs(centred[~gaps]))) + 1e-6
    spectrum = np.fft.rfft(np.clip(centred, -4 * spread, 4 * spread))
    sizes = np.abs(spectrum)
    half = min(_NEIGHBOURS, len(sizes) // 2 * 2 - 1) // 2
    padded = np.pad(sizes, half, mode="reflect")
    usual = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1) + 1e-9
    periodic = (sizes > _PERIODIC * usual).astype(np.float64)
    spectrum *= (np.convolve(periodic, np.ones(2 * _BESIDE + 1), mode="same") < 0.5) / usual
    return np.where(gaps, np.nan, np.fft.irfft(spectrum, len(means)))


def _correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float | None:
    both = ~(np.isnan(one) | np.isnan(two))
    if int(both.sum()) < _LEAST_COLUMNS:
        return None
    first, second = one[both], two[both]
    first, second = first - first.mean(), second - second.mean()
    size = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / size if size > 0 else None
