"""Gamma: correction of uint8 values by a table, one for each crop of a batch."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def gamma_table(gamma: float) -> npt.NDArray[np.uint8]:
    """Return the 256 values that values v of 0..1 become when raised to the power of gamma, as uint8."""
    table: npt.NDArray[np.uint8] = np.rint((np.arange(256) / 255.0) ** gamma * 255.0).astype(np.uint8)
    return table


def correct_gamma(crops_nchw: Tensor, tables: Tensor) -> Tensor:
    """Return uint8 crops N×3×H×W, each corrected by its table, N×256; raises ValueError for another number of tables.

    Tables are those of `gamma_table`: powers are not the same to the bit on every device.
    """
    if len(tables) != len(crops_nchw):
        raise ValueError(f"{len(tables)} tables for {len(crops_nchw)} crops")
    first = 256 * torch.arange(len(tables), dtype=torch.int32, device=crops_nchw.device)
    return tables.flatten()[crops_nchw.to(torch.int32) + first[:, None, None, None]]
