"""Scores: evidence on logits and prototypes, for the network's cameras and for enrolled ones."""

import numpy as np
import pytest

from train.model.scores import BY_PROTOTYPES, Prototypes, crops_together, evidence, knownness, log_softmax, softmax
from train.open_set.prototypes import make_prototypes, whitening


def _made(seed: int = 0) -> tuple[Prototypes, np.ndarray, np.ndarray]:
    """Return prototypes of three cameras of two devices each, and the photographs that they are of."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1, 2], 20)
    devices = [f"{label}-{place % 2}" for place, label in enumerate(labels)]
    embeddings = 6 * np.eye(8)[labels] + rng.normal(0, 1, (60, 8))
    return make_prototypes(embeddings, labels, devices, 3), embeddings, labels


@pytest.mark.parametrize("score", BY_PROTOTYPES)
def test_a_photograph_is_nearest_to_its_own_camera_and_what_is_of_none_is_far(score: str) -> None:
    prototypes, embeddings, labels = _made()
    logits = np.zeros((60, 3))
    matrix = evidence(score, logits, embeddings, prototypes)
    assert matrix.shape == (60, 3)
    assert (matrix.argmax(axis=1) == labels).mean() > 0.95
    strange = 6 * np.eye(8)[[5, 6, 7]]
    far = knownness(score, evidence(score, logits[:3], strange, prototypes))
    assert far.max() < np.median(knownness(score, matrix))


@pytest.mark.parametrize("score", BY_PROTOTYPES)
def test_an_enrolled_camera_is_one_more_column(score: str) -> None:
    prototypes, embeddings, labels = _made()
    rng = np.random.default_rng(1)
    new = 6 * np.eye(8)[5] + rng.normal(0, 1, (20, 8))
    joined = prototypes.joined(new[:10], ["a"] * 5 + ["b"] * 5)
    matrix = evidence(score, np.zeros((70, 3)), np.concatenate([embeddings, new[10:]]), joined)
    assert matrix.shape == (70, 4)
    assert (matrix.argmax(axis=1) == np.concatenate([labels, np.full(10, 3)])).mean() > 0.9
    assert prototypes.number == 3


def test_a_camera_without_prototypes_has_no_evidence() -> None:
    prototypes = make_prototypes(np.eye(4)[:2], np.array([0, 2]), ["a", "b"], 3)
    matrix = evidence("cosine_class", np.zeros((1, 3)), np.eye(4)[:1], prototypes)
    assert np.isneginf(matrix[0, 1])
    assert softmax(matrix)[0, 1] == 0.0


def test_energy_is_the_logarithm_of_the_sum_of_powers() -> None:
    logits = np.array([[1.0, 2.0, 800.0], [0.0, 0.0, 0.0]])
    assert knownness("energy", logits) == pytest.approx([800.0, np.log(3)])
    assert knownness("max_logit", logits) == pytest.approx([800.0, 0.0])


def test_whitening_makes_every_direction_alike_as_far_as_photographs_tell() -> None:
    rng = np.random.default_rng(3)
    wide = rng.normal(0, 1, (5000, 4)) * np.array([10.0, 1.0, 0.5, 3.0])
    assert np.cov((wide @ whitening(wide)).T) == pytest.approx(np.eye(4), abs=0.1)
    few = rng.normal(0, 1, (3, 50))
    assert np.isfinite(whitening(few)).all()


def test_crops_together_are_the_geometric_mean_of_their_probabilities_and_missing_ones_do_not_count() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6]])
    logits = np.log(shares) + np.array([[700.0], [-700.0]])  # whatever is added to a crop's logits says nothing
    assert np.exp(log_softmax(logits)) == pytest.approx(shares)
    expected = np.sqrt([0.36, 0.06]) / np.sqrt([0.36, 0.06]).sum()
    assert np.exp(crops_together(logits)) == pytest.approx(expected)
    with_missing = np.stack([np.vstack([logits, [np.nan, np.nan]]), np.vstack([logits[1:], np.full((2, 2), np.nan)])])
    assert softmax(crops_together(with_missing)) == pytest.approx(np.stack([expected, shares[1]]))
