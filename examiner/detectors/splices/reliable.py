"""Reliable: where a picture has traces at all: neither saturated, nor flat, nor blurred until no texture is left."""

import cv2
import numpy as np
from numpy.typing import NDArray

SATURATED, DARK = 254, 1
"""Levels from which on, and to which, a pixel is clipped."""
TEXTURE_LEVELS = 1.3
"""Mean size of a block's second differences up to which it says nothing: rounding a smooth slope to whole levels leaves
1.0, noise of one level 3.7; noise that was smoothed has little more than the former."""
CLIPPED_SHARE = 0.25
"""Share of a block's pixels that may be clipped: single ones are noise around a highlight."""
_BLOCK_PX = 8


def reliable_share(luma: NDArray[np.uint8], cell_px: int) -> NDArray[np.float32]:
    """Return the share of each whole cell's 8×8 blocks that have traces, rows × columns; `cell_px` a multiple of 8."""
    down, across = (each // cell_px for each in luma.shape)
    own = luma[: down * cell_px, : across * cell_px]
    clipped = ((own >= SATURATED) | (own <= DARK)).astype(np.float32)
    texture = np.abs(cv2.Laplacian(own, cv2.CV_32F))
    has_traces = (_means(texture) > TEXTURE_LEVELS) & (_means(clipped) <= CLIPPED_SHARE)
    per_cell = cell_px // _BLOCK_PX
    shares = has_traces.reshape(down, per_cell, across, per_cell).mean(axis=(1, 3))
    return np.asarray(shares, np.float32)


def _means(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of each block."""
    height, width = plane.shape
    size = (width // _BLOCK_PX, height // _BLOCK_PX)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
