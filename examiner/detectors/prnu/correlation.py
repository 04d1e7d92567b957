"""Correlation: a signal against a pattern at many shifts, its peak, and how often chance gives such a peak.

The peak counts only among shifts at which the signal lies inside the pattern. The Fourier transform correlates in a
circle, and a peak at any other shift would join the picture's left edge to its right one: no crop does that.
Sources: Goljan and Fridrich, SPIE 6819 (2008), for crops; Goljan, Fridrich and Filler, SPIE 7254 (2009), for the
peak-to-correlation energy and its false alarms.
"""

import math
import os
from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.special import log_ndtr

from examiner.detectors.prnu.wavelet import Plane

NEIGHBOURHOOD_PX = 11
"""Side of the square around the peak that is left out of the energy."""
_WORKERS = min(2, os.cpu_count() or 1)


@dataclass(frozen=True)
class Peak:
    """The largest correlation among the shifts that were searched."""

    pce: float
    """Peak-to-correlation energy, negative where the correlation is."""
    x: int
    y: int
    """Where the signal's corner lies in the pattern."""
    searched: int
    """Number of shifts."""


def peak_of(signal: Plane, pattern: Plane, reach_px: int | None = None) -> Peak:
    """Return the peak of a signal inside a pattern that is as large or larger.

    `reach_px`: shifts that an unaltered frame is searched around 0 in a pattern of its own size, wrapping; None: all
    shifts at which the signal lies inside the pattern. Raises ValueError where it does not fit.
    """
    height, width = signal.shape
    down, across = pattern.shape[0] - height, pattern.shape[1] - width
    if down < 0 or across < 0:
        raise ValueError(f"a signal of {width}×{height} px does not fit into {pattern.shape[1]}×{pattern.shape[0]} px")
    spectrum = scipy.fft.rfft2(pattern, workers=_WORKERS)
    spectrum *= np.conj(scipy.fft.rfft2(signal, s=pattern.shape, workers=_WORKERS))
    surface = np.asarray(scipy.fft.irfft2(spectrum, s=pattern.shape, workers=_WORKERS), np.float32)
    if reach_px is None:
        inside, first = surface[: down + 1, : across + 1], 0
    else:
        inside, first = _around_zero(surface, reach_px), -reach_px
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    y, x = int(row) + first, int(column) + first
    return Peak(_pce(surface, x, y), x, y, inside.size)


def _around_zero(surface: Plane, reach_px: int) -> Plane:
    shifts = range(-reach_px, reach_px + 1)
    return np.asarray(surface.take(shifts, axis=0, mode="wrap").take(shifts, axis=1, mode="wrap"), np.float32)


def _pce(surface: Plane, x: int, y: int) -> float:
    value = float(surface[y % surface.shape[0], x % surface.shape[1]])
    half = NEIGHBOURHOOD_PX // 2
    near = range(-half, half + 1)
    beside = surface.take([y + each for each in near], axis=0, mode="wrap")
    beside = beside.take([x + each for each in near], axis=1, mode="wrap")
    flat = surface.ravel()
    energy = float(np.dot(flat, flat)) - float(np.sum(beside.astype(np.float64) ** 2))
    mean = energy / (surface.size - beside.size)
    return math.copysign(value * value / mean, value) if mean > 0 else 0.0


def log10_false_alarm(pce: float, searched: int) -> float:
    """Return the logarithm of the chance that a photograph by another device has such a peak somewhere.

    One shift exceeds it with the Gaussian tail Q(√PCE), and each of the shifts that were searched may.
    """
    if pce <= 0:
        return 0.0
    one = float(log_ndtr(-math.sqrt(pce))) / math.log(10)
    return min(0.0, one + math.log10(max(1, searched)))
