"""Heads and losses: linear forms, cosines with a margin, smoothed labels, and whether a crop was manipulated."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from corpus.sections import Training
from train.model.heads import CosineClassifier, linear_form, make_classifier
from train.model.loss import training_loss
from train.model.network import build_network

Settings = Callable[..., Training]
LABELS, MANIPULATED = torch.tensor([0, 1]), torch.tensor([True, False])
CROPS = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)


class Fixed(nn.Module):
    """A network that gives the same logits for any crops."""

    def __init__(self, logits: list[list[float]], altered: list[float]) -> None:
        super().__init__()
        self.logits, self.told = torch.tensor(logits), torch.tensor(altered)

    def forward(self, crops: Tensor, with_altered: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        return (self.logits, self.told) if with_altered else self.logits


def loss_of(settings: Training, logits: list[list[float]], altered: tuple[float, float] = (0.0, 0.0)) -> float:
    network = Fixed(logits, list(altered))
    return float(training_loss(network, CROPS, LABELS, MANIPULATED, settings).loss)


def test_cosines_do_not_depend_on_the_length_of_an_embedding(settings: Settings) -> None:
    head = make_classifier(8, 3, settings(loss="cosine", cosine_scale=4.0))
    embeddings = torch.randn(5, 8)
    assert head(embeddings).abs().max() <= 4.0
    torch.testing.assert_close(head(embeddings), head(100 * embeddings))
    with torch.no_grad():
        head.weight[1] = -3 * embeddings[0]
        assert float(head(embeddings)[0, 1]) == pytest.approx(-4.0)


def test_the_margin_is_taken_off_the_right_camera_in_the_loss_alone(settings: Settings) -> None:
    plain = {"label_smoothing": 0.0, "cosine_scale": 4.0, "cosine_margin": 0.5}
    logits = [[3.0, 1.0], [0.0, 2.0]]
    assert loss_of(settings(**plain), logits) == pytest.approx(math.log(1 + math.exp(-2)))
    with_margin = settings(**plain, loss="cosine")
    assert loss_of(with_margin, logits) == pytest.approx(math.log(1 + math.exp(0)))  # 2 less the margin of 4 × 0.5
    outcome = training_loss(Fixed(logits, []), CROPS, LABELS, MANIPULATED, with_margin)
    assert outcome.logits.tolist() == logits


def test_smoothed_labels_give_every_camera_a_share(settings: Settings) -> None:
    right, wrong = (-math.log(1 / (1 + math.exp(sign * 2))) for sign in (-1, 1))
    found = loss_of(settings(label_smoothing=0.2), [[2.0, 0.0], [0.0, 2.0]])
    assert found == pytest.approx(0.9 * right + 0.1 * wrong)


def test_the_manipulation_head_adds_its_loss_with_its_weight(settings: Settings) -> None:
    logits = [[2.0, 0.0], [0.0, 2.0]]
    without = loss_of(settings(), logits)
    with_head = settings(manipulation_head=True, manipulation_head_weight=0.5)
    assert loss_of(with_head, logits, (3.0, -3.0)) == pytest.approx(without + 0.5 * math.log(1 + math.exp(-3)))
    assert loss_of(with_head, logits, (-3.0, 3.0)) == pytest.approx(without + 0.5 * math.log(1 + math.exp(3)))


def test_a_network_answers_whether_crops_were_manipulated_only_with_that_head(settings: Settings) -> None:
    logits, altered = build_network(settings(manipulation_head=True), 3)(CROPS, with_altered=True)
    assert (logits.shape, altered.shape) == ((2, 3), (2,))
    with pytest.raises(ValueError, match=r"built without train\.manipulation_head"):
        build_network(settings(), 3)(CROPS, with_altered=True)


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
