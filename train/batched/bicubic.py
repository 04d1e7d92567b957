"""Bicubic: resizing of a batch of windows by OpenCV's arithmetic (INTER_CUBIC of uint8), on any device.

Keys' kernel with a = -0.75 at the scale of the input, in 11-bit fixed point along each axis; edges are repeated.
OpenCV's vector code rounds elsewhere, dependent on the machine it runs on: on x86-64, OpenCV 5.0 gives the next level
in up to 5 % of the values of noise, and never another one.
"""

import torch
from torch import Tensor

from train.batched.windows import at, lines

_A = -0.75
_UNIT = 2048
_TAPS = 4


def resize(pixels: Tensor, windows: Tensor, sizes: Tensor, starts: Tensor, height_px: int, width_px: int) -> Tensor:
    """Return parts N×3×H×W of resized windows, uint8, channels last in memory.

    `pixels`, `windows`: as in `train.batched.windows`. `sizes`: int64 N×2, height and width of each window when it is
    resized, each of its own. `starts`: N×2, top and left of each part in its resized window. Only the part is computed.
    """
    rows, down = _taps(windows[:, 1], sizes[:, 0], starts[:, 0], height_px)
    columns, across = _taps(windows[:, 2], sizes[:, 1], starts[:, 1], width_px)
    begins, columns = lines(windows, rows, columns)
    total = torch.full((len(windows), height_px, width_px, 3), 1 << 21, dtype=torch.int32, device=pixels.device)
    for begin, weight in zip(begins, down, strict=True):
        line = torch.zeros_like(total)
        for column, each in zip(columns, across, strict=True):
            line += at(pixels, begin, column).to(torch.int32).mul_(each[:, None, :, None])
        total += line.mul_(weight[:, :, None, None])
    return (total >> 22).clamp_(0, 255).to(torch.uint8).permute(0, 3, 1, 2)  # below 2^31: 255 · 2048² · 1.41


def _taps(sizes_px: Tensor, wanted_px: Tensor, starts: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the places of the four inputs of each of `count` pixels from `starts` on, and their weights: 4×N×count."""
    pixels = starts[:, None] + torch.arange(count, device=starts.device)
    step = 1.0 / (wanted_px.to(torch.float64) / sizes_px)
    place = ((pixels + 0.5) * step[:, None] - 0.5).to(torch.float32)
    first = place.floor()
    x, rest = place - first, 1 - (place - first)
    before = ((_A * (x + 1) - 5 * _A) * (x + 1) + 8 * _A) * (x + 1) - 4 * _A
    left = ((_A + 2) * x - (_A + 3)) * x * x + 1
    right = ((_A + 2) * rest - (_A + 3)) * rest * rest + 1
    weights = torch.stack((before, left, right, 1 - before - left - right))
    places = first.to(torch.int64) + torch.arange(-1, _TAPS - 1, device=starts.device)[:, None, None]
    return places, (weights * _UNIT).round_().to(torch.int32)
