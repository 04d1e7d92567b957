"""Agreement of pairs with a movement: votes for shifts, and pairs that lie where it takes them; compiled by numba."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("int64[:](float32[:, ::1], float32[:, ::1], float64[:, ::1], int64)")
def shift_cells(
    first: NDArray[np.float32], second: NDArray[np.float32], matrix: NDArray[np.float64], cell_px: int
) -> NDArray[np.int64]:
    """Return the cell of the shift that each pair needs beside a turn: row * 2**20 + column + 2**19.

    `matrix` (2, 2) turns and enlarges the first place of each pair.
    """
    turned = matrix.astype(np.float32)
    cells = np.empty(first.shape[0], np.int64)
    for at in range(first.shape[0]):
        across = turned[0, 0] * first[at, 0] + turned[0, 1] * first[at, 1]
        down = turned[1, 0] * first[at, 0] + turned[1, 1] * first[at, 1]
        column = np.int64(np.floor((second[at, 0] - across) / cell_px))
        row = np.int64(np.floor((second[at, 1] - down) / cell_px))
        cells[at] = (row << 20) + column + (1 << 19)
    return cells


@compiled("UniTuple(int64, 2)(int64[::1])")
def most_frequent(numbers: NDArray[np.int64]) -> tuple[int, int]:
    """Return the number that sorted numbers (one at least) have most often, the least of several, and how often."""
    most, best, begin = 0, numbers[0], 0
    for at in range(1, numbers.size + 1):
        if at == numbers.size or numbers[at] != numbers[begin]:
            if at - begin > most:
                most, best = at - begin, numbers[begin]
            begin = at
    return best, most


@compiled("boolean[:](float32[:, ::1], float32[:, ::1], float64[:, ::1], float64)")
def near_where_moved(
    first: NDArray[np.float32], second: NDArray[np.float32], matrix: NDArray[np.float64], reach_px: float
) -> NDArray[np.bool_]:
    """Return of which pairs the second place lies nearer than `reach_px` to where `matrix` (2, 3) takes the first."""
    near = np.empty(first.shape[0], np.bool_)
    for at in range(first.shape[0]):
        x = matrix[0, 0] * first[at, 0] + matrix[0, 1] * first[at, 1] + matrix[0, 2] - second[at, 0]
        y = matrix[1, 0] * first[at, 0] + matrix[1, 1] * first[at, 1] + matrix[1, 2] - second[at, 1]
        near[at] = x * x + y * y < reach_px * reach_px
    return near
