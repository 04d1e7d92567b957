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

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LEAST_SIDE_PX = 64
"""Below this the test cannot be significant: 64 x 64 px have 64 independent votes."""
CROP_PX = 512
MOST_LOG10_NFA = -6.0
"""A grid other than the frame's own counts as found if its `other_log10_nfa` is at most this. Of 101 originals of 17
cameras, each examined in six places, one is below (an iPhone 5s with a pattern of period 4 all over it) and none of the
others is below -5. Of those saved at 70 or 90, cropped by (3, 5) and saved again at 90 or 95, 96 to 99 % are found."""

_ZERO_BELOW = (
    0.499  # the paper has 0.5, but four coefficients are multiples of 1/8, and rounding must not decide about 0.5
)
_ROWS_AT_ONCE = 32
_BLACK, _WHITE = 0, 255

_FREQUENCIES = np.arange(8)[:, None]
DCT = np.cos(np.pi / 16 * _FREQUENCIES * (2 * np.arange(8) + 1)) * np.where(_FREQUENCIES == 0, 8**-0.5, 0.5)
"""The orthonormal DCT-II of 8 samples (ITU-T T.81 A.3.3), frequency by sample."""


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
    looked_at = middle(luma)
    zeros = _count_zeros(looked_at)
    votes = _count_votes(zeros, _constant_blocks(looked_at))
    if not votes.any():
        return None
    own_nfas = _nfas_of_votes(votes, looked_at.size)
    other_nfas = np.where(_OWN_MIRROR, own_nfas, _nfas_of_symmetry(zeros, ~_clipped_blocks(looked_at)))
    other_nfas[0, 0] = np.inf
    y, x = divmod(int(votes.argmax()), 8)
    other_y, other_x = divmod(int(other_nfas.argmin()), 8)
    return Grid(x, y, float(own_nfas[y, x]), other_x, other_y, float(other_nfas[other_y, other_x]))


def middle(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the middle of a frame, at most 512 px a side, with its corner on the frame's own grid."""
    top, left = (max(length - CROP_PX, 0) // 16 * 8 for length in luma.shape)
    return luma[top : top + CROP_PX, left : left + CROP_PX]


def _count_zeros(luma: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return how many of the 63 AC coefficients are zero in the block at each position."""
    transform = DCT.T.astype(np.float32)
    of_columns = sliding_window_view(luma.astype(np.float32), 8, axis=0) @ transform
    zeros = np.empty((luma.shape[0] - 7, luma.shape[1] - 7), np.int8)
    for top in range(0, len(zeros), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        small = np.abs(sliding_window_view(of_columns[rows], 8, axis=1) @ transform) < _ZERO_BELOW
        small[:, :, 0, 0] = False
        zeros[rows] = small.sum(axis=(2, 3))
    return zeros


def _constant_blocks(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which blocks are constant along an axis: these are all zeros without any compression."""
    along_x: NDArray[np.bool_] = _all_in_blocks(luma[:, 1:] == luma[:, :-1], 8, 7)
    along_y = _all_in_blocks(luma[1:] == luma[:-1], 7, 8)
    constant: NDArray[np.bool_] = along_x | along_y
    return constant


def _clipped_blocks(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which blocks have a black or white pixel: clipping undoes the traces of a compression."""
    return np.logical_not(_all_in_blocks((luma != _BLACK) & (luma != _WHITE), 8, 8))


def _all_in_blocks(flags: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    in_columns = np.logical_and.reduce(sliding_window_view(flags, height, axis=0), axis=-1)
    in_blocks: NDArray[np.bool_] = np.logical_and.reduce(sliding_window_view(in_columns, width, axis=1), axis=-1)
    return in_blocks


def _count_votes(zeros: NDArray[np.int8], constant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the votes by origin (y, x): each pixel inside 64 blocks votes for the one with most zeros.

    A pixel does not vote if two blocks tie, or the one with most zeros is constant.
    """
    rows, columns = np.ogrid[: zeros.shape[0], : zeros.shape[1]]
    origins = np.where(constant, -1, rows % 8 * 8 + columns % 8).astype(np.int8)
    height, width = zeros.shape[0] - 7, zeros.shape[1] - 7
    most = np.full((height, width), -1, np.int8)
    winners = np.full((height, width), -1, np.int8)
    for top, left in product(range(8), repeat=2):
        block = slice(top, top + height), slice(left, left + width)
        winners[zeros[block] == most] = -1
        more = zeros[block] > most
        winners[more] = origins[block][more]
        np.maximum(most, zeros[block], out=most)
    return np.bincount(winners[winners >= 0], minlength=64).reshape(8, 8)


def _nfas_of_votes(votes: NDArray[np.int64], pixels: int) -> NDArray[np.float64]:
    """Return log10 of the paper's NFA by origin: 64 votes count as one, and chance gives each origin 1 in 64."""
    tests = 2 * np.log10(64 * pixels)
    tails = [_log10_tail(pixels // 64, int(count) // 64, 1 / 64) for count in votes.flat]
    nfas: NDArray[np.float64] = tests + np.reshape(tails, (8, 8))
    return nfas


def _mirror(origin: int) -> int:
    """Return the origin of this grid in the mirrored picture, relative to the frame's own grid."""
    return -origin % 8


_OWN_MIRROR = np.array([[_mirror(y) == y and _mirror(x) == x for x in range(8)] for y in range(8)])


def _nfas_of_symmetry(zeros: NDArray[np.int8], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return log10 of the NFA, by origin, that its blocks have more zeros than neighbours with the mirrored origin."""
    tests = np.log10(64 - _OWN_MIRROR.sum())
    rows, columns = (length // 8 - 1 for length in zeros.shape)
    nfas = np.zeros((8, 8))
    for y, x in product(range(8), repeat=2):
        own = slice(y, y + 8 * rows, 8), slice(x, x + 8 * columns, 8)
        mirror = slice(_mirror(y), _mirror(y) + 8 * rows, 8), slice(_mirror(x), _mirror(x) + 8 * columns, 8)
        more = (zeros[own] - zeros[mirror])[usable[own] & usable[mirror]]
        nfas[y, x] = tests + _log10_tail(int(np.count_nonzero(more)), int(np.count_nonzero(more > 0)), 0.5)
    return nfas


def _log10_tail(trials: int, successes: int, probability: float) -> float:
    """Return log10 of the probability of at least so many successes in independent trials."""
    if successes <= 0:
        return 0.0
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    counts = np.arange(successes, trials + 1)
    logs = log_factorials[trials] - log_factorials[counts] - log_factorials[trials - counts]
    logs += counts * np.log(probability) + (trials - counts) * np.log1p(-probability)
    return float((logs.max() + np.log(np.exp(logs - logs.max()).sum())) / np.log(10))
