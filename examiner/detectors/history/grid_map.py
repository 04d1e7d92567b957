"""Grid map: where a picture has another grid of JPEG blocks than the rest of it.

luma → Foreign or None. The blocks of a JPEG have more DCT zeros than blocks beside them (`forensics.pixels.grid`,
after ZERO), and next to the picture's own grid an earlier one is found by symmetry: a block is compared with the
neighbour whose origin is the mirrored one. Here the comparisons are counted by cells of 64 px, and each square window
of 2, 4 or 8 cells is tested against the rest of the picture: an origin must have more zeros in the window than it has
outside. A crop of a whole JPEG has its earlier grid everywhere, so it is not found here.

Origins that are their own mirror, multiples of 4 on both axes (3 in 63), are not seen.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.pixels.grid import DCT

CELL_PX = 64
LEAST_SIDE_PX = 2 * CELL_PX
MOST_SIDE_PX = 4096
"""Of larger pictures the middle is looked at."""

_WINDOWS = (2, 4, 8)
_CHANCE = 50
"""Comparisons that are added outside the window, half of them with more, so that a small rest says little."""
_ONE_SIDED = 0.95
_LEAST_REST = 0.5
"""Fewest comparisons outside a window, as a share of those inside, for there to be a rest."""
_LEAST_COMPARED = 24
"""Fewest comparisons of an origin in a cell and those beside it, for the cell to have an answer."""
_STRONG = 8.0
"""Standard deviations from which the map is at its brightest."""
_SOME = 0.25
_MOST_OF_IT = 0.6
"""Share of the cells with _SOME evidence from which the grid is everywhere, as in a crop of a whole JPEG."""
_TRANSFORM = DCT.astype(np.float32)
_OWN_MIRROR = np.array([y % 4 == 0 and x % 4 == 0 for y in range(8) for x in range(8)])


class Foreign(NamedTuple):
    """The window whose grid differs most from the rest."""

    deviations: float
    """By how many standard deviations the origin has more zeros there than outside."""
    x: int
    y: int
    """Origin of the grid there, 0..7 px from the picture's own."""
    box_px: tuple[int, int, int, int]
    """x, y, width, height of the window."""
    cells: NDArray[np.float32]
    """By cell of CELL_PX, 0 to 1: how strongly it has that grid; NaN where too little can be compared."""
    origin_px: tuple[int, int]
    """x and y of the first cell's corner."""


def foreign_grid(luma: NDArray[np.uint8], own_x: int = 0, own_y: int = 0) -> Foreign | None:
    """Return the window of luma (height, width) whose grid of blocks differs most; None where it is too small.

    `own_x`, `own_y`: the origin of the picture's own grid. Reads at most the middle 4096 × 4096 px. Raises ValueError
    for anything but two axes.
    """
    if luma.ndim != 2:
        raise ValueError(f"has luma of {luma.ndim} axes, not 2")
    top, left = (
        own + max(length - MOST_SIDE_PX, 0) // 16 * 8 for own, length in zip((own_y, own_x), luma.shape, strict=True)
    )
    looked_at = luma[top : top + MOST_SIDE_PX, left : left + MOST_SIDE_PX].copy(order="C")
    if min(looked_at.shape) < LEAST_SIDE_PX:
        return None
    from examiner.detectors.history import grid_map_kernel as kernel
    from forensics.pixels import grid_kernel

    zeros = np.empty((looked_at.shape[0] - 7, looked_at.shape[1] - 7), np.int8)
    grid_kernel.count_zeros(looked_at.astype(np.float32), _TRANSFORM, zeros)
    _, clipped = grid_kernel.constant_and_clipped(looked_at)
    compared = kernel.comparisons_by_cell(zeros, clipped, CELL_PX)
    deviations, row, column, side, origin = max(_strongest(compared, side) for side in _WINDOWS)
    height, width = (min(side, length) * CELL_PX for length in compared.shape[:2])
    # where no later compression has hidden it, the grid has the most zeros of all
    most_zeros = int(compared[row : row + side, column : column + side, :, 2].sum(axis=(0, 1)).argmax())
    origin = most_zeros or origin
    x, y = left + column * CELL_PX, top + row * CELL_PX
    cells = _map(compared[:, :, origin])
    if (cells >= _SOME).sum() > _MOST_OF_IT * (~np.isnan(cells)).sum():
        deviations = 0.0
    box = (x, y, min(width, luma.shape[1] - x), min(height, luma.shape[0] - y))
    return Foreign(deviations, origin % 8, origin // 8, box, cells, (left, top))


def _strongest(compared: NDArray[np.int32], side: int) -> tuple[float, int, int, int, int]:
    """Return (deviations, row, column, side, origin) of the strongest of all windows of so many cells a side."""
    inside = _window_sums(compared, side)
    outside = compared.sum(axis=(0, 1), dtype=np.float64) - inside
    share = (outside[..., 1] + _CHANCE) / (outside[..., 0] + 2 * _CHANCE)
    share = np.clip(share, 0.5, _ONE_SIDED)
    differ, more = inside[..., 0], inside[..., 1]
    deviations = (more - share * differ) / np.sqrt(share * (1 - share) * np.maximum(differ, 1))
    deviations[..., _OWN_MIRROR] = 0
    deviations[outside[..., 0] < _LEAST_REST * inside[..., 0]] = 0
    row, column, origin = (int(each) for each in np.unravel_index(int(deviations.argmax()), deviations.shape))
    return float(deviations[row, column, origin]), row, column, side, origin


def _window_sums(values: NDArray[np.int32], side: int) -> NDArray[np.float64]:
    """Return the sums over all windows of so many cells a side, or as many as there are."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1, *values.shape[2:]))
    sums[1:, 1:] = values.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    rows, columns = min(side, values.shape[0]), min(side, values.shape[1])
    found: NDArray[np.float64] = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns]
    return found + sums[:-rows, :-columns]


def _map(compared: NDArray[np.int32]) -> NDArray[np.float32]:
    around = np.asarray(cv2.boxFilter(compared.astype(np.float32), -1, (3, 3), normalize=False), np.float32)
    differ, more = around[..., 0], around[..., 1]
    deviations = (2 * more - differ) / np.sqrt(np.maximum(differ, 1))
    values = np.clip(deviations / _STRONG, 0, 1)
    return np.where(differ < _LEAST_COMPARED, np.nan, values).astype(np.float32)
