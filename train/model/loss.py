"""Loss: what a step of a training minimises, for a network or that network wrapped for data parallelism."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from corpus.sections import Training
from train.model.network import mixed_precision


class Outcome(NamedTuple):
    """What the network made of the crops of one step."""

    loss: Tensor
    """One number, to be differentiated."""
    logits: Tensor
    """N×classes, without the margin of the metric term."""
    altered: Tensor | None
    """Logits N of "this crop was manipulated"; None without `train.manipulation_head`."""


def training_loss(
    forward: nn.Module, crops: Tensor, labels: Tensor, manipulated: Tensor, settings: Training
) -> Outcome:
    """Return loss and logits of uint8 crops N×3×H×W with labels int64 N; `manipulated`: bool N.

    `forward` is called once, in mixed precision where the hardware has it, so that it may be a wrapper for data
    parallelism or a compiled network. `train.loss: cosine` has the margin of CosFace (Wang et al., CVPR 2018).
    """
    with mixed_precision(crops.device):
        if settings.manipulation_head:
            logits, altered = forward(crops, with_altered=True)
        else:
            logits, altered = forward(crops), None
    logits = logits.float()
    scores = logits
    if settings.loss == "cosine":
        scores = logits - settings.cosine_scale * settings.cosine_margin * nn.functional.one_hot(
            labels, logits.shape[1]
        )
    loss = nn.functional.cross_entropy(scores, labels, label_smoothing=settings.label_smoothing)
    if altered is not None:
        own = nn.functional.binary_cross_entropy_with_logits(altered.float(), manipulated.to(torch.float32))
        loss = loss + settings.manipulation_head_weight * own
    return Outcome(loss, logits, altered)
