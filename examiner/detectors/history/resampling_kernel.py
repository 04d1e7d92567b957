"""Resampling kernel: the loops of `resampling`, compiled by numba. All arrays are C-contiguous."""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled


@compiled("Tuple((float64[:, ::1], float64[:, ::1]))(uint8[:, ::1], float32[::1], int64)")
def foreseen(
    luma: NDArray[np.uint8], weights: NDArray[np.float32], bands: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how well pixels are foreseen from their two neighbours: (band of rows, column) and (band of columns, row).

    Along a row for the first, along a column for the second; `weights` is by the absolute second difference, 0 to 1020;
    sums over the pixels of a band. The outermost pixels have 0.
    """
    height, width = luma.shape
    along_rows, along_columns = np.zeros((bands, width)), np.zeros((bands, height))
    totals = np.zeros(bands)
    for y in range(1, height - 1):
        band = y * bands // height
        totals[:] = 0.0
        for part in range(bands):
            total = np.float32(0.0)
            for x in range(max(1, -(-part * width // bands)), min(width - 1, -(-(part + 1) * width // bands))):
                twice = 2 * np.int32(luma[y, x])
                along_rows[band, x] += weights[abs(twice - luma[y, x - 1] - luma[y, x + 1])]
                total += weights[abs(twice - luma[y - 1, x] - luma[y + 1, x])]
            totals[part] = total
        for part in range(bands):
            along_columns[part, y] = totals[part]
    return along_rows, along_columns
