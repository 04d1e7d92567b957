"""Majority: always the camera with the most training photographs, the score that no look at a picture is needed for."""

import numpy as np
import torch
from torch import Tensor, nn

from shards.index import Index


class Majority(nn.Module):
    """Answers every crop with the cameras' shares of the training photographs."""

    logits: Tensor

    def __init__(self, index: Index) -> None:
        super().__init__()
        rows = index.selection("train").all_photo_rows()
        counts = np.bincount(index.labels(rows), minlength=len(index.classes))
        shares = np.maximum(counts / max(len(rows), 1), 1e-6)
        self.register_buffer("logits", torch.from_numpy(np.log(shares)).float())

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Return the same logits for each crop, N×classes."""
        return self.logits.expand(len(crops_nchw), -1)
