"""Plain training: trains any network on any sequence of samples, in this process and without a run's folder.

For baselines and experiments, which are trained by the loop of the runs and on their samples, so that only what they
try differs. Nothing is saved: a training that is stopped begins again.
"""

from collections.abc import Callable
from itertools import islice

import torch
from torch import nn

from corpus.sections import Training
from shards.order import batches_of
from train.data.loading import load
from train.data.samples import TrainingSamples
from train.fit.loop import seed_of, train_epochs
from train.model.checkpoints import Metrics, first_state
from train.model.network import CameraNetwork

_OF_CAMERA_NETWORKS = {"manipulation_head": False, "loss": "cross_entropy"}
"""Keys of heads that only they have, with what trains any network: logits alone, which are no cosines."""


def train_plainly(
    build: Callable[[], nn.Module],
    samples: TrainingSamples,
    device: torch.device,
    after_epoch: Callable[[Metrics], None] = lambda _: None,
) -> nn.Module:
    """Return the network of `build` after `train.epochs` on the samples: its running average, ready to answer.

    The settings are those of the samples, but for the heads of camera networks, which other networks do not have;
    initial weights are drawn from the seed.
    """
    settings: Training = samples.settings
    torch.manual_seed(seed_of(settings.seed))
    network = build().to(device)
    if not isinstance(network, CameraNetwork):
        settings = settings.model_copy(update=_OF_CAMERA_NETWORKS)
    state = first_state(network, settings)
    batches = batches_of(0, settings.batch, 0, 1)
    needed = settings.epochs * settings.steps_per_epoch * settings.accumulate
    train_epochs(
        state, settings, device, batches=load(samples, islice(batches, needed), settings.loaders),
        validate=lambda _: {}, after_epoch=after_epoch, generation=samples.index.generation,
    )  # fmt: skip
    return state.average.eval()
