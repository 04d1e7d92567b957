"""Grid map kernel: the loops of `grid_map`, compiled by numba. All arrays are C-contiguous."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("int32[:, :, :, ::1](int8[:, ::1], boolean[:, ::1], int64)")
def comparisons_by_cell(zeros: NDArray[np.int8], clipped: NDArray[np.bool_], cell_px: int) -> NDArray[np.int32]:
    """Return (row of cells, column, origin, 3): how many blocks differ in zeros from their neighbour with the mirrored
    origin, how many of them have more, and all zeros. Blocks with clipped pixels and their neighbours do not count.
    """
    height, width = 8 * (zeros.shape[0] // 8 - 1), 8 * (zeros.shape[1] // 8 - 1)
    found = np.zeros((-(-height // cell_px), -(-width // cell_px), 64, 3), np.int32)
    for y in range(height):
        mirrored_y = y - y % 8 + -(y % 8) % 8
        for x in range(width):
            mirrored_x = x - x % 8 + -(x % 8) % 8
            if not (clipped[y, x] or clipped[mirrored_y, mirrored_x]):
                own, mirrored = zeros[y, x], zeros[mirrored_y, mirrored_x]
                origin = y % 8 * 8 + x % 8
                found[y // cell_px, x // cell_px, origin, 0] += own != mirrored
                found[y // cell_px, x // cell_px, origin, 1] += own > mirrored
                found[y // cell_px, x // cell_px, origin, 2] += own
    return found
