"""Consistency: whether a picture's traces are the same everywhere: of its camera, its noise and its grids of blocks.

Each kind of trace gives a map of cells; they are joined into one map and one score. What a network says of a window is
compared with what it says of the picture: the median of its log-probabilities over all windows, which a splice of less
than half of the picture does not move. The distance is the Kullback-Leibler divergence, that is the cross-entropy of a
window's answer against the picture's, less that of a window that agrees. Where the scatter of windows within and
between photographs was measured (`spread`), smaller windows also say how much likelier they are another photograph's.
Nothing was trained on altered pictures.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from examiner.detectors.splices.blocks import blocks_of
from examiner.detectors.splices.grids import other_grid, windowed
from examiner.detectors.splices.noise import cell_means, noise_levels, unusual_noise
from examiner.detectors.splices.reliable import reliable_share
from examiner.detectors.splices.spread import CELLS as SPREAD_CELLS
from examiner.detectors.splices.spread import Spread, log_ratios
from examiner.detectors.splices.votes import unusual_votes
from train.model.scores import log_softmax

if TYPE_CHECKING:  # it needs torch, and an examination without a network does not
    from examiner.detectors.splices.windows import Windows

Floats = NDArray[np.float32]

CELL_PX = 32
GRID_CELLS = 6
"""Side of the window in which another grid is looked for."""
NOISE_CELLS = 5
REGION_CELLS = 9
"""Cells whose mean is the score: the strongest ones, together as large as 96×96 px."""
LEAST_CELLS = 4 * REGION_CELLS
"""Cells with an answer, below which nothing is said."""
LEAST_SHARE = 0.5
"""Share of a cell's blocks that must have traces."""
CAMERA_UNIT, NOISE_UNIT, GRID_UNIT = 1.3, 2.2, 3.6
"""What one cell in a hundred of genuine photographs reaches, in each map before it is joined."""
USUAL_CELLS = 660
"""Cells of a picture of 960×720 px, whose score is the mean of its strongest cells; see `for_size`."""
GROWTH_ALONE, GROWTH = 0.4, 0.16
"""By how much the strongest cells of genuine photographs grow with the logarithm of their number: without a network, of
58 pairs of a real original and its middle (a quarter or a sixteenth of it), by 17 cameras; with one, of 476 quarters of
120 simulated photographs."""
RATIO_UNIT, RATIO_SHARE, JOINT_UNIT = 10.0, 0.5, 1.3
"""Logarithm of a ratio that counts as one, what that is worth beside the divergence, and the unit of both together."""


@dataclass(frozen=True, eq=False)
class Consistency:
    """What the maps of a picture say; maps are rows × columns of cells of CELL_PX, NaN where there is no answer.

    Values are in units: 1 is what one cell in a hundred of genuine photographs reaches; votes are added in such units.
    """

    joined: Floats
    camera: Floats | None
    """None without a network."""
    noise: Floats
    grid: Floats
    votes: Floats
    """0 where votes of blocks are usual, as in all but 1 to 4 of a hundred cells of genuine photographs."""
    score: float | None
    """Mean of the strongest cells, for the picture's size; None where too few have an answer."""
    own: NDArray[np.float64] | None
    """Log-probabilities of the cameras for the picture."""
    strongest: NDArray[np.float64] | None
    """The same for the strongest cells."""

    @property
    def answered(self) -> float:
        """Share of the cells that have an answer."""
        return float(np.isfinite(self.joined).mean()) if self.joined.size else 0.0


