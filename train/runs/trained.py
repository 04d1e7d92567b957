"""Trained: the network of a finished run."""

import torch

from train.model.checkpoints import load_weights
from train.model.network import CameraNetwork, build_network
from train.runs.run import Run


def load_network(run: Run) -> tuple[CameraNetwork, torch.device]:
    """Return a finished run's network, ready to answer, and its device: the GPU where torch sees one.

    Raises StorageError where the run's weights are missing or do not fit its configuration.
    """
    config = run.config()
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    network = build_network(config.train, len(config.classes), fetch_weights=False)  # all weights come from the run
    weights = f"{run.directory}/weights.safetensors"
    load_weights(network, run.store.read(weights), f"{run.store.url}: {weights}")
    return network.to(device).eval(), device
