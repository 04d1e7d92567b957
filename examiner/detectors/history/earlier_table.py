"""Earlier table: the quantisation steps of a JPEG, from pixels that were never compressed after it.

(luma, origin of the grid) → steps by frequency. The DCT coefficients of a decoded JPEG lie on the multiples of its
steps, but for the rounding of pixels. A step fits as well as the mean of cos(2π coefficient / step), over coefficients
that are not zero, says (Neelamani et al., "JPEG Compression History Estimation for Color Images", IEEE Transactions on
Image Processing 15, 2006, use the same lattice); the largest step that fits is taken, because its divisors fit too.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.jpeg.quality import scaled_tables
from forensics.pixels.grid import DCT, middle

FREQUENCIES = np.array([1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4])
"""The first fourteen AC frequencies in zigzag order, as indices of a table in natural order."""
MOST_STEP = 64

_FACTORS = np.arange(1, 101)
_IJG = np.array([scaled_tables(int(factor))[0] for factor in _FACTORS])[:, FREQUENCIES]
_ROUNDING_VARIANCE = 0.14
"""Of a coefficient, after rounding three colours and then luma."""
_LEAST_FIT = 0.75
"""Least share of the fit that rounding alone leaves."""
_LEAST_COUNT = 24
_LEAST_STEP = 2
_LEAST_SAME = 0.75


class EarlierTable(NamedTuple):
    """Steps of the earlier compression."""

    steps: tuple[int, ...]
    """Of each of FREQUENCIES; 0 where it cannot be told."""
    factor: int
    """The IJG factor whose table is nearest to them."""
    is_ijg: bool
    """Whether its table has most of these steps, within 1."""


def earlier_table(luma: NDArray[np.uint8], x: int, y: int) -> EarlierTable | None:
    """Return the steps of a JPEG whose decoded luma (height, width) has its grid at (x, y); None where none is told.

    Reads at most the middle 512 × 512 px.
    """
    from forensics.pixels import first_quality_kernel as kernel

    looked_at = middle(luma[y:, x:]).astype(np.float64)
    if min(looked_at.shape) < 8:
        return None
    coefficients = kernel.coefficients(looked_at, DCT, FREQUENCIES)
    steps = np.array([_step(each) for each in coefficients])
    told = steps > 0
    if told.sum() < 3:
        return None
    distances = np.abs(_IJG[:, told] - steps[told])
    factor = int(distances.sum(axis=1)[::-1].argmin())
    factor = len(_FACTORS) - 1 - factor
    return EarlierTable(
        tuple(map(int, steps)), int(_FACTORS[factor]), bool((distances[factor] <= 1).mean() >= _LEAST_SAME)
    )


def _step(coefficients: NDArray[np.float64]) -> int:
    """Return the largest step on whose multiples the coefficients lie; 0 where none is told."""
    found = 0
    for step in range(_LEAST_STEP, MOST_STEP + 1):
        away = coefficients[np.abs(coefficients) > step / 2]
        if len(away) < _LEAST_COUNT:
            break
        fit = np.cos(2 * np.pi / step * away).mean()
        if fit >= _LEAST_FIT * np.exp(-2 * np.pi**2 * _ROUNDING_VARIANCE / step**2):
            found = step
    return found