def consistency_of(luma: NDArray[np.uint8], windows: "Windows | None", spread: Spread | None = None) -> Consistency:
    """Return what the maps say of a picture that begins on its grid of blocks; `windows`: a network's answers for it.

    `spread`: that of the network, with which the windows were projected. It sharpens the maps; the score is that of
    the divergence, noise, grid and votes, with a spread or without, since genuine photographs scatter more in the
    ratios.
    Raises ValueError where the picture is smaller than a window.
    """
    down, across = (each // CELL_PX for each in luma.shape)
    if min(down, across) < GRID_CELLS:
        raise ValueError(f"is smaller than {GRID_CELLS * CELL_PX} px")
    reliable = reliable_share(luma, CELL_PX) >= LEAST_SHARE
    noise = np.where(reliable, _noise(luma, reliable) / NOISE_UNIT, np.nan).astype(np.float32)
    blocks = blocks_of(luma, (0, 0), CELL_PX)
    grid = np.where(reliable, other_grid(blocks.signs, GRID_CELLS) / GRID_UNIT, np.nan).astype(np.float32)
    votes = unusual_votes(blocks.votes, reliable)
    if windows is None:
        joined = np.fmax(noise, grid) + votes
        return Consistency(joined, None, noise, grid, votes, _score(joined, GROWTH_ALONE), None, None)
    beside = np.nan_to_num(np.maximum(noise - 1, 0)) + np.nan_to_num(np.maximum(grid - 1, 0)) + np.nan_to_num(votes)
    by_cell = _on_cells(windows.log_shares, windows.cells, windows.step_px, (down, across))
    own, divergence = _divergence(by_cell, reliable)
    camera = np.where(reliable, np.log1p(divergence) / CAMERA_UNIT, np.nan).astype(np.float32)
    score = _score(camera + beside, GROWTH)
    if spread is not None and windows.projected is not None:
        ratios = _ratios(spread, windows.projected, windows.step_px, reliable)
        camera = np.asarray((camera + RATIO_SHARE * np.logaddexp(0, ratios / RATIO_UNIT)) / JOINT_UNIT, np.float32)
        beside = beside / np.float32(JOINT_UNIT)
    joined = np.asarray(camera + beside, np.float32)
    place = _strongest(joined)
    strongest = None if place is None else _median(by_cell.reshape(-1, by_cell.shape[2])[place])
    return Consistency(joined, camera, noise, grid, votes, score, own, strongest)


def _noise(luma: NDArray[np.uint8], reliable: NDArray[np.bool_]) -> Floats:
    brightness = np.where(reliable, cell_means(luma, CELL_PX), np.nan).astype(np.float32)
    return np.abs(smoothed(unusual_noise(noise_levels(luma, CELL_PX), brightness), NOISE_CELLS))


def _on_cells(values: Floats, cells: int, step_px: int, shape: tuple[int, int]) -> Floats:
    """Return the mean of the windows that cover each cell, rows × columns × numbers, as `values` are.

    `cells`: the side of a window in steps.
    """
    rows, columns, numbers = values.shape
    more = cells - 1
    padded = np.full((numbers, rows + 2 * more, columns + 2 * more), np.nan, np.float32)
    padded[:, more : more + rows, more : more + columns] = np.moveaxis(values, 2, 0)
    covering = smoothed(padded, cells)
    before = (cells - 1) // 2  # `smoothed` takes more cells behind a place than before it
    covering = covering[:, before : before + rows + more, before : before + columns + more]
    places = [
        np.minimum(((np.arange(length) + 0.5) * CELL_PX / step_px).astype(int), limit - 1)
        for length, limit in zip(shape, covering.shape[1:], strict=True)
    ]
    return np.moveaxis(covering[:, places[0][:, None], places[1][None]], 0, 2)


def _ratios(spread: Spread, projected: Floats, step_px: int, reliable: NDArray[np.bool_]) -> Floats:
    """Return how much likelier each cell is another photograph's, as logarithms."""
    found = log_ratios(spread, projected, at_windows(reliable, projected.shape[:2], step_px))
    return _on_cells(found[..., None], SPREAD_CELLS, step_px, (reliable.shape[0], reliable.shape[1]))[..., 0]


def at_windows(reliable: NDArray[np.bool_], shape: tuple[int, int], step_px: int) -> NDArray[np.bool_]:
    """Return which windows of a spread have traces: those whose middle lies in a cell that has; rows × columns."""
    rows, columns = (
        np.minimum(((np.arange(length) + SPREAD_CELLS / 2) * step_px / CELL_PX).astype(int), limit - 1)
        for length, limit in zip(shape, reliable.shape, strict=True)
    )
    return np.asarray(reliable[rows[:, None], columns[None]], np.bool_)


def _divergence(by_cell: Floats, reliable: NDArray[np.bool_]) -> tuple[NDArray[np.float64], Floats]:
    """Return the picture's own log-probabilities, and how far those of each cell are from them."""
    known = by_cell[reliable] if reliable.any() else by_cell.reshape(-1, by_cell.shape[2])
    own = _median(known)
    divergence = (np.exp(own) * (own - by_cell)).sum(axis=2)
    return own, np.maximum(divergence, 0.0).astype(np.float32)


def _median(log_shares: Floats) -> NDArray[np.float64]:
    return log_softmax(np.nanmedian(log_shares.astype(np.float64), axis=0))


def _score(cells: Floats, growth: float) -> float | None:
    place = _strongest(cells)
    if place is None:
        return None
    return for_size(float(cells.ravel()[place].mean()), int(np.isfinite(cells).sum()), growth)


def _strongest(joined: Floats) -> NDArray[np.int64] | None:
    """Return the places of the strongest cells; None where too few have an answer."""
    flat = np.where(np.isfinite(joined), joined, -np.inf).ravel()
    if np.isfinite(flat).sum() < LEAST_CELLS:
        return None
    return np.argsort(-flat, kind="stable")[:REGION_CELLS]


def for_size(strongest: float, cells: int, growth: float) -> float:
    """Return the mean of the strongest cells as a picture of 960×720 px would have it that is as uniform.

    `cells`: how many have an answer. The largest of many values with an exponential tail grows with the logarithm of
    their number (Gumbel's law), so without this the strongest cells of larger pictures were unusual for their size
    alone.
    """
    return strongest - growth * float(np.log(cells / USUAL_CELLS))


def smoothed(cells: Floats, window_cells: int) -> Floats:
    """Return means over the square window around each cell, … × rows × columns; NaN does not count, nor stays."""
    known = np.isfinite(cells)
    total = windowed(np.where(known, cells, 0).astype(np.float32), window_cells)
    number = windowed(known.astype(np.float32), window_cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def as_pixels(cells: Floats, width_px: int, height_px: int) -> Floats:
    """Return a map at each pixel, by linear interpolation between the centres of cells.

    A cell without an answer takes the mean of those around it, of the smallest window that has any: a part of a splice
    that is flat or blurred is drawn as what surrounds it. A map without any answer is 0 everywhere.
    """
    filled = cells.astype(np.float32)
    for window_cells in (3, 5, 9, 17, 2 * max(cells.shape) + 1):
        missing = ~np.isfinite(filled)
        if missing.any():
            filled = np.where(missing, smoothed(filled, window_cells), filled)
    filled = np.nan_to_num(filled)
    xs = ((np.arange(width_px, dtype=np.float32) + 0.5) / CELL_PX - 0.5)[None].repeat(height_px, 0)
    ys = ((np.arange(height_px, dtype=np.float32) + 0.5) / CELL_PX - 0.5)[:, None].repeat(width_px, 1)
    return np.asarray(cv2.remap(filled, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)
