"""Placement: chooses where a photograph's tiles lie, from its size.

The central tile comes first, since questioned photographs are often central crops and the centre is affected least by
lens faults and vignetting. Each further tile is placed as far as possible from the others, so that tiles overlap only
in small photographs. None covers more than a quarter of another; where that is impossible there are fewer tiles.
"""

import numpy as np
import numpy.typing as npt

OVERLAP_MAX = 0.25
"""Share of a tile that another may cover. At 0 a photograph of 2592x1936 would have one tile of 1024 px, not four."""


def tile_size(size_px: int, tile_px: int, mcu_px: int) -> int:
    """Return a tile's size along one axis: `tile_px` or the photo's, rounded down to the MCU grid (0: too small)."""
    return min(size_px, tile_px) // mcu_px * mcu_px


def place_tiles(
    photo_px: tuple[int, int], tile_px: tuple[int, int], mcu_px: tuple[int, int], most: int
) -> list[tuple[int, int]]:
    """Return the upper left corners (x, y), in pixels, of up to `most` tiles; sizes are (width, height).

    Corners lie on the MCU grid and depend on the arguments alone. They are chosen greedily, always the farthest point
    next, among places flush with either edge or with the central tile.
    """
    columns, central_x = _places(photo_px[0], tile_px[0], mcu_px[0])
    rows, central_y = _places(photo_px[1], tile_px[1], mcu_px[1])
    x_px, y_px = (axis.ravel() for axis in np.meshgrid(columns, rows))
    chosen = [(central_x, central_y)]
    covered = np.zeros(x_px.shape)
    nearest_px = np.full(x_px.shape, np.inf)
    while len(chosen) < most:
        aside_px, below_px = np.abs(x_px - chosen[-1][0]), np.abs(y_px - chosen[-1][1])
        shared = np.maximum(tile_px[0] - aside_px, 0) * np.maximum(tile_px[1] - below_px, 0)
        covered = np.maximum(covered, shared / (tile_px[0] * tile_px[1]))
        nearest_px = np.minimum(nearest_px, np.hypot(aside_px, below_px))
        possible = covered <= OVERLAP_MAX
        if not possible.any():
            break
        best = int(np.argmax(np.where(possible, nearest_px, -1.0)))
        chosen.append((int(x_px[best]), int(y_px[best])))
    return chosen


def _places(photo_px: int, tile_px: int, mcu_px: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the positions where tiles may begin along one axis, and the central tile's."""
    last = (photo_px - tile_px) // mcu_px * mcu_px
    central = last // 2 // mcu_px * mcu_px
    upwards = {*range(0, last + 1, tile_px), *range(central, last + 1, tile_px)}
    places = upwards | {*range(last, -1, -tile_px), *range(central, -1, -tile_px)}
    return np.array(sorted(places), dtype=np.int64), central
