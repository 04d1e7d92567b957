"""Noise: the level of noise in each cell of a picture, against what is usual there for its brightness.

luma → a map. The noise of a cell is the median absolute deviation of the diagonal wavelet details of the finest scale:
Mahdian and Saic, "Using noise inconsistencies for blind image forensics", Image and Vision Computing 27 (2009). Noise
of a camera depends on brightness, so each cell is compared with cells of the same picture that are as bright.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.prnu.wavelet import HIGH

Floats = NDArray[np.float32]

_BINS = 8  # of brightness, with as many cells in each
_LEAST = 0.05  # levels; below this compression has left nothing
_GAUSSIAN = 0.6745
_HIGH = np.ascontiguousarray(HIGH[::-1])


def noise_levels(luma: NDArray[np.uint8], cell_px: int) -> Floats:
    """Return the noise of each whole cell, in levels: rows × columns."""
    details = cv2.sepFilter2D(luma, cv2.CV_32F, _HIGH, _HIGH)[::2, ::2]
    half = cell_px // 2
    down, across = (each // cell_px for each in luma.shape)
    cells = np.abs(details[: down * half, : across * half]).reshape(down, half, across, half)
    return (np.median(cells.swapaxes(1, 2).reshape(down, across, half * half), axis=2) / _GAUSSIAN).astype(np.float32)


def unusual_noise(levels: Floats, brightness: Floats) -> Floats:
    """Return how far the noise of each cell is above that of cells as bright, in robust standard deviations.

    `levels`, `brightness`: rows × columns; NaN where a cell says nothing, and in all of them where they are few.
    """
    logs = np.log(np.maximum(levels, _LEAST))
    result = np.full(levels.shape, np.nan, np.float32)
    valid = np.isfinite(logs) & np.isfinite(brightness)
    if valid.sum() < 2 * _BINS:
        return result
    order = np.argsort(brightness[valid], kind="stable")
    own = logs[valid]
    usual = np.empty_like(own)
    for part in np.array_split(order, _BINS):
        usual[part] = np.median(own[part])
    off = own - usual
    spread = max(float(np.median(np.abs(off))) / _GAUSSIAN, 0.05)
    result[valid] = off / spread
    return result


def cell_means(plane: NDArray[np.uint8], cell_px: int) -> Floats:
    """Return the mean of each whole cell, rows × columns."""
    down, across = (each // cell_px for each in plane.shape)
    small = cv2.resize(plane[: down * cell_px, : across * cell_px], (across, down), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32).reshape(down, across)
