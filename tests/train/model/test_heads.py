"""Heads: the linear form of a classifier gives its logits."""

import pytest
import torch
from torch import nn

from train.model.heads import CosineClassifier, linear_form


@pytest.mark.parametrize("classifier", [nn.Linear(4, 3), CosineClassifier(4, 3, 16.0)])
def test_the_linear_form_gives_the_classifiers_logits_also_of_the_mean_over_crops(classifier: nn.Module) -> None:
    embeddings = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    weights, biases, is_normalised = linear_form(classifier)
    seen = nn.functional.normalize(embeddings) if is_normalised else embeddings
    with torch.no_grad():
        logits = classifier(embeddings)
    assert torch.allclose(seen @ weights.T + biases, logits, atol=1e-5)
    assert torch.allclose(seen.mean(dim=0) @ weights.T + biases, logits.mean(dim=0), atol=1e-5)


def test_a_classifier_that_is_not_linear_is_no_last_layer() -> None:
    with pytest.raises(TypeError, match="Sequential is no linear classifier"):
        linear_form(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
