"""Gamma: correction of uint8 values by a table, one for each crop of a batch."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def gamma_table(gamma: float) -> npt.NDArray[np.uint8]:
    """Return the 256 values that values v of 0..1 become when raised to the power of gamma, as uint8."""
    table: npt.NDArray[np.uint8] = np.rint((np.arange(256) / 255.0) ** gamma * 255.0).astype(np.uint8)
    return table


def correct_gamma(crops_nchw: Tensor, gammas: list[float]) -> Tensor:
    """Return uint8 crops N×3×H×W, each corrected by its gamma; raises ValueError for another number of gammas."""
    if len(gammas) != len(crops_nchw):
        raise ValueError(f"{len(gammas)} gammas for {len(crops_nchw)} crops")
    if not gammas:
        return crops_nchw
    tables = torch.from_numpy(np.concatenate([gamma_table(gamma) for gamma in gammas])).to(crops_nchw.device)
    first = 256 * torch.arange(len(gammas), dtype=torch.int32, device=crops_nchw.device)
    return tables[crops_nchw.to(torch.int32) + first[:, None, None, None]]
