"""Grids: where in a picture blocks of 8×8 px were compressed whose grid is not the photograph's own.

luma → a map. Sign tests over pairs of blocks, as `forensics.pixels.grid` explains them, for each origin in each window:
of two blocks whose origins mirror each other, either is equally likely to have more DCT zeros, unless one of them lies
on a grid. The number of DCT zeros: Nikoukhah et al., ZERO, Image Processing On Line 11 (2021).

Where the picture is large, not every row of blocks is looked at.
"""

import numpy as np
from numpy.typing import NDArray

from forensics.pixels.grid import DCT

BLOCKS_MAX = 25_000
"""Most blocks that are looked at, 1.6 megapixels, as whole rows: a third of a second."""
LEAST_PAIRS = 24
"""Pairs that differ below which a window says nothing."""
_TRANSFORM = DCT.astype(np.float32)
_OWN_MIRROR = np.array([[-y % 8 == y and -x % 8 == x for x in range(8)] for y in range(8)])

Floats = NDArray[np.float32]


def other_grid(luma: NDArray[np.uint8], phase: tuple[int, int], cell_px: int, window_cells: int) -> Floats:
    """Return how strong another grid is in the window around each cell: standard deviations, or NaN.

    `phase`: x and y of the photograph's own grid, 0 to 7 px; cells begin there. `cell_px`: a multiple of 8.
    The result is (rows, columns), of the cells that fit into the picture; each has the strongest of 60 origins.
    """
    from examiner.detectors.splices import grids_kernel as kernel
    from forensics.pixels import grid_kernel

    own = luma[phase[1] :, phase[0] :]
    down, across = (each // cell_px for each in own.shape)
    per_cell = cell_px // 8
    columns = min(across * per_cell, (own.shape[1] - 7) // 8)
    rows = min(down * per_cell, (own.shape[0] - 7) // 8)
    if rows < 1 or columns < 1:
        return np.full((down, across), np.nan, np.float32)
    step = max(1, min(per_cell, -(-rows * columns // BLOCKS_MAX)))
    sums = np.zeros((2, 64, down, across), np.float32)
    zeros = np.empty((8, 8 * columns), np.int8)
    signs = np.empty((8, 8, columns), np.int8)
    for row in range(0, rows, step):
        strip = np.ascontiguousarray(own[8 * row : 8 * row + 15, : 8 * columns + 7])
        grid_kernel.count_zeros(strip.astype(np.float32), _TRANSFORM, zeros)
        kernel.compare_row(zeros, strip, signs)
        flat = np.zeros((64, across * per_cell), np.int8)
        flat[:, :columns] = signs.reshape(64, columns)
        cells = flat.reshape(64, across, per_cell)
        sums[0, :, row // per_cell] += cells.sum(axis=2, dtype=np.float32)
        sums[1, :, row // per_cell] += np.abs(cells).sum(axis=2, dtype=np.float32)
    more, differ = windowed(sums[0], window_cells), windowed(sums[1], window_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.where(differ >= LEAST_PAIRS, more / np.sqrt(differ), np.nan)
    deviations = deviations[~_OWN_MIRROR.ravel()]
    has_any = np.isfinite(deviations).any(axis=0)
    return np.where(has_any, np.nanmax(np.where(has_any, deviations, 0.0), axis=0), np.nan).astype(np.float32)


def windowed(cells: Floats, window_cells: int) -> Floats:
    """Return sums over the square window around each cell, … × rows × columns; it is smaller at the borders."""
    before = (window_cells - 1) // 2
    result = cells
    for axis in (-2, -1):
        length = cells.shape[axis]
        total = np.concatenate([np.zeros_like(result.take([0], axis)), np.cumsum(result, axis=axis)], axis=axis)
        places = np.arange(length)
        ends = np.minimum(places - before + window_cells, length)
        result = total.take(ends, axis) - total.take(np.maximum(places - before, 0), axis)
    return result
