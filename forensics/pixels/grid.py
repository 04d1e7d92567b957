"""Grid: the luma of a photograph in, where JPEG block grids lie in it out: the frame's own, and one left from before.

A JPEG's decoded pixels have unusually many DCT zeros in blocks on its grid. Nikoukhah, Anger, Colom, Morel and Grompone
von Gioi, "ZERO: a Local JPEG Grid Origin Detector Based on the Number of DCT Zeros and its Applications in Image
Forensics", Image Processing On Line 11 (2021), make a test with a number of false alarms (NFA) of that, without any
training: each pixel votes for the origin of the block around it with most zeros.

A photograph that was a JPEG, cropped and saved again has two grids, and after a last compression at 95 or less the last
one wins all votes. The older one is found by symmetry, which is this module's own: a picture with one grid, at (0, 0),
looks to blocks at (x, y) as its mirror image does to blocks at (8 - x, 8 - y), so that of two neighbouring blocks of
these origins either is as likely to have more zeros. A sign test over all such pairs tells an older grid.

Clipped pixels are left out: they undo what a compression left. Not seen: a crop by multiples of 8 on both axes (1 in
64). Multiples of 4 on both axes (3 in 64) are their own mirror and are found by votes only, that is after a last
compression near 98. A crop along one axis alone is found as surely, but its origin is named less surely.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

LEAST_SIDE_PX = 64
"""Of less the test cannot be significant: 64 px square have 64 independent votes."""
CROP_PX = 512
MOST_LOG10_NFA = -6.0
"""A grid other than the frame's own counts as found from this `other_log10_nfa` down. Of 101 originals of 17 cameras,
each looked at in six places, one is below (an iPhone 5s with a pattern of period 4 all over it) and none of the others
below -5. Saved at 70 or 90, cropped by (3, 5) and saved again at 90 or 95, 96 to 99 % are found."""

_ZERO_BELOW = (
    0.499  # the paper's 0.5; four coefficients are multiples of 1/8, and rounding must not decide on 0.5 itself
)
_ROWS_AT_ONCE = 32
_BLACK, _WHITE = 0, 255

_FREQUENCIES = np.arange(8)[:, None]
DCT = np.cos(np.pi / 16 * _FREQUENCIES * (2 * np.arange(8) + 1)) * np.where(_FREQUENCIES == 0, 8**-0.5, 0.5)
"""The orthonormal DCT-II of 8 samples (ITU-T T.81 A.3.3), frequency by sample."""


class Grid(NamedTuple):
    """Origins of grids, 0..7 px from the frame's, and log10 of how many such finds chance makes in one picture."""

    x: int
    y: int
    log10_nfa: float
    """The origin with most votes, and its NFA after the paper; found below 0."""
    other_x: int
    other_y: int
    other_log10_nfa: float
    """The strongest origin that is not (0, 0); found from MOST_LOG10_NFA down."""


def grid_evidence(luma: NDArray[np.uint8]) -> Grid | None:
    """Return where grids lie in luma (height, width), or None where it is too small, flat or clipped to vote.

    Looks at 512 x 512 px in the middle at most. ValueError for anything but two axes.
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
    """Return the middle of a frame, 512 px a side at most, its corner on the frame's own grid."""
    top, left = (max(length - CROP_PX, 0) // 16 * 8 for length in luma.shape)
    return luma[top : top + CROP_PX, left : left + CROP_PX]


def _count_zeros(luma: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return for the block at each position how many of its 63 AC coefficients are zero."""
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
    """Return which blocks are constant along an axis: they are all zeros, and that is no compression's doing."""
    along_x: NDArray[np.bool_] = _all_in_blocks(luma[:, 1:] == luma[:, :-1], 8, 7)
    along_y = _all_in_blocks(luma[1:] == luma[:-1], 7, 8)
    constant: NDArray[np.bool_] = along_x | along_y
    return constant


def _clipped_blocks(luma: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which blocks have a black or white pixel: clipping undoes what the compression left."""
    return np.logical_not(_all_in_blocks((luma != _BLACK) & (luma != _WHITE), 8, 8))


def _all_in_blocks(flags: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Return at each position whether all flags of the window that begins there are set."""
    in_columns = np.logical_and.reduce(sliding_window_view(flags, height, axis=0), axis=-1)
    in_blocks: NDArray[np.bool_] = np.logical_and.reduce(sliding_window_view(in_columns, width, axis=1), axis=-1)
    return in_blocks


def _count_votes(zeros: NDArray[np.int8], constant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the votes by origin (y, x): of each pixel that 64 blocks contain, for the one with most zeros.

    Where two have as many, or the one with most is constant, the pixel casts none.
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
    """Return log10 of the paper's NFA by origin: votes of one block count as one, each origin has 1 in 64 by chance."""
    tests = 2 * np.log10(64 * pixels)
    tails = [_log10_tail(pixels // 64, int(count) // 64, 1 / 64) for count in votes.flat]
    nfas: NDArray[np.float64] = tests + np.reshape(tails, (8, 8))
    return nfas


def _mirror(origin: int) -> int:
    """Return where the grid of this origin lies in the mirrored picture, seen from the frame's own grid."""
    return -origin % 8


_OWN_MIRROR = np.array([[_mirror(y) == y and _mirror(x) == x for x in range(8)] for y in range(8)])


def _nfas_of_symmetry(zeros: NDArray[np.int8], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return log10 of the NFA of an origin's blocks having more zeros than their neighbours of its mirror's."""
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
    """Return log10 of the chance of so many successes or more in independent trials."""
    if successes <= 0:
        return 0.0
    log_factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    counts = np.arange(successes, trials + 1)
    logs = log_factorials[trials] - log_factorials[counts] - log_factorials[trials - counts]
    logs += counts * np.log(probability) + (trials - counts) * np.log1p(-probability)
    return float((logs.max() + np.log(np.exp(logs - logs.max()).sum())) / np.log(10))
