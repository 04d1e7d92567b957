"""Comparison: what differs between a thumbnail and the picture that lies in it: tones, and content by place.

An alignment → numbers. A camera makes thumbnail and picture from the same shot, but may reduce, sharpen and brighten
them in different ways. Tones are therefore fitted by a cubic, robustly; what is left is divided by what the image's
own noise and a shift of less than a pixel would leave, and averaged, with its sign, over a few pixels: noise and edges
cancel there, and something that is in only one of the two does not.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.thumbnail.alignment import Aligned, Grey

CELL_PX = 7
"""Side of the window over which differences are averaged, in pixels of the thumbnail."""
_SHIFT_PX = 0.7
"""Shift that is allowed for at edges: sampling without a filter leaves as much."""
_TONES_UNSURE = 0.15
"""Share of a change of tones by which the fitted one may be off, as at the ends of the scale."""
_NOISE_LEVELS_MIN = 2.0
"""Least noise that is assumed, in levels: thumbnails are compressed."""
_TRIMMED = 0.85
"""Share of the pixels, those that fit best, by which tones are fitted."""
_ROUNDS = 4
_BORDER_PX = 2
_KNOWN_MIN = 400


@dataclass(frozen=True, eq=False)
class Difference:
    """How a thumbnail differs from its picture."""

    tones_levels: float
    """Root mean square of what the fitted tones change, in levels of 0..255."""
    brightness_levels: float
    """Mean of the same, with its sign: above 0 where the thumbnail is brighter."""
    content: float
    """The largest mean difference in a window, in units of noise."""
    map: Grey
    """Mean differences by place of the thumbnail, in units of noise; NaN where nothing can be compared."""
    fitted: Grey
    """The picture with the thumbnail's tones."""


def compare(aligned: Aligned) -> Difference | None:
    """Return the differences; None where too little of the picture lies in the thumbnail."""
    known = ~np.isnan(aligned.picture)
    inner = cv2.erode(known.astype(np.uint8), np.ones((2 * _BORDER_PX + 1,) * 2, np.uint8), borderValue=0) > 0
    if inner.sum() < _KNOWN_MIN:
        return None
    filled = np.where(known, aligned.picture, aligned.picture[known].mean()).astype(np.float32)
    picture, thumbnail = _blurred(filled), _blurred(aligned.thumbnail)
    curve = _tones(picture[inner], thumbnail[inner])
    fitted = np.asarray(np.polyval(curve, picture), np.float32)
    left = thumbnail - fitted
    noise = max(_NOISE_LEVELS_MIN, 1.4826 * float(np.median(np.abs(left[inner]))))
    expected = np.hypot(np.hypot(noise, _SHIFT_PX * _slope(fitted)), _TONES_UNSURE * (fitted - picture))
    normed = np.where(inner, left / expected, 0).astype(np.float32)
    window = (CELL_PX, CELL_PX)
    weight = cv2.boxFilter(inner.astype(np.float32), -1, window, borderType=cv2.BORDER_CONSTANT)
    mean = cv2.boxFilter(normed, -1, window, borderType=cv2.BORDER_CONSTANT) / np.maximum(weight, 1e-6)
    place = np.where(inner & (weight > 0.5), np.abs(mean), np.nan).astype(np.float32)
    changed = fitted[inner] - picture[inner]
    return Difference(
        float(np.sqrt(np.mean(changed**2))), float(changed.mean()), float(np.nanmax(place)), place, fitted
    )


def _tones(picture: Grey, thumbnail: Grey) -> NDArray[np.float64]:
    """Return the cubic from the picture's levels to the thumbnail's, by the pixels that fit it best."""
    kept = np.ones(picture.shape, bool)
    degree = 3 if np.ptp(picture) > 40 else 1 if np.ptp(picture) > 8 else 0
    curve: NDArray[np.float64] = np.zeros(1)
    for _ in range(_ROUNDS):
        curve = np.polyfit(picture[kept].astype(np.float64), thumbnail[kept].astype(np.float64), degree)
        left = np.abs(thumbnail - np.polyval(curve, picture))
        kept = left <= np.quantile(left, _TRIMMED)
    return curve


def _blurred(picture: Grey) -> Grey:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.float32)


def _slope(picture: Grey) -> Grey:
    across = cv2.Sobel(picture, cv2.CV_32F, 1, 0, ksize=3) / 8
    down = cv2.Sobel(picture, cv2.CV_32F, 0, 1, ksize=3) / 8
    return np.asarray(np.hypot(across, down), np.float32)
