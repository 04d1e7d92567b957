"""Phase: where the 8×8 grid of the camera's JPEG lies in a picture, which is evidence that the network was trained on.

A whole JPEG has it at (0, 0). Where an earlier grid is found beside the frame's own, the photograph was cropped and
saved again, and the earlier one is the camera's. In other files it is estimated from the pixels, or unknown: crops are
then cut anywhere, and the answer is worth less.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.pixels.grid import CROP_PX, MOST_LOG10_NFA, Grid, grid_evidence, middle_start
from shards.restarts import Rectangle

Source = Literal["own", "earlier", "estimated", "unknown"]


class Phase(NamedTuple):
    """Where the grid begins, x and y of 0 to 7 px, or None; and how that is known."""

    origin: tuple[int, int] | None
    source: Source

    @property
    def note(self) -> str | None:
        """What a person should know of it; None for a whole JPEG."""
        if self.source == "own":
            return None
        if self.origin is None:
            return "no 8×8 grid of a camera's JPEG was found, so its answer is less certain"
        x_px, y_px = self.origin
        if self.source == "earlier":
            return f"was cropped and saved again: its camera's 8×8 grid begins at ({x_px}, {y_px})"
        return f"its camera's 8×8 grid was found at ({x_px}, {y_px})"


OWN = Phase((0, 0), "own")
UNKNOWN = Phase(None, "unknown")


def looked_at(width_px: int, height_px: int) -> Rectangle:
    """Return the rectangle in which grids are looked for: the middle, at most 512×512 px."""
    return middle_start(width_px), middle_start(height_px), min(CROP_PX, width_px), min(CROP_PX, height_px)


def phase_of_jpeg(luma: NDArray[np.uint8]) -> Phase:
    """Return the phase of a JPEG by its luma in `looked_at`."""
    return phase_of_jpeg_grid(grid_evidence(luma))


def phase_of_jpeg_grid(grid: Grid | None) -> Phase:
    """Return the phase of a JPEG by the grids that were found in its middle."""
    if grid is None or grid.other_log10_nfa > MOST_LOG10_NFA:
        return OWN
    return Phase((grid.other_x, grid.other_y), "earlier")


def phase_of_pixels(luma: NDArray[np.uint8], grid_px: int = 0) -> Phase:
    """Return the phase of a picture that is no JPEG, by its luma in `looked_at`; `grid_px` as below."""
    return phase_of_pixels_grid(grid_evidence(luma), grid_px)


def phase_of_pixels_grid(grid: Grid | None, grid_px: int = 0) -> Phase:
    """Return the phase of a picture that is no JPEG by the grids that were found in its middle.

    `grid_px`: pitch of the blocks of its own lossy coding, or 0.
    An origin on that coding's own grid says nothing of a camera: WebP of 10 resized photographs, in which no grid of a
    JPEG was left, showed one at multiples of 4 px in 8. As PNG or HEIC (quality 80), of 10 photographs in three places
    the right origin was found in all, and of resized ones none.
    """
    if grid is None or grid.log10_nfa > MOST_LOG10_NFA:
        return UNKNOWN
    if grid_px and grid.x % grid_px == 0 and grid.y % grid_px == 0:
        return UNKNOWN
    return Phase((grid.x, grid.y), "estimated")
