"""Ranking: figures of scores, checked by hand and against their definitions."""

import numpy as np
import pytest

from train.estimation.ranking import auroc, fit_logistic, oscr, refused_at, threshold_at


def test_auroc_is_the_chance_that_a_known_one_scores_higher() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(0, 6, 40).astype(float), rng.integers(-2, 5, 30).astype(float)
    pairs = [1.0 if a > b else 0.5 if a == b else 0.0 for a in known for b in unknown]
    assert auroc(known, unknown) == pytest.approx(np.mean(pairs))
    assert auroc(np.array([3.0]), np.array([1.0, 2.0])) == 1.0
    assert np.isnan(auroc(known, np.empty(0)))


def test_oscr_is_the_area_under_right_answers_over_accepted_unknown_ones() -> None:
    rng = np.random.default_rng(1)
    known, unknown = rng.normal(1, 1, 60), rng.normal(0, 1, 50)
    right = rng.random(60) < 0.7
    steps = np.sort(unknown)[::-1]
    area = np.mean([(right & (known > threshold)).mean() for threshold in steps])
    assert oscr(known, right, unknown) == pytest.approx(area)
    assert oscr(known, np.zeros(60, bool), unknown) == 0.0
    assert oscr(known + 100, right, unknown) == pytest.approx(right.mean())


def test_a_threshold_refuses_no_more_known_ones_than_wanted() -> None:
    known = np.arange(40.0)
    assert (known < threshold_at(known, 0.05)).sum() == 2
    assert (known[:10] < threshold_at(known[:10], 0.05)).sum() == 0
    assert refused_at(known, np.array([0.0, 1.0, 2.0, 50.0]), 0.05) == 0.5
    with pytest.raises(ValueError, match="needs known ones"):
        threshold_at(np.empty(0), 0.05)


def test_probabilities_of_a_logistic_are_those_of_the_share_that_is_unknown() -> None:
    rng = np.random.default_rng(2)
    scores = np.concatenate([rng.normal(2, 1, 4000), rng.normal(0, 1, 1000)])  # unequal numbers weigh alike
    is_unknown = np.arange(5000) >= 4000
    slope, offset = fit_logistic(scores, is_unknown)
    assert (slope, offset) == pytest.approx((2.0, -2.0), abs=0.15)  # of two normal distributions, a logistic is exact


def test_scores_that_part_the_two_give_no_certainty() -> None:
    slope, offset = fit_logistic(np.array([1.0, 1.1, 5.0, 5.1]), np.array([True, True, False, False]))
    near, far = (1 / (1 + np.exp(slope * score + offset)) for score in (1.0, 5.1))
    assert 0.5 < near < 0.9
    assert 0.1 < far < 0.5
