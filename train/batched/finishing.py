"""Finishing: crops of a batch made of the pixels of their windows, all of a kind at once, on any device.

The same crops as `train.data.crops.Finish` makes one after the other: to the bit, but for resized ones, in which a
value may differ by one level. No step asks the device for a number, so a GPU need not be waited for.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from train.batched.bicubic import resize
from train.batched.gamma import correct_gamma
from train.batched.jpeg import compress
from train.batched.windows import cut, turned


class Finishes(NamedTuple):
    """What becomes of each window of a batch, in numbers."""

    crop_px: int
    """Edge of the crops."""
    coded_px: int
    """Longest edge of a window that is compressed; 0 where none is."""
    any_turned: bool
    """Whether a crop is turned or mirrored."""
    windows: Tensor
    """int64 N×7: first pixel, height and width of the window; top and left of the crop in the manipulated window; turns
    by 90° to the left; 1 where it is mirrored after that."""
    corrected: Tensor
    """int64 G: which crops of the batch are corrected by a gamma."""
    tables: Tensor
    """uint8 G×256: the tables of these gammas."""
    compressed: Tensor
    """int64 J×2: which are compressed, and their quality factors."""
    resized: Tensor
    """int64 S×3: which are resized; height and width of their resized windows."""

    def to(self, device: torch.device) -> "Finishes":
        """Return the same on a device, where that is a GPU without waiting for it."""
        told = (self.windows, self.corrected, self.tables, self.compressed, self.resized)
        return Finishes(*self[:3], *(each.to(device, non_blocking=True) for each in told))


def finish(pixels: Tensor, finishes: Finishes) -> Tensor:
    """Return uint8 crops N×3×crop_px×crop_px, channels last in memory, of windows as `train.batched.windows` has them.

    `pixels`: uint8 P×3, on the device of the finishes.
    """
    edge_px = finishes.crop_px
    windows, starts, ways = finishes.windows[:, :3], finishes.windows[:, 3:5], finishes.windows[:, 5:]
    crops = cut(pixels, windows, starts, edge_px, edge_px)
    if len(which := finishes.corrected):
        crops.index_copy_(0, which, correct_gamma(crops.index_select(0, which), finishes.tables))
    if len(finishes.compressed):
        which, quality_factors = finishes.compressed.unbind(1)
        own, longest_px = windows.index_select(0, which), finishes.coded_px
        whole = cut(pixels, own, torch.zeros_like(own[:, 1:]), longest_px, longest_px)
        whole = compress(whole, quality_factors, own[:, 1:])
        crops.index_copy_(0, which, _inside(whole, starts.index_select(0, which), edge_px))
    if len(finishes.resized):
        which, sizes = finishes.resized[:, 0], finishes.resized[:, 1:]
        own, begins = windows.index_select(0, which), starts.index_select(0, which)
        crops.index_copy_(0, which, resize(pixels, own, sizes, begins, edge_px, edge_px))
    return turned(crops, ways[:, 0], ways[:, 1] > 0) if finishes.any_turned else crops


def _inside(pictures: Tensor, starts: Tensor, edge_px: int) -> Tensor:
    """Return squares of equal pictures N×3×H×W that begin at `starts`, N×2."""
    rows, columns = (starts[:, axis, None] + torch.arange(edge_px, device=starts.device) for axis in (0, 1))
    every = torch.arange(len(pictures), device=starts.device)
    return pictures.permute(0, 2, 3, 1)[every[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
