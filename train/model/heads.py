"""Heads: what turns an embedding into logits of the cameras, and into that of "was this crop manipulated"."""

import torch
from torch import Tensor, nn

from corpus.sections import Training


class CosineClassifier(nn.Module):
    """Logits that are cosines of embedding and class, times a scale: embeddings of a class point in one direction.

    The margin of the metric term stands in the loss (`train.model.loss`), so that answers have none. CosFace: Wang et
    al., CVPR 2018.
    """

    def __init__(self, features: int, classes: int, scale: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, features))
        nn.init.xavier_normal_(self.weight)
        self.scale = scale

    def forward(self, embedding: Tensor) -> Tensor:
        """Turn embeddings N×features into logits N×classes."""
        cosines = nn.functional.linear(nn.functional.normalize(embedding), nn.functional.normalize(self.weight))
        return self.scale * cosines


def make_classifier(features: int, classes: int, settings: Training) -> nn.Module:
    """Return the classifier that `train.loss` needs."""
    if settings.loss == "cosine":
        return CosineClassifier(features, classes, settings.cosine_scale)
    classifier = nn.Linear(features, classes)
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return classifier


def linear_form(classifier: nn.Module) -> tuple[Tensor, Tensor, bool]:
    """Return weights K×D and biases K that give a classifier's logits, and whether embeddings have length 1 before."""
    if isinstance(classifier, CosineClassifier):
        weights = classifier.scale * nn.functional.normalize(classifier.weight)
        return weights.detach(), torch.zeros(len(weights), device=weights.device), True
    if not isinstance(classifier, nn.Linear):
        raise TypeError(f"{type(classifier).__name__} is no linear classifier")
    return classifier.weight.detach(), classifier.bias.detach(), False
