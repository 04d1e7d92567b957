"""Fine-tuning: which stages of a network learn in an epoch, and how fast each stage does.

Stages are numbered from the input: 0 is the stem, then come timm's blocks or stages, the last one is the classifier.
The first `train.frozen_stages` of them are frozen when a training begins. Every `train.unfreeze_every_epochs` one of
these is unfrozen, the one nearest the classifier first (stage-wise unfreezing). In a frozen stage neither the weights
nor the running statistics of batch norms change.
"""

import re

from torch import nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from train.model.network import CameraNetwork


def stages_of(network: CameraNetwork) -> dict[str, int]:
    """Return the number of the stage of each parameter that can learn, by the parameter's name."""
    names = [name for name, _ in network.named_parameters() if name not in network.unreached]
    of_body = _stages_of_body(network.body)
    last = 1 + max(of_body.values(), default=-1)
    return {name: of_body.get(name.removeprefix("body."), last) for name in names}


def frozen_in(epoch: int, settings: Training) -> int:
    """Return how many stages, from the input on, are frozen in an epoch; epochs count from 0."""
    unfrozen = epoch // settings.unfreeze_every_epochs if settings.unfreeze_every_epochs else 0
    return max(0, settings.frozen_stages - unfrozen)


def prepare_epoch(network: CameraNetwork, epoch: int, settings: Training) -> bool:
    """Freeze the stages that are frozen in an epoch and unfreeze all others.

    Call it after `network.train()`, which would set the batch norms of frozen stages to learn, and before the epoch's
    first step. Returns whether the set of parameters that learn has changed. If it has, a wrapper for data parallelism
    must be made anew, because it exchanges the gradients of the parameters that learned when it was made.
    """
    if not settings.frozen_stages:
        return False
    frozen, parameters, changed = frozen_in(epoch, settings), dict(network.named_parameters()), False
    for name, stage in stages_of(network).items():
        learns, parameter = stage >= frozen, parameters[name]
        changed = changed or parameter.requires_grad != learns
        parameter.requires_grad_(learns)
        if not learns:
            parameter.grad = None
    for module in network.body.modules():
        own = list(module.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()
    return changed


def rate_factors(network: CameraNetwork, settings: Training) -> dict[str, float]:
    """Return the share of the learning rate that each parameter gets: `train.rate_by_depth` for each stage below."""
    stages = stages_of(network)
    last = max(stages.values())
    return {name: settings.rate_by_depth ** (last - stage) for name, stage in stages.items()}


def check_stages(network: CameraNetwork, settings: Training) -> None:
    """Raise ConfigurationError where `train.frozen_stages` is more than the stages before the classifier."""
    stages = max(stages_of(network).values())
    if settings.frozen_stages > stages:
        raise ConfigurationError(
            f"train.frozen_stages: {settings.frozen_stages} is more than the {stages} stages that "
            f"{settings.network!r} has before its classifier; set it to {stages} or less"
        )


def _stages_of_body(body: nn.Module) -> dict[str, int]:
    """Return timm's own grouping of a network's parameters; where it has none, one stage for each of its parts."""
    from timm.models import group_parameters

    matcher = getattr(body, "group_matcher", None)
    try:
        if matcher is None:
            raise NotImplementedError
        return {name: int(stage) for name, stage in group_parameters(body, matcher(coarse=True), reverse=True).items()}
    except (NotImplementedError, AssertionError, TypeError, re.error):
        parts = list(dict.fromkeys(name.split(".")[0] for name, _ in body.named_parameters()))
        return {name: parts.index(name.split(".")[0]) for name, _ in body.named_parameters()}
