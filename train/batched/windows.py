"""Windows: parts of photographs of any sizes in one tensor, and batches of equal pictures cut out of them.

A batch of windows is one tensor of pixels, uint8 P×3, RGB, in which they lie one after the other, row by row, and one
of places, int64 N×3: the first pixel, the height and the width of each. So no byte is spent on making windows of
different sizes equal.
"""

import torch
from torch import Tensor


def cut(pixels: Tensor, windows: Tensor, starts: Tensor, height_px: int, width_px: int) -> Tensor:
    """Return uint8 pictures N×3×H×W, channels last in memory, that begin at `starts` in their windows.

    `starts`: N×2, top and left. Beyond a window's last row and column these are repeated.
    """
    rows = starts[:, :1] + torch.arange(height_px, device=pixels.device)
    columns = starts[:, 1:] + torch.arange(width_px, device=pixels.device)
    return at(pixels, *lines(windows, rows, columns)).permute(0, 3, 1, 2)


def lines(windows: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Return where rows, …×N×H, of windows begin in their pixels, and where columns, …×N×W, are in these rows.

    For a place outside its window the nearest one inside counts.
    """
    first, height_px, width_px = windows[:, :1], windows[:, 1:2], windows[:, 2:]
    rows = torch.minimum(rows.clamp(min=0), height_px - 1)
    return first + rows * width_px, torch.minimum(columns.clamp(min=0), width_px - 1)


def at(pixels: Tensor, begins: Tensor, columns: Tensor) -> Tensor:
    """Return uint8 pictures N×H×W×3 of rows that begin at `begins`, N×H, and their columns, N×W."""
    places = begins[:, :, None] + columns[:, None, :]
    return pixels.index_select(0, places.flatten()).view(*places.shape, 3)


def turned(crops: Tensor, turns: Tensor, mirrored: Tensor) -> Tensor:
    """Return square crops N×3×H×H, each turned to the left by its number of 90°, then mirrored from left to right.

    `turns`: N numbers of 0 to 3. `mirrored`: N truths.
    """
    turns, mirrored = turns[:, None, None, None], mirrored[:, None, None, None]
    crops = torch.where(turns % 2 == 1, crops.transpose(-1, -2), crops)
    crops = torch.where((turns == 1) | (turns == 2), crops.flip(-2), crops)
    crops = torch.where((turns >= 2) ^ mirrored, crops.flip(-1), crops)
    return crops.contiguous(memory_format=torch.channels_last)
