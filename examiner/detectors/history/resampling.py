"""Resampling: whether a picture was enlarged or reduced, by the periodic traces of interpolation.

luma → Resampled or None. How well an interpolated pixel is foreseen from its neighbours repeats with the period of the
interpolation (Popescu and Farid, "Exposing Digital Forgeries by Detecting Traces of Resampling", IEEE Transactions on
Signal Processing 53, 2005). The predictor is fixed, the second difference of Gallagher, "Detection of Linear and Cubic
Interpolation in JPEG Compressed Images", Canadian Conference on Computer and Robot Vision (2005), and its error becomes
a probability as in Kirchner, "Fast and Reliable Resampling Detection by Spectral Analysis of Fixed Linear Predictor
Residue", ACM Multimedia and Security (2008). Sums along each axis are transformed, by 8 bands of the picture each,
so that a pattern in one place of the scene says little.

Blocks of 8 px have the periods of JPEG and those of 2 px the period of a sensor's colour filter; these frequencies,
multiples of 1/8, say nothing. Resized by a factor, traces move: interpolation lies at 1/factor, the colour filter at
1/(2 factor), an earlier JPEG grid at multiples of 1/(8 factor). The score is the evidence at all the places where one
factor expects it, for the factor that fits best. Several factors can expect the same places, and are then all named.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 256
MOST_SIDE_PX = 2048

_BANDS = 8
_TOLERANCE = 3.0
"""Second differences, in grey levels, at which a pixel counts e times less as foreseen."""
_WEIGHTS = np.exp(-np.arange(1021) / _TOLERANCE).astype(np.float32)
_NEARBY = 40
"""Frequencies in a piece of the spectrum, whose median is its background."""
_LEAST_RATIO, _LOWEST = 0.2, 0.03
_LEAST_FACTOR, _MOST_FACTOR, _UNCHANGED = 0.5, 2.6, 0.02
_CYCLES = np.array([1, 2, 1 / 2, 3 / 2, *(harmonic / 8 for harmonic in (1, 2, 3, 5, 6, 7))])
"""Where a factor expects traces, in cycles a pixel before resizing: of interpolation, colour filter, earlier grid."""
_OF_EACH = np.array([3.0, 1.0, 1.0, 1.0, *(0.7,) * 6])
"""What each counts."""
_AS_GOOD = 0.8
"""Factors with this share of the best one's evidence are named as well."""
_FACTORS_MAX, _APART = 3, 0.02


class Resampled(NamedTuple):
    """The factors that expect the traces that there are."""

    evidence: float
    """Of the best factor: sums of the logarithm of a frequency's strength over its background."""
    factors: tuple[float, ...]
    """The best one first; up to 3."""
    peaks: tuple[tuple[str, float, float], ...]
    """The strongest frequency along each axis: its name, cycles a pixel, and how often the background it is."""


def resampled(luma: NDArray[np.uint8]) -> Resampled | None:
    """Return which factors of resizing fit luma (height, width) best; None where it is too small.

    Reads at most the middle 2048 × 2048 px. Raises ValueError for anything but two axes.
    """
    if luma.ndim != 2:
        raise ValueError(f"has luma of {luma.ndim} axes, not 2")
    if min(luma.shape) < LEAST_SIDE_PX:
        return None
    from examiner.detectors.history import resampling_kernel as kernel

    top, left = (max(length - MOST_SIDE_PX, 0) // 16 * 8 for length in luma.shape)
    looked_at = luma[top : top + MOST_SIDE_PX, left : left + MOST_SIDE_PX].copy(order="C")
    spectra = [_spectrum(sums[:, 1:-1]) for sums in kernel.foreseen(looked_at, _WEIGHTS, _BANDS)]
    step = 1 / max(looked_at.shape)
    factors = np.exp(np.arange(np.log(_LEAST_FACTOR), np.log(_MOST_FACTOR), step))
    evidence = sum((_expected(spectrum, length, factors) for spectrum, length in spectra), np.zeros(len(factors)))
    evidence[np.abs(factors - 1) < _UNCHANGED] = -np.inf
    peaks = tuple(
        (axis, float(spectrum.argmax() / length), float(np.exp(spectrum.max())))
        for axis, (spectrum, length) in zip(("along rows", "along columns"), spectra, strict=True)
    )
    return Resampled(float(evidence.max()), _best(factors, evidence), peaks)


def _spectrum(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Return the mean over bands of the log of each frequency's strength over its background, and the length."""
    length = sums.shape[1]
    levelled = sums - sums.mean(axis=1, keepdims=True)
    strengths = np.abs(np.fft.rfft(levelled * np.hanning(length), axis=1))
    pieces = strengths.shape[1] // _NEARBY
    medians = np.median(strengths[:, : pieces * _NEARBY].reshape(len(sums), pieces, _NEARBY), axis=2)
    centres, every = (np.arange(pieces) + 0.5) * _NEARBY, np.arange(strengths.shape[1])
    background = np.stack([np.interp(every, centres, each) for each in medians])
    ratios = strengths / (background + 1e-9 * (1 + strengths.max()))
    frequencies = every / length
    silent = frequencies < _LOWEST
    for eighth in range(5):
        silent |= np.abs(frequencies - eighth / 8) < 3.01 / length
    ratios[:, silent] = 1.0
    return np.log(np.maximum(ratios, _LEAST_RATIO)).mean(axis=0), length


def _expected(spectrum: NDArray[np.float64], length: int, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by factor the evidence at the frequencies where it expects traces; each frequency counts once."""
    cycles = _CYCLES[:, None] / factors
    folded = np.abs(cycles - np.rint(cycles))
    places = np.clip(np.rint(folded * length).astype(np.intp), 1, len(spectrum) - 2)
    around = np.maximum(np.maximum(spectrum[places - 1], spectrum[places]), spectrum[places + 1])
    for later in range(1, len(places)):
        again = (np.abs(places[:later] - places[later]) <= 2).any(axis=0)
        around[later, again] = 0.0
    return np.asarray(_OF_EACH @ around, np.float64)


def _best(factors: NDArray[np.float64], evidence: NDArray[np.float64]) -> tuple[float, ...]:
    found: list[float] = []
    left, best = evidence.copy(), float(evidence.max())
    while len(found) < _FACTORS_MAX and left.max() >= _AS_GOOD * best:
        factor = float(factors[left.argmax()])
        found.append(factor)
        left[np.abs(factors / factor - 1) < _APART] = -np.inf
    return tuple(found)
