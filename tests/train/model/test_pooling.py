"""Pooling: mean and standard deviation over all places of a feature map, or over the tokens of a transformer."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.network import build_network
from train.model.pooling import MeanStdPooling, as_places

Settings = Callable[..., Training]
CROPS = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Body(nn.Module):
    """What pooling asks of a network of timm."""

    def __init__(self, channels: int, output_fmt: str = "NCHW", num_prefix_tokens: int = 0) -> None:
        super().__init__()
        self.num_features, self.output_fmt, self.num_prefix_tokens = channels, output_fmt, num_prefix_tokens


def test_an_embedding_is_mean_and_standard_deviation_of_each_feature() -> None:
    features = torch.randn(2, 5, 3, 4)
    body = Body(5)
    pooling = MeanStdPooling(body)
    assert pooling.features == 10
    flat = features.numpy().reshape(2, 5, 12)
    expected = np.concatenate([flat.mean(axis=2), flat.std(axis=2)], axis=1)
    np.testing.assert_allclose(pooling(body, features).numpy(), expected, atol=1e-4)


def test_features_in_any_layout_of_timm_are_places() -> None:
    features = torch.randn(2, 5, 3, 4)
    places = as_places(Body(5), features)
    assert torch.equal(as_places(Body(5, "NHWC"), features.permute(0, 2, 3, 1)), places)
    tokens = torch.cat([torch.full((2, 1, 5), 9.0), places], dim=1)  # the first one stands for no place
    assert torch.equal(as_places(Body(5, num_prefix_tokens=1), tokens), places)
    with pytest.raises(ConfigurationError, match=r"train\.pooling: mean_std needs a feature map or tokens"):
        as_places(Body(5), torch.randn(2, 5))


def test_a_feature_that_is_the_same_everywhere_has_a_finite_gradient() -> None:
    features = torch.ones(1, 2, 3, 3, requires_grad=True)
    MeanStdPooling(Body(2))(Body(2), features).sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@pytest.mark.parametrize(("pooling", "features"), [("mean", 128), ("mean_std", 256)])
def test_a_network_has_the_embedding_of_its_pooling(settings: Settings, pooling: str, features: int) -> None:
    network = build_network(settings(pooling=pooling), 3)
    embedding = network.embed(CROPS)
    assert embedding.shape == (2, network.features) == (2, features)
    assert torch.equal(network.classify(embedding), network(CROPS))


def test_every_parameter_that_is_left_learns_but_those_named_as_unreached(settings: Settings) -> None:
    network = build_network(settings(network="convnext_atto"), 3)
    network(CROPS).sum().backward()
    without = {name for name, parameter in network.named_parameters() if parameter.grad is None}
    assert without == network.unreached
