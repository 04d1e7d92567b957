"""Blocks: what the DCT zeros of the blocks in each cell of a picture say of grids, counted in one pass.

luma → signs and votes. The number of DCT zeros, and pixels that vote for the block with most of them: Nikoukhah et al.,
ZERO, Image Processing On Line 11 (2021); the signs of pairs: `forensics.pixels.grid`. `grids` and `votes` make maps of
them.

Where the picture is large, some rows of blocks are skipped. In each row of blocks that is not, only one row of pixels
votes: the one that blocks of all eight vertical origins contain. Otherwise all pixels vote.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forensics.pixels.grid import DCT

BLOCKS_MAX = 25_000
"""Most blocks that are looked at, 1.6 megapixels, as whole rows."""
VOTES_OF_ALL, VOTES_OF_ROWS = 64, 12
"""Votes that count as one independent one, where all pixels vote (a block has 64), and where rows do. A row of a block
has 8, but scatters more than the mean of all eight."""
_TRANSFORM = DCT.astype(np.float32)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Blocks:
    """Counts by cell; origins are 8·y + x, from the picture's own grid."""

    signs: Floats
    """2 × 64 × rows × columns: how many more pairs of blocks have more zeros at this origin than at the mirrored one,
    than have fewer; and in how many pairs the two differ."""
    votes: Floats
    """64 × rows × columns: independent votes for this origin."""


def blocks_of(luma: NDArray[np.uint8], phase: tuple[int, int], cell_px: int) -> Blocks:
    """Return the counts of the cells that fit into a picture.

    `phase`: x and y of the photograph's own grid, 0 to 7 px; cells begin there. `cell_px`: a multiple of 8.
    """
    from examiner.detectors.splices import blocks_kernel as kernel
    from forensics.pixels import grid_kernel

    own = luma[phase[1] :, phase[0] :]
    down, across = (each // cell_px for each in own.shape)
    per_cell = cell_px // 8
    columns = min(across * per_cell, (own.shape[1] - 7) // 8)
    rows = min(down * per_cell, (own.shape[0] - 7) // 8)
    sums = np.zeros((2, 64, down, across), np.float32)
    votes = np.zeros((down, across, 64), np.int32)
    if rows < 1 or columns < 1:
        return Blocks(sums, np.zeros((64, down, across), np.float32))
    step = max(1, min(per_cell, -(-rows * columns // BLOCKS_MAX)))
    with_last = np.empty((15, 8 * columns), np.int8)  # and seven rows of the last strip
    zeros = with_last[7:]
    signs = np.empty((8, 8, columns), np.int8)
    for row in range(0, rows, step):
        strip = np.ascontiguousarray(own[8 * row : 8 * row + 15, : 8 * columns + 7])
        with_last[:7] = with_last[8:]
        grid_kernel.count_zeros(strip.astype(np.float32), _TRANSFORM, zeros)
        kernel.compare_row(zeros, strip, signs)
        flat = np.zeros((64, across * per_cell), np.int8)
        flat[:, :columns] = signs.reshape(64, columns)
        cells = flat.reshape(64, across, per_cell)
        sums[0, :, row // per_cell] += cells.sum(axis=2, dtype=np.float32)
        sums[1, :, row // per_cell] += np.abs(cells).sum(axis=2, dtype=np.float32)
        if step == 1 and row > 0:
            kernel.add_votes(with_last, 1, cell_px, votes[row // per_cell])
        else:
            kernel.add_votes(zeros, 0, cell_px, votes[row // per_cell])
    independent = np.moveaxis(votes, 2, 0) / np.float32(VOTES_OF_ALL if step == 1 else VOTES_OF_ROWS)
    return Blocks(sums, np.ascontiguousarray(independent, np.float32))
