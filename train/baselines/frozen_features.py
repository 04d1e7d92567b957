"""Frozen features: a network with published weights that is not trained at all, and a random forest on its features.

This is how the Keras attempt of 2018 began: features that were learned to name objects, reduced to principal
components. Weights come from `train.weights`, a local file, or from the Hugging Face Hub; where neither can be had,
ConfigurationError says so.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.baselines.on_features import OnFeatures, described_by, forest_on_components
from train.model.body import make_body

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, where a network does not say


class Frozen(nn.Module):
    """The mean over the last feature map: uint8 crops N×3×H×W → float N×features."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body.eval().requires_grad_(False)
        told = getattr(body, "pretrained_cfg", {}) or {}
        for name, values in (("mean", told.get("mean", _MEAN)), ("deviation", told.get("std", _DEVIATION))):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Return the features of the crops, in float32, so that they are the same when they are fitted and judged."""
        with torch.autocast(crops_nchw.device.type, enabled=False):
            features: Tensor = self.body((crops_nchw.float() / 255.0 - self.mean) / self.deviation)
        return features


def frozen_features(
    store: Store, index: Index, settings: Training, samples: int, backbone: str, device: torch.device
) -> nn.Module:
    """Return a random forest on the features that `backbone`, a timm model, has of `samples` training crops."""
    changes = {"network": backbone, "pretrained": settings.weights is None}
    network = Frozen(make_body(settings.model_copy(update=changes), 3, None, True)).to(device)
    features, labels = described_by(network, device, store, index, settings, samples)
    classify = forest_on_components(features, labels, len(index.classes), settings)

    def extract(crops_nchw: Tensor) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            features: npt.NDArray[np.float32] = network(crops_nchw.to(device)).float().cpu().numpy()
        return features

    return OnFeatures(extract, classify)
