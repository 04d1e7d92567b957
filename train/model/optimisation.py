"""Optimisation: the optimizer, the learning rate of each step and the running average of the weights.

The learning rate and the average's decay are functions of the step's number, so a resumed run needs nothing but the
tensors and that number.
"""

import math

import torch
from torch import Tensor, nn

from corpus.sections import Training
from train.model.fine_tuning import rate_factors
from train.model.network import CameraNetwork

_FINAL_SHARE = 0.01  # of the learning rate, left at the last step
_MOMENTUM = 0.9
_WARM_UP_SHARE = 0.25  # of all steps, at most: short runs must not spend themselves warming up


def make_optimizer(network: nn.Module, settings: Training) -> torch.optim.Optimizer:
    """Return the optimizer of `train.optimizer` over the network's parameters, those that are frozen included.

    Biases and norms (one dimension) do not decay. Each group has its `factor` of the learning rate
    (`train.rate_by_depth`), for `set_rate`. SGD has Nesterov's momentum of 0.9.
    """
    factors: dict[str, float] = {}
    unreached: frozenset[str] = frozenset()
    if isinstance(network, CameraNetwork):
        unreached = network.unreached
        factors = rate_factors(network, settings) if settings.rate_by_depth < 1 else {}
    members: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if name not in unreached:
            members.setdefault((factors.get(name, 1.0), parameter.ndim > 1), []).append(parameter)
    groups = [
        {"params": members[factor, decays], "weight_decay": settings.weight_decay * decays, "factor": factor}
        for factor, decays in sorted(members, reverse=True)
    ]
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=settings.learning_rate)
        case "adam":
            return torch.optim.Adam(groups, lr=settings.learning_rate)
        case "sgd":
            return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=_MOMENTUM, nesterov=True)


def learning_rate(step: int, settings: Training) -> float:
    """Return the rate of a step, counted from 0 over all epochs.

    `cosine`: a linear warm-up, then half a cosine down to 1 % (Loshchilov and Hutter, ICLR 2017). `constant`: the
    warm-up alone. `cyclic`: `train.cycles` triangles from 1 % to the whole rate and back (Smith, WACV 2017), which are
    a warm-up themselves. The warm-up takes `train.warm_up_steps`, but at most a quarter of all steps.
    """
    steps = settings.epochs * settings.steps_per_epoch
    if settings.schedule == "cyclic":
        place = (step + 0.5) * settings.cycles / steps % 1.0
        return settings.learning_rate * (_FINAL_SHARE + (1 - _FINAL_SHARE) * (1 - abs(2 * place - 1)))
    warm_up = min(settings.warm_up_steps, int(steps * _WARM_UP_SHARE))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / warm_up
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = (step - warm_up) / max(1, steps - warm_up)
    return settings.learning_rate * (_FINAL_SHARE + (1 - _FINAL_SHARE) * (1 + math.cos(math.pi * progress)) / 2)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups of an optimizer, each by its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


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
