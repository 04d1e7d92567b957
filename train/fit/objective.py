"""Objective: the network and its loss as one module, so that data parallelism and compilation see the whole of it."""

import torch
from torch import Tensor, nn

from corpus.sections import Training
from train.model.network import mixed_precision


class Objective(nn.Module):
    """Crops and what is known of them → their loss, a scalar, and how many of their cameras were the likeliest ones."""

    def __init__(self, network: nn.Module, settings: Training) -> None:
        super().__init__()
        self.network = network
        self.label_smoothing = settings.label_smoothing

    def forward(self, crops: Tensor, labels: Tensor, manipulated: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of a batch and the number of its crops that were judged right; both stay on the device."""
        with mixed_precision(crops.device):
            logits = self.network(crops)
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=self.label_smoothing)
        with torch.no_grad():
            right = (logits.argmax(1) == labels).sum()
        return loss, right
