"""First quality: estimates the quality factor of an earlier compression on the same grid, if there was one.

(luma, luma quantisation table) → FirstQuality or None. A photograph saved twice on one grid has gaps and peaks in the
histograms of its DCT coefficients that no single compression makes. Fridrich and Lukáš, "Estimation of Primary
Quantization Matrix in Double Compressed JPEG Images", Digital Forensic Research Workshop (2003), compare these with
the histograms of candidates. Without its first rows and columns the picture has lost its grid and is almost like one
never compressed; compressed with a candidate's table and then with the file's own, it shows what that past would look
like, and with the file's own alone, what no such past would. (Bianchi and Piva, "Image Forgery Localization via
Block-Grained Analysis of JPEG Artifacts", IEEE Transactions on Information Forensics and Security 7 (2012), calibrate
in the same way.) Here the measure is the likelihood of the observed coefficients, and candidates are the IJG's tables.

None where it cannot be told: for a first compression milder than the last, pictures that are too plain, and frames that
are too small. A first table that is not the IJG's gets the factor with the nearest histograms. A photograph saved three
times shows the hardest of its compressions.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.jpeg.quality import scaled_tables
from forensics.jpeg.tables import Table
from forensics.pixels.grid import DCT, middle

LEAST_SIDE_PX = 128
"""Shorter sides leave too few blocks for the histograms to differ by more than chance."""
LEAST_GAIN = 0.02
"""Least gain in likelihood, in nats per coefficient, over a single compression. None of 101 originals of 17 cameras
gains more than -0.002: for each of them, every candidate is less likely than none. Of these, saved at 60 to 90
and again at 95, on the grid, 98 to 100 % are found, 91 to 97 % within 2 of the factor; the others are mostly by cameras
whose own compression was harder."""
TOO_PLAIN = 0.07
"""Least share of the low-frequency coefficients that are not zero. A black frame, resized and saved, has 0.06; of 101
originals saved at 60 and then at 95, the plainest has 0.035, and all other scenes 0.10 and more."""

_CANDIDATES = range(30, 100)
_LOW_FREQUENCIES = np.array([1, 8, 16, 9, 2, 3, 10, 17, 24])
"""The first nine AC frequencies in zigzag order, as indices of a table in natural order."""
_EACH = np.arange(len(_LOW_FREQUENCIES))
_SHIFT_PX = 4

# decoding rounds pixels to integers, which adds noise of variance 1/12 to each coefficient; here always the same noise
_ROUNDING = np.random.default_rng(2003).normal(0, 12**-0.5, (64 * 64, len(_LOW_FREQUENCIES))).T.copy()


class FirstQuality(NamedTuple):
    """The IJG factor of the earlier compression, and its gain in likelihood over none, in nats per coefficient."""

    factor: int
    gain: float


def first_quality(luma: NDArray[np.uint8], table: Table) -> FirstQuality | None:
    """Return the first quality factor of a JPEG's decoded luma (height, width), or None where it cannot be told.

    `table`: the file's own luma table, 64 entries in natural order. Reads at most the middle 512 x 512 px. Raises
    ValueError for anything but two axes and 64 entries.
    """
    if luma.ndim != 2:
        raise ValueError(f"luma has 2 axes, this array has {luma.ndim}")
    if len(table) != 64:
        raise ValueError(f"a table has 64 entries, this one has {len(table)}")
    last = np.array(table)[_LOW_FREQUENCIES]
    if min(luma.shape) < LEAST_SIDE_PX or last.min() < 1:
        return None
    from forensics.pixels import first_quality_kernel as kernel

    looked_at = middle(luma).astype(np.float64)
    factors, firsts = _pasts()
    asked = np.zeros((len(last), firsts.max() + 1), np.bool_)
    asked[:, 0] = True  # no past
    quantised = kernel.coefficients(looked_at, DCT, _LOW_FREQUENCIES)
    seen = kernel.histograms(quantised, _ROUNDING, asked, last)[:, 0] / quantised.shape[1]
    if 1 - seen[:, 0].mean() < TOO_PLAIN:
        return None
    harder = (firsts > last).any(axis=1)
    factors, firsts = factors[harder], firsts[harder]
    asked[_EACH, firsts] = True
    uncompressed = kernel.coefficients(looked_at[_SHIFT_PX:, _SHIFT_PX:].copy(), DCT, _LOW_FREQUENCIES)
    expected = kernel.histograms(uncompressed, _ROUNDING, asked, last) / uncompressed.shape[1]
    gains = _log_likelihoods(seen, expected[_EACH, firsts]) - _log_likelihoods(seen, expected[:, 0])
    gain, factor = max(zip(gains.tolist(), factors.tolist(), strict=True), default=(-np.inf, 0))
    return FirstQuality(factor, gain) if gain >= LEAST_GAIN else None


@lru_cache(maxsize=1)
def _pasts() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the candidates' factors and their tables' entries for the low frequencies (candidate, frequency)."""
    tables = np.array([scaled_tables(factor)[0] for factor in _CANDIDATES])
    return np.array(_CANDIDATES), tables[:, _LOW_FREQUENCIES]


def _log_likelihoods(seen: NDArray[np.float64], expected: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean log-likelihood of a coefficient, from shares by magnitude (…, frequency, magnitude).

    Values that are never expected are rare, not impossible.
    """
    rare = 0.5 / _ROUNDING.shape[1]
    smoothed = (expected + rare) / (1 + rare * expected.shape[-1])
    likelihoods: NDArray[np.float64] = (seen * np.log(smoothed)).sum(axis=-1).mean(axis=-1)
    return likelihoods
