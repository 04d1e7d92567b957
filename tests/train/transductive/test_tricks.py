"""Transductive tricks: what answers for a whole test set at once gain, and where they lose."""

from itertools import permutations

import numpy as np
import pytest

from train.transductive.tricks import (
    Layer,
    balanced_answers,
    confident_answers,
    equal_shares,
    limits,
    most_right,
    refitted,
)

EQUAL = equal_shares(2)


def accuracy(answers: np.ndarray, labels: np.ndarray) -> float:
    return float((answers == labels).mean())


def biased(labels: np.ndarray) -> np.ndarray:
    """Return log-probabilities of a classifier that tells two classes apart, but leans towards class 0."""
    rng = np.random.default_rng(3)
    margin = np.where(labels == 0, 1.0, -1.0) + 0.2 * rng.normal(size=len(labels)) + 1.5
    return np.log(np.column_stack([1 / (1 + np.exp(-margin)), 1 / (1 + np.exp(margin))]))


def test_balance_takes_from_a_class_with_too_many_answers_the_least_likely_ones() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.7, 0.3]])
    assert balanced_answers(np.log(probabilities), EQUAL).tolist() == [0, 1, 0, 1]
    assert balanced_answers(np.log(probabilities), np.array([0.75, 0.25])).tolist() == [0, 1, 0, 0]
    assert balanced_answers(np.log(probabilities), np.array([0.0, 1.0])).tolist() == [1, 1, 1, 1]


def test_balanced_answers_are_the_likeliest_of_all_that_have_the_shares() -> None:
    values = np.log(np.random.default_rng(5).dirichlet(np.ones(3), 6))
    found = balanced_answers(values, equal_shares(3))
    likeliest = max(values[np.arange(6), list(answers)].sum() for answers in set(permutations([0, 0, 1, 1, 2, 2])))
    assert np.bincount(found).tolist() == [2, 2, 2]
    assert values[np.arange(6), found].sum() == pytest.approx(likeliest)


@pytest.mark.parametrize("photos", [1, 2, 7, 31])
def test_shares_that_are_no_whole_numbers_are_rounded_and_never_left_by_more(photos: int) -> None:
    shares = np.array([0.5, 0.3, 0.2])
    values = np.tile(np.log([0.9, 0.09, 0.01]), (photos, 1))
    counts = np.bincount(balanced_answers(values, shares), minlength=3)
    least, most = limits(photos, shares)
    assert counts.sum() == photos
    assert ((least <= counts) & (counts <= most)).all()
    assert counts[0] == most[0]  # of what rounding leaves open, the likelier class gets it
    with pytest.raises(ValueError, match="sum to 1"):
        limits(photos, np.array([0.5, 0.6]))


def test_balance_corrects_a_classifier_that_leans_to_one_class_where_the_shares_are_true() -> None:
    labels = np.repeat([0, 1], 50)
    values = biased(labels)
    assert accuracy(values.argmax(axis=1), labels) < 0.6
    assert accuracy(balanced_answers(values, EQUAL), labels) > 0.95
    assert most_right(labels, EQUAL) == 1


def test_balance_hurts_where_the_true_shares_are_others_than_it_assumes() -> None:
    labels = np.repeat([0, 1], [80, 20])
    values = np.log(np.where(np.eye(2)[labels] > 0, 0.99, 0.01))
    assert accuracy(values.argmax(axis=1), labels) == 1
    assert accuracy(balanced_answers(values, EQUAL), labels) == pytest.approx(0.7)
    assert most_right(labels, EQUAL) == pytest.approx(0.7)
    assert accuracy(balanced_answers(values, np.array([0.8, 0.2])), labels) == 1
    assert most_right(np.array([0, 0, 1]), EQUAL) == 1  # as equal as three photographs of two classes can be


def test_confident_answers_alone_become_labels() -> None:
    rows, answers = confident_answers(np.array([[0.05, 0.95], [0.6, 0.4], [0.9, 0.1]]))
    assert (rows.tolist(), answers.tolist()) == ([0, 2], [1, 0])


def test_pseudo_labels_teach_the_last_layer_what_goes_along_with_its_sure_answers() -> None:
    rng = np.random.default_rng(11)
    labels = np.repeat([0, 1], 100)
    sign = np.where(labels == 0, -1.0, 1.0)
    # the layer reads the first number only, which is weak for half of the test photographs; the second tells them, too
    first = sign * np.where(np.arange(200) % 2, 1.5, 0.3) + 0.3 * rng.normal(size=200)
    embeddings = np.column_stack([first, 2 * sign + 0.5 * rng.normal(size=200)])
    layer = Layer(np.array([[-1.0, 0.0], [1.0, 0.0]]), np.zeros(2))
    before = layer.log_probabilities(embeddings)
    rows, answers = confident_answers(np.exp(before))
    after = refitted(embeddings[rows], answers, layer).log_probabilities(embeddings)
    assert np.exp(after).sum(axis=1) == pytest.approx(1)
    assert accuracy(before.argmax(axis=1), labels) < 0.92
    assert accuracy(after.argmax(axis=1), labels) > 0.99


def test_one_label_moves_the_layer_by_what_its_gradient_says() -> None:
    """At the minimum, the change in units of the length is the residual times the embedding."""
    layer = Layer(np.zeros((2, 1)), np.zeros(2))
    embedding = np.array([[2.0]])
    found = refitted(embedding, np.array([0]), layer)
    left = 1 - np.exp(found.log_probabilities(embedding))[0, 0]
    squared = 2.0**2 + 1
    assert found.weights.ravel() == pytest.approx([left * 2 / squared, -left * 2 / squared], abs=1e-5)
    assert found.biases == pytest.approx([left / squared, -left / squared], abs=1e-5)


def test_without_labels_the_layer_stays_and_the_embeddings_scale_does_not_matter() -> None:
    layer = Layer(np.array([[0.5, 1.0], [-0.5, 0.0]]), np.array([0.1, 0.0]))
    assert refitted(np.empty((0, 2)), np.empty(0, np.int64), layer) is layer
    embeddings, answers = np.random.default_rng(2).normal(0, 50, (20, 2)), np.arange(20) % 2
    once = refitted(embeddings, answers, layer).log_probabilities(embeddings)
    larger = Layer(layer.weights / 10, layer.biases)
    assert refitted(embeddings * 10, answers, larger).log_probabilities(embeddings * 10) == pytest.approx(
        once, abs=0.01
    )
