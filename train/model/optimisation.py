"""Optimisation: the optimizer, the learning rate of each step and the running average of the weights.

The learning rate and the average's decay are functions of the step's number, so a resumed run needs nothing but the
tensors and that number.
"""

import math

import torch
from torch import Tensor, nn

from corpus.sections import Training

_FINAL_SHARE = 0.01  # of the learning rate, left at the last step
_WARM_UP_SHARE = 0.25  # of all steps, at most: short runs must not spend themselves warming up


def make_optimizer(network: nn.Module, settings: Training) -> torch.optim.AdamW:
    """Return AdamW over the network's parameters, without weight decay for biases and norms (one dimension)."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.learning_rate)


def learning_rate(step: int, settings: Training) -> float:
    """Return the rate of a step, counted from 0 over all epochs: a linear warm-up, then half a cosine down to 1 %.

    The warm-up takes `train.warm_up_steps`, but at most a quarter of all steps.
    """
    steps = settings.epochs * settings.steps_per_epoch
    warm_up = min(settings.warm_up_steps, int(steps * _WARM_UP_SHARE))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return settings.learning_rate * (_FINAL_SHARE + (1 - _FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, step: int, decay: float) -> None:
    """Move the running average of weights and buffers towards the network's; integer buffers are copied.

    The decay grows with the step as (1 + step) / (10 + step) up to `decay`, so that the initial weights are forgotten.
    """
    decay = min(decay, (1 + step) / (10 + step))
    own, new = _state(average), _state(network)
    floating = [name for name, tensor in own.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([own[name] for name in floating], [new[name] for name in floating], 1.0 - decay)
    for name, tensor in own.items():
        if not tensor.is_floating_point():
            tensor.copy_(new[name])


def _state(module: nn.Module) -> dict[str, Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())
