"""Grid: finds the JPEG block grids in the luma of a photograph: the frame's own, and one of an earlier compression.

luma → Grid or None. A JPEG's decoded pixels have unusually many DCT zeros in blocks on its grid. Nikoukhah, Anger,
Colom, Morel and Grompone von Gioi, "ZERO: a Local JPEG Grid Origin Detector Based on the Number of DCT Zeros and its
Applications in Image Forensics", Image Processing On Line 11 (2021), turn this into a test with a number of false
alarms (NFA), without any training: each pixel votes for the origin of the block around it with most zeros.

A photograph that was a JPEG, was cropped and was saved again has two grids; after a last compression at 95 or less, the
last one wins all votes. The older one is found by symmetry, this module's own method: if a picture has one grid, at
(0, 0), blocks at (x, y) relate to it as blocks at (8 - x, 8 - y) do in the mirror image, so either of two neighbouring
blocks with these origins is equally likely to have more zeros. A sign test over all such pairs reveals an older grid.

Clipped pixels are left out, because clipping undoes the traces of a compression. A crop by multiples of 8 on both axes
(1 in 64) is not seen. Multiples of 4 on both axes (3 in 64) are their own mirror and are found only by votes, that is
after a last compression near 98. A crop along one axis only is found as surely, but its origin is less certain.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 64
"""Below this the test cannot be significant: 64 x 64 px have 64 independent votes."""
CROP_PX = 512
MOST_LOG10_NFA = -6.0
"""A grid other than the frame's own counts as found if its `other_log10_nfa` is at most this. Of 101 originals of 17
cameras, each examined in six places, one is below (an iPhone 5s with a pattern of period 4 all over it) and none of the
others is below -5. Of those saved at 70 or 90, cropped by (3, 5) and saved again at 90 or 95, 96 to 99 % are found."""

_FREQUENCIES = np.arange(8)[:, None]
DCT = np.cos(np.pi / 16 * _FREQUENCIES * (2 * np.arange(8) + 1)) * np.where(_FREQUENCIES == 0, 8**-0.5, 0.5)
"""The orthonormal DCT-II of 8 samples (ITU-T T.81 A.3.3), frequency by sample."""
_TRANSFORM = DCT.astype(np.float32)


class Grid(NamedTuple):
    """Origins of grids, 0..7 px from the frame's, and log10 of how often chance finds one so strong in a picture."""

    x: int
    y: int
    log10_nfa: float
    """NFA, as in the paper, of the origin (x, y) with most votes; it is found below 0."""
    other_x: int
    other_y: int
    other_log10_nfa: float
    """NFA of the strongest origin that is not (0, 0); it is found at MOST_LOG10_NFA or below."""


def grid_evidence(luma: NDArray[np.uint8]) -> Grid | None:
    """Return the grids in luma (height, width), or None where it is too small, flat or clipped to vote.

    Reads at most the middle 512 x 512 px. Raises ValueError for anything but two axes.
    """
    if luma.ndim != 2:
        raise ValueError(f"luma has 2 axes, this array has {luma.ndim}")
    if min(luma.shape) < LEAST_SIDE_PX:
        return None
    from forensics.pixels import grid_kernel as kernel

    looked_at = middle(luma)
    zeros = np.empty((looked_at.shape[0] - 7, looked_at.shape[1] - 7), np.int8)
    kernel.count_zeros(looked_at.astype(np.float32), _TRANSFORM, zeros)
    constant, clipped = kernel.constant_and_clipped(looked_at)
    votes = kernel.count_votes(zeros, constant)
    if not votes.any():
        return None
    y, x = divmod(int(votes.argmax()), 8)
    other_nfas = _nfas_of_symmetry(kernel.compare_with_mirrors(zeros, clipped))
    for own_mirror in zip(*np.nonzero(_OWN_MIRROR), strict=True):
        other_nfas[own_mirror] = _nfa_of_votes(int(votes[own_mirror]), looked_at.size)
    other_nfas[0, 0] = np.inf
    other_y, other_x = divmod(int(other_nfas.argmin()), 8)
    nfa = _nfa_of_votes(int(votes[y, x]), looked_at.size)
    return Grid(x, y, nfa, other_x, other_y, float(other_nfas[other_y, other_x]))


def middle(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a copy of the middle of a frame, at most 512 px a side, with its corner on the frame's own grid."""
    top, left = (middle_start(length) for length in luma.shape)
    return luma[top : top + CROP_PX, left : left + CROP_PX].copy(order="C")


def middle_start(length: int) -> int:
    """Return where the middle of a frame's side begins, which is at most 512 px long."""
    return max(length - CROP_PX, 0) // 16 * 8


def _nfa_of_votes(votes: int, pixels: int) -> float:
    """Return log10 of the paper's NFA of an origin: 64 votes count as one, and chance gives each origin 1 in 64."""
    return float(2 * np.log10(64 * pixels) + _log10_tail(pixels // 64, votes // 64, 1 / 64))


def _mirror(origin: int) -> int:
    """Return the origin of this grid in the mirrored picture, relative to the frame's own grid."""
    return -origin % 8


_OWN_MIRROR = np.array([[_mirror(y) == y and _mirror(x) == x for x in range(8)] for y in range(8)])


def _nfas_of_symmetry(comparisons: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return log10 of the NFA, by origin, that its blocks have more zeros than neighbours with the mirrored origin.

    `comparisons`: (8, 8, 2), how many of them differ, and how many of these have more.
    """
    tests = np.log10(64 - _OWN_MIRROR.sum())
    # of a block and its neighbour one at most has the smaller NFA: the other's is not calculated
    tails = [
        _log10_tail(differ, more, 0.5) if 2 * more >= differ else 0.0
        for differ, more in comparisons.reshape(64, 2).tolist()
    ]
    nfas: NDArray[np.float64] = tests + np.reshape(tails, (8, 8))
    return nfas


def _log10_tail(trials: int, successes: int, probability: float) -> float:
    """Return log10 of the probability of at least so many successes in independent trials, at most 4096 of them."""
    if successes <= 0:
        return 0.0
    factorials = _log_factorials()
    counts = np.arange(successes, trials + 1)
    logs = factorials[trials] - factorials[successes : trials + 1] - factorials[trials - successes :: -1]
    logs += counts * np.log(probability) + (trials - counts) * np.log1p(-probability)
    return float((logs.max() + np.log(np.exp(logs - logs.max()).sum())) / np.log(10))


@lru_cache(maxsize=1)
def _log_factorials() -> NDArray[np.float64]:
    """Return the logarithms of 0!, 1! ... of as many trials as a picture has blocks."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, CROP_PX**2 // 64 + 1)))])
