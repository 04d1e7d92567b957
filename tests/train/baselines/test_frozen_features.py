"""Frozen features: the same numbers where they are fitted and where they are judged."""

import torch

from train.baselines.frozen_features import Frozen


def test_features_are_in_full_precision_also_where_networks_are_judged_in_mixed() -> None:
    torch.manual_seed(0)
    network = Frozen(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten()))
    crops = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    plain = network(crops)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(network(crops), plain)
