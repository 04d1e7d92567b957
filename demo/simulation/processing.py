"""Processing: a camera's steps after demosaicing: tone curves, noise reduction and sharpening.

Tone curves (linear light → display values) are tables of 4096 entries. Noise reduction and sharpening work on luma
after the tone curve, as in phones: float32 planes (height, width) of values 0 to 1. Every strength is an argument;
`demo.simulation.cameras` says which camera uses which.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from demo.simulation.scenes import Plane

CURVE_ENTRIES = 4096


def srgb_curve(contrast: float = 0.0, black: float = 0.0, white: float = 1.0) -> NDArray[np.float32]:
    """Return the sRGB transfer curve (IEC 61966-2-1), bent into an S by `contrast`, between `black` and `white`.

    `contrast` 0 leaves it unbent, 1 is a full smoothstep.
    """
    x = np.linspace(0.0, 1.0, CURVE_ENTRIES)
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055)
    y = (1 - contrast) * y + contrast * y * y * (3 - 2 * y)
    return np.asarray(black + (white - black) * y, np.float32)


def filmic_curve(gain: float) -> NDArray[np.float32]:
    """Return a curve with a toe and a long shoulder (Hable 2010), display gamma included; `gain` brightens it."""
    x = np.linspace(0.0, 1.0, CURVE_ENTRIES) * gain

    def shoulder(v: NDArray[np.float64]) -> NDArray[np.float64]:
        return (v * (0.15 * v + 0.05) + 0.004) / (v * (0.15 * v + 0.5) + 0.06) - 0.0667

    y = np.clip(shoulder(x) / shoulder(np.array([gain])), 0.0, 1.0)
    return np.asarray(y ** (1 / 2.2), np.float32)


def unsharp_mask(
    luma: Plane, radius_px: float, amount: float, bright_limit: float = 1.0, dark_limit: float = 1.0
) -> Plane:
    """Return luma plus `amount` times the detail that a Gaussian of `radius_px` removes.

    The limits cap how far a pixel may be brightened or darkened: many makers limit bright halos more than dark ones.
    """
    detail = luma - gaussian_smoothing(luma, radius_px)
    detail *= np.float32(amount)
    np.clip(detail, -dark_limit, bright_limit, out=detail)
    detail += luma
    return detail


def local_contrast(luma: Plane, radius_px: int, amount: float, edge: float = 0.02) -> Plane:
    """Return luma with the detail around its edge-preserving base strengthened (guided filter: He et al. 2010)."""
    detail = luma - guided_smoothing(luma, radius_px, edge)
    detail *= np.float32(amount)
    detail += luma
    return detail


def guided_smoothing(luma: Plane, radius_px: int, edge: float) -> Plane:
    """Return luma smoothed where its local variance is below `edge` (guided filter with itself as guide)."""
    window = (2 * radius_px + 1, 2 * radius_px + 1)
    mean = _mean(luma, window)
    variance = _mean(luma * luma, window)
    variance -= mean * mean
    np.maximum(variance, 0.0, out=variance)
    slope = np.asarray(variance / (variance + np.float32(edge)), np.float32)
    smoothed = _mean(slope, window) * luma
    smoothed += _mean(mean - slope * mean, window)
    return smoothed


def bilateral_smoothing(luma: Plane, diameter_px: int, tolerance: float) -> Plane:
    """Return luma averaged over neighbours of like brightness (Tomasi and Manduchi 1998)."""
    return np.asarray(cv2.bilateralFilter(luma, diameter_px, tolerance, diameter_px / 2), np.float32)


def cored(luma: Plane, radius_px: float, threshold: float) -> Plane:
    """Return luma with its faintest detail removed: what a Gaussian removes is shrunk by `threshold` towards zero."""
    base = gaussian_smoothing(luma, radius_px)
    detail = luma - base
    detail -= np.clip(detail, -threshold, threshold)
    detail += base
    return detail


def median_smoothing(luma: Plane, size_px: int, share: float) -> Plane:
    """Return a mixture of luma and its median over 3 or 5 pixels."""
    mixed = np.asarray(cv2.medianBlur(luma, size_px), np.float32)
    mixed -= luma
    mixed *= np.float32(share)
    mixed += luma
    return mixed


def gaussian_smoothing(plane: Plane, sigma_px: float) -> Plane:
    """Return the plane blurred with a Gaussian."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)


def _mean(plane: Plane, window: tuple[int, int]) -> Plane:
    return np.asarray(cv2.blur(plane, window), np.float32)
