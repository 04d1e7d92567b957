"""Pooling: turns a timm network's last features into one embedding for each crop.

`mean` is the network's own pooling and whatever its head does before the classifier. `mean_std` takes mean and standard
deviation over the last feature map, or over the tokens of a transformer: traces of a camera are textures, and a
texture is told by how its responses scatter as well as by their mean. Refuses networks whose features are neither.
"""

from typing import Any

import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training

_LEAST_VARIANCE = 1e-5  # keeps the gradient of the square root finite where a feature is the same everywhere


class MeanPooling(nn.Module):
    """The pooling that the network was designed with, up to its classifier."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.features = int(getattr(body, "head_hidden_size", None) or body.num_features)  # type: ignore[arg-type]

    def forward(self, body: Any, features: Tensor) -> Tensor:
        """Turn the features of a network's `forward_features` into embeddings N×features, float32."""
        pooled: Tensor = body.forward_head(features, pre_logits=True)
        return pooled.float()


class MeanStdPooling(nn.Module):
    """Mean and standard deviation of each feature over all places, N×2·channels, as statistics pooling has them.

    Statistics pooling: Snyder et al., "X-vectors", ICASSP 2018. Where the network's own head normalises what it has
    pooled, as ConvNeXt's does, the embedding is normalised, too.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.features = 2 * int(body.num_features)  # type: ignore[arg-type]
        normalises = any(isinstance(module, nn.LayerNorm) for module in _head(body).modules())
        self.norm = nn.LayerNorm(self.features) if normalises else nn.Identity()

    def forward(self, body: Any, features: Tensor) -> Tensor:
        """Turn the features of a network's `forward_features` into embeddings N×2·channels, float32."""
        with torch.autocast(features.device.type, enabled=False):  # a variance in bfloat16 would be noise
            places = as_places(body, features).float()
            variance, mean = torch.var_mean(places, dim=1, correction=0)
            pooled: Tensor = self.norm(torch.cat([mean, torch.sqrt(variance + _LEAST_VARIANCE)], dim=1))
        return pooled


def make_pooling(body: nn.Module, settings: Training) -> MeanPooling | MeanStdPooling:
    """Return the pooling of `train.pooling` for a network."""
    return MeanPooling(body) if settings.pooling == "mean" else MeanStdPooling(body)


def as_places(body: Any, features: Tensor) -> Tensor:
    """Return features as N × places × channels, whichever of the three layouts of timm's networks they have.

    Tokens that stand for no place (class token, registers) are left out. Raises ConfigurationError for other features.
    """
    if isinstance(features, Tensor) and features.ndim == 4:
        channels_last = features if getattr(body, "output_fmt", "NCHW") == "NHWC" else features.permute(0, 2, 3, 1)
        return channels_last.flatten(1, 2)
    if isinstance(features, Tensor) and features.ndim == 3:
        return features[:, int(getattr(body, "num_prefix_tokens", 0)) :]
    raise ConfigurationError(
        "train.pooling: mean_std needs a feature map or tokens, and this network has neither; set it to mean, or "
        "choose another network"
    )


def drop_unreached(body: nn.Module, example: Tensor) -> list[str]:
    """Replace the parts of a network that `forward_features` never reaches, its own head, by nothing.

    Single parameters that it does not reach are frozen for good; returns their names. `example`: an input of one crop.
    Without gradients they would stop data-parallel training, and VGG's head alone has 120 million weights.
    """
    with torch.enable_grad():
        features = body.forward_features(example)  # type: ignore[operator]
        if not isinstance(features, Tensor):
            return []  # `as_places` refuses it
        weights = [weight for weight in body.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(features.sum(), weights, allow_unused=True)
    reached = {id(weight) for weight, gradient in zip(weights, gradients, strict=True) if gradient is not None}
    for name, part in list(body.named_children()):
        own = list(part.parameters())
        if own and not any(id(weight) in reached for weight in own):
            setattr(body, name, nn.Identity())
    unreached = [(name, weight) for name, weight in body.named_parameters() if id(weight) not in reached]
    for _, weight in unreached:
        weight.requires_grad_(False)
    return [name for name, _ in unreached]


def _head(body: nn.Module) -> nn.Module:
    head = getattr(body, "head", None)
    return head if isinstance(head, nn.Module) else nn.Identity()
