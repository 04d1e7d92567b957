"""Constrained CNN: its first layer keeps the constraint while it learns, and it takes crops of any size."""

import torch

from train.baselines.constrained_cnn import ConstrainedConvolution, ConstrainedNetwork


def test_each_filter_predicts_its_centre_from_the_rest_before_and_after_a_step() -> None:
    torch.manual_seed(0)
    layer = ConstrainedConvolution()
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    for _ in range(2):
        kernels = layer.kernels()
        assert (kernels[:, :, 2, 2] == -1).all()
        assert torch.allclose(kernels.sum(dim=(2, 3)), torch.zeros(3, 3), atol=1e-5)
        before = kernels.detach().clone()
        layer(torch.rand(2, 3, 16, 16)).pow(2).mean().backward()
        optimizer.step()
        assert not torch.equal(layer.kernels(), before)


def test_a_plain_crop_leaves_no_residual() -> None:
    assert ConstrainedConvolution()(torch.full((1, 3, 9, 9), 0.7)).abs().max() < 1e-5


def test_crops_of_any_size_are_answered() -> None:
    network = ConstrainedNetwork(4).eval()
    for edge_px in (32, 50):
        assert network(torch.zeros(2, 3, edge_px, edge_px, dtype=torch.uint8)).shape == (2, 4)
