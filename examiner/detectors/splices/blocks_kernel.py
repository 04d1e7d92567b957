"""Blocks kernel: the loops of `blocks`, compiled by numba. All arrays are C-contiguous and writable."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled

_BLACK, _WHITE = 0, 255


@compiled("void(int8[:, ::1], uint8[:, ::1], int8[:, :, ::1])")
def compare_row(zeros: NDArray[np.int8], luma: NDArray[np.uint8], signs: NDArray[np.int8]) -> None:
    """Fill `signs` (8, 8, columns): 1 where the block at an origin has more zeros than the mirrored one, -1 for fewer.

    `zeros`: 8 × (8·columns), of the blocks that begin in a row of the grid; `luma`: 15 rows, 7 columns more, below
    these blocks. Pairs with clipped pixels give 0, as equal ones do.
    """
    columns = signs.shape[2]
    width = zeros.shape[1]
    clipped_since = np.empty((8, width), np.int32)
    last = np.full(width + 7, -1, np.int32)  # the last row, of those seen, where a column of pixels is clipped
    for row in range(7):
        for x in range(width + 7):
            if luma[row, x] == _BLACK or luma[row, x] == _WHITE:
                last[x] = row
    for y in range(8):
        for x in range(width + 7):
            if luma[y + 7, x] == _BLACK or luma[y + 7, x] == _WHITE:
                last[x] = y + 7
        run = 0  # columns in a row without a clipped pixel in these 8 rows
        for x in range(width + 7):
            run = run + 1 if last[x] < y else 0
            if x >= 7:
                clipped_since[y, x - 7] = 0 if run >= 8 else 1
    for y in range(8):
        mirrored_y = -y % 8
        for x in range(8):
            mirrored_x = -x % 8
            for column in range(columns):
                here, there = 8 * column + x, 8 * column + mirrored_x
                sign = 0
                if clipped_since[y, here] == 0 and clipped_since[mirrored_y, there] == 0:
                    own, mirrored = zeros[y, here], zeros[mirrored_y, there]
                    sign = 1 if own > mirrored else (-1 if own < mirrored else 0)
                signs[y, x, column] = sign


@compiled("void(int8[:, ::1], int64, int64, int32[:, ::1])")
def add_votes(zeros: NDArray[np.int8], first: int, cell_px: int, votes: NDArray[np.int32]) -> None:
    """Add to `votes` (cells × 64) those of the pixels that lie in 64 of the blocks.

    `zeros`: at least 8 rows × width, by where a block begins; the first row has the origin `first`, the first column
    0. A pixel votes for the origin, 8·y + x, of the block with most zeros around it; where two tie it does not vote.
    """
    width = zeros.shape[1]
    most = np.empty(width, np.int8)
    rows = np.empty(width, np.int8)  # of 8 blocks of a column, the origin of that with most zeros; -1: a tie
    for top in range(zeros.shape[0] - 7):
        for x in range(width):
            best, row = zeros[top, x], 0
            for y in range(1, 8):
                here = zeros[top + y, x]
                row = y if here > best else (-1 if here == best else row)
                best = max(here, best)
            most[x] = best
            rows[x] = -1 if row < 0 else (first + top + row) % 8
        for x in range(7, width):
            best, winner = most[x - 7], x - 7
            for left in range(x - 6, x + 1):
                here = most[left]
                winner = left if here > best else (-1 if here == best else winner)
                best = max(here, best)
            if winner >= 0 and rows[winner] >= 0:
                votes[x // cell_px, 8 * rows[winner] + winner % 8] += 1
