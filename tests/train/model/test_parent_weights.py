"""Parent weights: rows of a classifier go by the names of the cameras; all other weights stay what they were."""

import re
from collections.abc import Callable

import pytest
import torch

from corpus.sections import Training
from train.model.network import build_network, outline_network
from train.model.parent_weights import misfit, take_weights

KNOWN = ("b", "a")
CAMERAS = ("a", "c", "b", "d")


@pytest.mark.parametrize("changes", [{}, {"loss": "cosine"}, {"manipulation_head": True}])
def test_each_camera_takes_its_row_along_and_new_ones_keep_what_was_drawn(
    settings: Callable[..., Training], changes: dict[str, object]
) -> None:
    torch.manual_seed(1)
    weights = {name: tensor.clone() for name, tensor in build_network(settings(**changes), 2).state_dict().items()}
    torch.manual_seed(2)
    network = build_network(settings(**changes), 4)
    drawn = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert misfit(network, weights, KNOWN) is None
    take_weights(network, weights, KNOWN, CAMERAS)
    for name, tensor in network.state_dict().items():
        if name.startswith("classifier."):
            assert torch.equal(tensor[[2, 0]], weights[name])
            assert torch.equal(tensor[[1, 3]], drawn[name][[1, 3]])
        else:
            assert torch.equal(tensor, weights[name])


def test_a_head_for_manipulations_may_be_new_and_may_be_left_behind(settings: Callable[..., Training]) -> None:
    plain, with_head = settings(), settings(manipulation_head=True)
    for before, now in ((plain, with_head), (with_head, plain)):
        weights = dict(build_network(before, 2).state_dict())
        network = build_network(now, 2)
        assert misfit(network, weights, KNOWN) is None
        take_weights(network, weights, KNOWN, KNOWN)
        assert torch.equal(network.state_dict()["classifier.weight"], weights["classifier.weight"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"network": "shutter_small"}, "has the shape"),
        ({"front": "both"}, "has the shape"),
        ({"loss": "cosine"}, r"have other names, e\.g\. classifier\.bias"),
    ],
)
def test_weights_of_another_network_are_told(
    settings: Callable[..., Training], changes: dict[str, object], told: str
) -> None:
    weights = dict(build_network(settings(**changes), 2).state_dict())
    fault = misfit(outline_network(settings(), 4), weights, KNOWN)
    assert fault is not None
    assert re.search(told, fault)


def test_weights_with_another_number_of_cameras_than_they_say_are_told(settings: Callable[..., Training]) -> None:
    weights = dict(build_network(settings(), 3).state_dict())
    assert "classifier" in str(misfit(outline_network(settings(), 4), weights, KNOWN))
