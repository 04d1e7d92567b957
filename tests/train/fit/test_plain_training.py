"""Plain training: of networks that have none of a camera network's heads."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.data.samples import TrainingSamples
from train.fit.plain_training import train_plainly
from train.model.network import CameraNetwork, build_network


class Foreign(nn.Module):
    """A network of three classes that is no camera network."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(3, 3)

    def forward(self, crops: Tensor) -> Tensor:
        logits: Tensor = self.classifier(crops.float().std(dim=(2, 3)) / 16)
        return logits


def test_keys_of_heads_change_nothing_for_a_network_without_them(
    filled: Store, settings: Callable[..., Training]
) -> None:
    def weights(**changes: object) -> Tensor:
        few = settings(epochs=1, steps_per_epoch=2, **changes)
        samples = TrainingSamples(filled, read_index(filled, "0001-abcdef"), few)
        trained = train_plainly(Foreign, samples, torch.device("cpu"))
        return next(iter(trained.parameters()))

    assert torch.equal(weights(manipulation_head=True, loss="cosine"), weights())
    assert not torch.equal(weights(learning_rate=0.1), weights())


def test_a_camera_network_keeps_its_heads(filled: Store, settings: Callable[..., Training]) -> None:
    few = settings(epochs=1, steps_per_epoch=2, manipulation_head=True, average_decay=0.0)
    samples = TrainingSamples(filled, read_index(filled, "0001-abcdef"), few)
    built: list[CameraNetwork] = []

    def build() -> CameraNetwork:
        built.append(build_network(few, 3))
        return built[0]

    train_plainly(build, samples, torch.device("cpu"))
    assert built[0].manipulation is not None
    assert built[0].manipulation.weight.grad is not None
