"""Constrained CNN: the network of Bayar and Stamm (IEEE TIFS 13(11), 2018), whose first layer learns residuals.

Each filter of the first layer predicts the pixel at its centre from the others: the weight there is -1 and the others
sum to 1. The authors set the weights so after every step; here the constraint is part of the layer (the free weights
are projected onto it), so that any optimizer keeps it. Its last pooling is adaptive, so that crops of any size fit in.
"""

import torch
from torch import Tensor, nn

_FILTERS, _SIZE = 3, 5
_POOLED_PX = 2


class ConstrainedConvolution(nn.Module):
    """A convolution without bias, each filter of which sums to 0 with -1 at the centre of every colour."""

    def __init__(self, colours: int = 3, filters: int = _FILTERS, size: int = _SIZE) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.randn(filters, colours, size, size) / size)
        centre = torch.zeros(size, size)
        centre[size // 2, size // 2] = 1.0
        self.register_buffer("centre", centre, persistent=False)

    centre: Tensor

    def kernels(self) -> Tensor:
        """Return the filters: the nearest ones to the free weights that obey the constraint."""
        around = 1.0 - self.centre
        free = self.free * around
        missing = (1.0 - free.sum(dim=(2, 3), keepdim=True)) / around.sum()
        return free + missing * around - self.centre

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the residuals."""
        return nn.functional.conv2d(inputs, self.kernels())


class ConstrainedNetwork(nn.Module):
    """The authors' MISLnet for colour crops: uint8 N×3×H×W, at least 32 px → logits N×classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.residuals = ConstrainedConvolution()
        self.features = nn.Sequential(
            *_block(_FILTERS, 96, 7, 2), nn.MaxPool2d(3, 2, padding=1),
            *_block(96, 64, 5, 1), nn.MaxPool2d(3, 2, padding=1),
            *_block(64, 64, 5, 1), nn.MaxPool2d(3, 2, padding=1),
            *_block(64, 128, 1, 1), nn.AdaptiveAvgPool2d(_POOLED_PX), nn.Flatten(),
        )  # fmt: skip
        self.classifier = nn.Sequential(
            nn.Linear(128 * _POOLED_PX**2, 200), nn.Tanh(), nn.Linear(200, 200), nn.Tanh(), nn.Linear(200, classes)
        )

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Return the logits of uint8 crops."""
        with torch.autocast(crops_nchw.device.type, enabled=False):  # residuals of bytes are exact in float32 only
            residuals = self.residuals(crops_nchw.float() / 255.0)
        logits: Tensor = self.classifier(self.features(residuals))
        return logits


def _block(inputs: int, outputs: int, size: int, stride: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2), nn.BatchNorm2d(outputs), nn.Tanh()
