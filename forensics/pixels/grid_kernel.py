"""Grid kernel: the loops of `forensics.pixels.grid`, compiled by numba. All arrays are C-contiguous and writable."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled, fused

_ZERO_BELOW = np.float32(0.499)
"""The paper has 0.5, but four coefficients are multiples of 1/8, and rounding must not decide about 0.5."""
_BLACK, _WHITE = 0, 255


@compiled("void(float32[:, ::1], float32[:, ::1], int8[:, ::1])")
def count_zeros(levels: NDArray[np.float32], transform: NDArray[np.float32], zeros: NDArray[np.int8]) -> None:
    """Fill `zeros` with how many of the 63 AC coefficients are zero in the block at each position (y, x).

    `levels`: luma; `transform`: the DCT of 8 samples, frequency by sample.
    """
    height, width = zeros.shape
    of_columns = np.empty((8, width + 7), np.float32)
    counts = np.empty(width, np.int32)
    for y in range(height):
        for frequency in range(8):
            for x in range(width + 7):
                total = levels[y, x] * transform[frequency, 0]
                for sample in range(1, 8):
                    total = fused(levels[y + sample, x], transform[frequency, sample], total)
                of_columns[frequency, x] = total
        for x in range(width):
            counts[x] = 0
        for down in range(8):
            for right in range(8):
                if down + right > 0:
                    for x in range(width):
                        total = of_columns[down, x] * transform[right, 0]
                        for sample in range(1, 8):
                            total = fused(of_columns[down, x + sample], transform[right, sample], total)
                        counts[x] += abs(total) < _ZERO_BELOW
        for x in range(width):
            zeros[y, x] = counts[x]


@compiled("UniTuple(boolean[:, ::1], 2)(uint8[:, ::1])")
def constant_and_clipped(luma: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which blocks are constant along an axis, and which have a black or white pixel, by position (y, x)."""
    height, width = luma.shape
    constant = np.empty((height - 7, width - 7), np.bool_)
    clipped = np.empty((height - 7, width - 7), np.bool_)
    equal_downwards = np.zeros(width, np.int32)  # how many pairs of neighbours, up to this pixel, are equal
    rows_constant = np.zeros(width, np.int32)  # how many rows, up to this one, are so in the 8 px up to this pixel
    rows_unclipped = np.zeros(width, np.int32)
    for y in range(height):
        equal_rightwards = columns_constant = unclipped = 0
        for x in range(width):
            level = luma[y, x]
            equal_rightwards = equal_rightwards + 1 if x > 0 and level == luma[y, x - 1] else 0
            equal_downwards[x] = equal_downwards[x] + 1 if y > 0 and level == luma[y - 1, x] else 0
            columns_constant = columns_constant + 1 if equal_downwards[x] >= 7 else 0
            unclipped = unclipped + 1 if _BLACK < level < _WHITE else 0
            rows_constant[x] = rows_constant[x] + 1 if equal_rightwards >= 7 else 0
            rows_unclipped[x] = rows_unclipped[x] + 1 if unclipped >= 8 else 0
            if y >= 7 and x >= 7:
                constant[y - 7, x - 7] = rows_constant[x] >= 8 or columns_constant >= 8
                clipped[y - 7, x - 7] = rows_unclipped[x] < 8
    return constant, clipped


@compiled("int8[:, ::1](int8[:, ::1], boolean[:, ::1])")
def winning_origins(zeros: NDArray[np.int8], constant: NDArray[np.bool_]) -> NDArray[np.int8]:
    """Return for each pixel inside 64 blocks, (y, x) from 7 on, the origin (8 y + x) of the block with most zeros.

    -1 where two blocks tie, or the one with most zeros is constant.
    """
    height, width = zeros.shape
    size = height * width
    most, winners = np.empty((2, size), np.int8), np.empty((2, size), np.int8)
    for y in range(height):
        for x in range(width):
            most[0, y * width + x] = zeros[y, x]
            winners[0, y * width + x] = -1 if constant[y, x] else y % 8 * 8 + x % 8
    before, after = 0, 1
    # each place learns the winner of 2, 4, 8 blocks in its row, then of 2, 4, 8 rows; what lies at the end of a row and
    # of the picture, where there are fewer, is not counted
    for distance in (1, 2, 4, width, 2 * width, 4 * width):
        here, there = most[before, : size - distance], most[before, distance:]
        winner_here, winner_there = winners[before, : size - distance], winners[before, distance:]
        larger, winner = most[after], winners[after]
        for place in range(size - distance):
            own, other = here[place], there[place]
            larger[place] = max(own, other)
            # -1 has all bits set: a winner stays as it is where the other side has lost, and is -1 after a tie
            lost, other_lost = np.int8(0) - np.int8(own <= other), np.int8(0) - np.int8(other <= own)
            winner[place] = (winner_here[place] | lost) & (winner_there[place] | other_lost)
        before, after = after, before
    found = np.empty((height - 7, width - 7), np.int8)
    for y in range(height - 7):
        for x in range(width - 7):
            found[y, x] = winners[before, y * width + x]
    return found


@compiled("int64[:, ::1](int8[:, ::1], boolean[:, ::1])")
def count_votes(zeros: NDArray[np.int8], constant: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the votes by origin (y, x): each pixel inside 64 blocks votes for the one with most zeros.

    A pixel does not vote if two blocks tie, or the one with most zeros is constant.
    """
    winners = winning_origins(zeros, constant)
    votes = np.zeros((8, 8), np.int64)
    for y in range(winners.shape[0]):
        for x in range(winners.shape[1]):
            winner = winners[y, x]
            if winner >= 0:
                votes[winner >> 3, winner & 7] += 1
    return votes


@compiled("int64[:, :, ::1](int8[:, ::1], boolean[:, ::1])")
def compare_with_mirrors(zeros: NDArray[np.int8], clipped: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (8, 8, 2): by origin, how many blocks differ in zeros from their neighbour with the mirrored origin, and
    how many of them have more. Blocks with clipped pixels and their neighbours do not count.
    """
    found = np.zeros((8, 8, 2), np.int64)
    for y in range(8 * (zeros.shape[0] // 8 - 1)):
        mirrored_y = y - y % 8 + -(y % 8) % 8
        for x in range(8 * (zeros.shape[1] // 8 - 1)):
            mirrored_x = x - x % 8 + -(x % 8) % 8
            if not (clipped[y, x] or clipped[mirrored_y, mirrored_x]):
                own, mirrored = zeros[y, x], zeros[mirrored_y, mirrored_x]
                found[y % 8, x % 8, 0] += own != mirrored
                found[y % 8, x % 8, 1] += own > mirrored
    return found
