"""Calibration: what a probability promises against what comes true."""

import numpy as np
import pytest

from train.estimation.calibration import (
    calibration_gaps,
    expected_calibration_error,
    find_temperature,
    reliability,
)


def drawn(photos: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Return log-probabilities that are `sharpness` times too sure, and labels drawn from the true ones."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 2, (photos, 4))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) > rng.random((photos, 1))).argmax(axis=1)
    return logits * sharpness, labels


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)


def test_error_is_the_mean_distance_of_confidence_and_accuracy() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    labels = np.array([0, 1, 0, 0])
    bins = reliability(probabilities, labels, bins=10)
    assert [(each.photos, each.accuracy) for each in bins] == [(2, 1.0), (2, 0.5)]
    assert [each.confidence for each in bins] == pytest.approx([0.6, 0.9])
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx((2 * 0.4 + 2 * 0.4) / 4)
    assert calibration_gaps(probabilities, labels, 10).sum(axis=0)[[6, 9]] == pytest.approx([-0.8, 0.8])
    assert np.isnan(expected_calibration_error(probabilities[:0], labels[:0]))
    assert [each.photos for each in reliability(np.array([[1.0, 0.0]]), np.array([0]))] == [1]


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_temperature_undoes_false_certainty(sharpness: float) -> None:
    values, labels = drawn(4000, sharpness)
    temperature = find_temperature(values, labels)
    assert temperature == pytest.approx(sharpness, rel=0.1)
    mended = expected_calibration_error(softmax(values / temperature), labels)
    assert mended < 0.02
    if sharpness == 3.0:
        assert expected_calibration_error(softmax(values), labels) > 0.1


def test_few_photographs_that_are_all_right_prove_no_certainty() -> None:
    values, labels = np.tile([[2.0, 0.0]], (18, 1)), np.zeros(18, int)
    likeliest = softmax(values / find_temperature(values, labels)).max(axis=1)
    assert likeliest == pytest.approx(18.5 / 19, abs=0.001)  # one more, half for each camera
    labels[0] = 1
    weights = np.array([0.0, *[18 / 17] * 17])
    assert find_temperature(values, labels, weights) == pytest.approx(find_temperature(values, labels * 0), rel=0.01)
    with pytest.raises(ValueError, match="needs photographs"):
        find_temperature(values[:0], labels[:0])


def test_a_photograph_under_several_conditions_counts_as_one() -> None:
    values, labels = np.tile([[2.0, 0.0, 0.0]], (20, 1)), np.zeros(20, int)
    once = find_temperature(values, labels)
    shares = np.array([0.7, 0.2, 0.1])
    again = find_temperature(np.repeat(values, 3, axis=0), np.repeat(labels, 3), np.tile(shares, 20))
    assert again == pytest.approx(once, abs=0.001)
    assert softmax(values / again)[0, 0] == pytest.approx((20 + 1 / 3) / 21, abs=0.001)
