"""Grids: where in a picture blocks of 8×8 px were compressed whose grid is not the photograph's own.

signs by cell → a map. Sign tests over pairs of blocks, as `forensics.pixels.grid` explains them, for each origin in
each window: of two blocks whose origins mirror each other, either is equally likely to have more DCT zeros, unless one
of them lies on a grid.
"""

import numpy as np
from numpy.typing import NDArray

LEAST_PAIRS = 24
"""Pairs that differ below which a window says nothing."""
_OWN_MIRROR = np.array([[-y % 8 == y and -x % 8 == x for x in range(8)] for y in range(8)])

Floats = NDArray[np.float32]


def other_grid(signs: Floats, window_cells: int) -> Floats:
    """Return how strong another grid is in the window around each cell: standard deviations, or NaN.

    `signs`: those of `blocks`, 2 × 64 × rows × columns. Each cell has the strongest of 60 origins.
    """
    more, differ = windowed(signs, window_cells)
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
