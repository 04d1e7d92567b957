"""Bicubic: resizing of a batch of crops by OpenCV's arithmetic (INTER_CUBIC of uint8), on any device.

Keys' kernel with a = -0.75 at the scale of the input, in 11-bit fixed point along each axis; edges are repeated.
OpenCV's vector code rounds elsewhere, dependent on the machine it runs on: on x86-64, OpenCV 5.0 gives the next level
in up to 5 % of the values of noise, and never another one.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_A = np.float32(-0.75)
_UNIT = 2048
_TAPS = 4


def resize(crops_nchw: Tensor, scale: float) -> Tensor:
    """Return uint8 crops N×3×H×W resized by a factor; sizes round to whole pixels, at least one."""
    result = crops_nchw.to(torch.int32)
    for axis in (-1, -2):
        size_px = result.shape[axis]
        taps, weights = _taps(size_px, max(1, round(size_px * scale)))
        places = torch.from_numpy(taps).to(result.device)
        shape = (-1, 1) if axis == -2 else (-1,)
        parts = [
            result.index_select(axis, places[tap]) * torch.from_numpy(weights[tap]).to(result.device).view(shape)
            for tap in range(_TAPS)
        ]
        result = (parts[0] + parts[1]) + (parts[2] + parts[3])
    return ((result + (1 << 21)) >> 22).clamp_(0, 255).to(torch.uint8)  # below 2^31: 255 · 2048² · 1.41


def _taps(size_px: int, wanted_px: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Return for each pixel of `wanted_px` the places of its four inputs and their weights: 4 × wanted_px each."""
    at = ((np.arange(wanted_px) + 0.5) * (1.0 / (wanted_px / size_px)) - 0.5).astype(np.float32)
    first = np.floor(at)
    x, one = at - first, np.float32(1)
    before = ((_A * (x + one) - 5 * _A) * (x + one) + 8 * _A) * (x + one) - 4 * _A
    left = ((_A + 2) * x - (_A + 3)) * x * x + one
    right = ((_A + 2) * (one - x) - (_A + 3)) * (one - x) * (one - x) + one
    weights = np.stack((before, left, right, one - before - left - right))
    places = np.clip(first.astype(np.int64) + np.arange(-1, 3)[:, None], 0, size_px - 1)
    return places, np.rint(weights * _UNIT).astype(np.int32)
