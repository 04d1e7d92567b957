"""Residual: what a denoising filter takes from a picture: noise, and in it the sensor's pattern.

Luma in, residual and what belongs to it out. Every picture from 64×64 px on has one. Sources: Mihçak, Kozintsev and
Ramchandran, ICASSP 1999 (the filter); Chen, Fridrich, Goljan and Lukáš, IEEE TIFS 3 (2008), section VI (the cleaning).
"""

import os

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from examiner.detectors.prnu.wavelet import Bands, Plane, analysed, synthesised

SIDE_MIN_PX = 64
NOISE_DEVIATION = 3.0
"""Deviation of the noise to take away, in levels of 8 bits, as in the authors' own program."""
SATURATED = 251
"""Pixels as bright as this show nothing of the pattern: the photosite was full."""
NOISELESS = 0.05
"""Deviation of a signal (levels of noise times levels of brightness) below which there is only rounding."""
_LEVELS = 4
_WINDOWS_PX = (3, 5, 7, 9)
_WORKERS = min(2, os.cpu_count() or 1)


def noise_residual(luma: NDArray[np.uint8]) -> Plane:
    """Return luma (height, width) minus its denoised form, in levels; raises ValueError below 64 px a side."""
    height, width = luma.shape
    if min(height, width) < SIDE_MIN_PX:
        raise ValueError(f"is {width}×{height} px, and a sensor's pattern needs {SIDE_MIN_PX} px a side")
    step = 1 << _LEVELS
    padded = cv2.copyMakeBorder(luma, 0, -height % step, 0, -width % step, cv2.BORDER_REFLECT_101)
    low, levels = np.asarray(padded, np.float32), list[Bands]()
    for _ in range(_LEVELS):
        bands = analysed(low)
        low = bands.low
        levels.append(Bands(bands.low, *(noise_part(each, NOISE_DEVIATION**2) for each in bands[1:])))
    noise = np.zeros_like(low)
    for level in reversed(levels):
        noise = synthesised(level._replace(low=noise))
    return np.ascontiguousarray(noise[:height, :width])


def noise_part(values: Plane, noise_variance: float) -> Plane:
    """Return the share of each value that is noise of this variance: Wiener's filter with local variances.

    The local variance is the least that windows of four sizes estimate.
    """
    squares = values * values
    least = np.asarray(cv2.blur(squares, (_WINDOWS_PX[0],) * 2, borderType=cv2.BORDER_REFLECT_101), np.float32)
    for size in _WINDOWS_PX[1:]:
        np.minimum(least, cv2.blur(squares, (size, size), borderType=cv2.BORDER_REFLECT_101), out=least)
    # variance of the picture: max(0, least - noise); the noise's share of the sum is noise / max(noise, least)
    np.maximum(least, np.float32(noise_variance), out=least)
    np.divide(np.float32(noise_variance), least, out=least)
    least *= values
    return least


def cleaned(plane: Plane) -> Plane:
    """Return a residual or pattern without what all devices of a model share.

    The rows and columns of each of the four lattices of a colour filter array get the mean 0 (traces of demosaicing
    and of row amplifiers), and Wiener's filter flattens the peaks of its spectrum (blocks of JPEGs, interpolation).
    """
    flat = plane.copy()
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        lattice = flat[row::2, column::2]
        lattice -= lattice.mean(axis=1, keepdims=True)
        lattice -= lattice.mean(axis=0, keepdims=True)
    spectrum = scipy.fft.rfft2(flat, workers=_WORKERS)
    magnitude = np.abs(spectrum)
    magnitude *= np.float32(1 / np.sqrt(flat.size))
    variance = float(np.var(flat))
    if variance == 0.0:
        return flat
    share = noise_part(magnitude, variance)
    np.divide(share, magnitude, out=share, where=magnitude > 0)
    spectrum *= share
    return np.asarray(scipy.fft.irfft2(spectrum, s=flat.shape, workers=_WORKERS), np.float32)


def light_weights(luma: NDArray[np.uint8]) -> Plane:
    """Return how strongly each pixel shows the pattern: its brightness, and 0 where it is saturated."""
    weights = np.asarray(luma, np.float32)
    weights[luma >= SATURATED] = 0.0
    return weights


def signal_of(luma: NDArray[np.uint8]) -> Plane:
    """Return what is correlated with a pattern: the cleaned residual times the brightness, with mean 0.

    The sum of its products with a pattern is the statistic of the likelihood ratio test (Chen et al., section V).
    Raises ValueError where there is no noise: in drawings, and where all is dark or saturated.
    """
    signal = cleaned(noise_residual(luma)) * light_weights(luma)
    signal -= signal.mean()
    if float(signal.std()) < NOISELESS:
        raise ValueError("has no noise in which a sensor's pattern could be")
    return signal
