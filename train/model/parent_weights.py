"""Parent weights: those of a network that knew fewer cameras, put into a new one by the names of the cameras.

All weights before the classifier are taken as they are. Of the classifier, and of its bias where it has one, a camera
that was known takes its row along, wherever its label stands now; the row of a new camera stays as it was drawn.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from train.model.network import CameraNetwork

_CLASSIFIER, _OPTIONAL = "classifier.", "manipulation."
"""Beginnings of the names of weights with a row for each camera, and of those that a network may lack."""


def misfit(network: CameraNetwork, weights: Mapping[str, Tensor], known: Sequence[str]) -> str | None:
    """Return why weights do not fit a network with other cameras, as the end of a sentence; None where they do.

    `network`: may be an outline without numbers. `known`: the cameras of the weights in the order of their labels.
    """
    own = network.state_dict()
    needed = {name for name in own if not name.startswith(_OPTIONAL)}
    given = {name for name in weights if not name.startswith(_OPTIONAL)}
    if needed != given:
        return f"its weights have other names, e.g. {min(needed ^ given)}"
    for name in sorted(own.keys() & weights.keys()):
        rows = name.startswith(_CLASSIFIER)
        wanted = (len(known), *own[name].shape[1:]) if rows else tuple(own[name].shape)
        if tuple(weights[name].shape) != wanted:
            return f"its {name} has the shape {tuple(weights[name].shape)}, not {wanted}"
    return None


@torch.no_grad()
def take_weights(
    network: CameraNetwork, weights: Mapping[str, Tensor], known: Sequence[str], cameras: Sequence[str]
) -> None:
    """Set a network's weights to these, which fit it (`misfit`); `known`, `cameras`: of the weights, of the network."""
    own = network.state_dict()
    labels = [(cameras.index(camera), label) for label, camera in enumerate(known) if camera in cameras]
    new, old = [label for label, _ in labels], [label for _, label in labels]
    for name, tensor in weights.items():
        if name.startswith(_CLASSIFIER):
            own[name][new] = tensor[old].to(own[name])
        elif name in own:
            own[name].copy_(tensor)
