"""CFA: whether the pixels of a picture still alternate as a camera's colour filter array has made them.

luma → how much the two diagonals of 2×2 pixels differ, or None. A camera measures green at every second pixel, in a
chequered pattern, and interpolates the others, which are therefore smoother (Gallagher and Chen, "Image authentication
by detecting traces of demosaicing", CVPR Workshops 2008; Popescu and Farid, "Exposing digital forgeries in color filter
array interpolated images", IEEE TSP 2005). Luma is mostly green, and a JPEG keeps it at full resolution, so luma is
looked at. The trace is lost where a picture was made smaller, turned by an angle, much smoothed or compressed, so its
absence says little.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_SIDE_PX = 128
MOST_SIDE_PX = 2048
_BLOCK_PX = 32
_LEAST_BLOCKS = 16
_KERNEL = np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], np.float32) / 4


def cfa_trace(luma: NDArray[np.uint8]) -> float | None:
    """Return by how many standard errors the roughness of one diagonal differs from the other's.

    None where luma (height, width) is too small or has too little texture. Reads at most the middle 2048 × 2048 px. The
    grid of 8×8 blocks of a JPEG gives both diagonals the same.
    """
    if min(luma.shape) < LEAST_SIDE_PX:
        return None
    top, left = (max(0, side - MOST_SIDE_PX) // 16 * 8 for side in luma.shape)
    part = luma[top : top + MOST_SIDE_PX, left : left + MOST_SIDE_PX]
    rough = np.abs(np.asarray(cv2.filter2D(part.astype(np.float32), -1, _KERNEL), np.float32))
    height, width = (side // _BLOCK_PX * _BLOCK_PX for side in rough.shape)
    rough = np.minimum(rough[:height, :width], 32.0)
    one = rough[0::2, 0::2] + rough[1::2, 1::2]
    two = rough[0::2, 1::2] + rough[1::2, 0::2]
    size = (width // _BLOCK_PX, height // _BLOCK_PX)
    difference = np.asarray(cv2.resize(one - two, size, interpolation=cv2.INTER_AREA), np.float64)
    total = np.asarray(cv2.resize(one + two, size, interpolation=cv2.INTER_AREA), np.float64)
    clipped = np.asarray(
        cv2.resize(
            ((part[:height, :width] < 3) | (part[:height, :width] > 252)).astype(np.float32),
            size,
            interpolation=cv2.INTER_AREA,
        )
    )
    told = (total > 0.5) & (clipped < 0.1)
    number = int(told.sum())
    if number < _LEAST_BLOCKS:
        return None
    shares = difference[told] / total[told]
    return float(abs(shares.mean()) / (shares.std() / np.sqrt(number) + 1e-9))
