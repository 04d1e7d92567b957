"""Refusal: own cameras by the network's score, enrolled ones by their prototypes at a threshold of their own."""

import numpy as np
import pytest

from train.model.refusal import OpenSet, Refusal, joined_shares, named, own_threshold
from train.model.scores import Prototypes
from train.open_set.prototypes import make_prototypes

OPEN_SET = OpenSet(
    Refusal("max_logit", 1.0, 4.0, -4.0), Refusal("mahalanobis_class", -1.5, 4.0, 6.0), scale=20.0
)  # fmt: skip


@pytest.fixture
def prototypes() -> Prototypes:
    """Return those of two cameras at (4, 0) and (0, 4), whose photographs scatter by 1."""
    rng = np.random.default_rng(0)
    embeddings = np.repeat([[4.0, 0.0], [0.0, 4.0]], 100, axis=0) + rng.normal(0, 1, (200, 2))
    return make_prototypes(embeddings, np.repeat([0, 1], 100), ["x", "y"] * 100, 2)


def test_a_lower_score_makes_none_of_these_more_probable() -> None:
    refusal = Refusal("max_logit", 0.0, 2.0, -1.0)
    assert refusal.probability(-500.0) == pytest.approx(1.0)
    assert refusal.probability(0.5) == pytest.approx(0.5)
    assert refusal.probability(500.0) == pytest.approx(0.0)


def test_prototypes_decide_about_enrolled_cameras_and_the_network_about_its_own() -> None:
    joined = joined_shares(np.array([[0.9, 0.1]]), np.array([[0.2, 0.3, 0.5]]))
    assert joined == pytest.approx(np.array([[0.45, 0.05, 0.5]]))


def test_answers_with_own_cameras_are_refused_as_without_enrolled_ones(prototypes: Prototypes) -> None:
    shares, embeddings = np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([[4.0, 0.0], [4.0, 0.0]])
    logits = np.array([[2.0, 0.0], [0.5, 0.0]])
    alone = named(OPEN_SET, prototypes, [], shares, logits, embeddings)
    enrolled = prototypes.joined(np.array([[-6.0, -6.0]]), ["z"])
    beside = named(OPEN_SET, enrolled, [-1.5], shares, logits, embeddings)
    for found in (alone, beside):
        assert (found.answers.tolist(), found.refused.tolist()) == ([0, 0], [False, True])
        assert (found.none > 0.5).tolist() == [False, True]


def test_answers_with_an_enrolled_camera_are_refused_at_its_own_threshold(prototypes: Prototypes) -> None:
    enrolled = prototypes.joined(np.array([[-6.0, -6.0]]), ["z"])
    shares, logits = np.array([[0.9, 0.1]] * 2), np.array([[9.0, 0.0]] * 2)
    embeddings = np.array([[-6.0, -6.0], [-8.0, -8.0]])
    for threshold, refused in ((-1.5, [False, True]), (-3.0, [False, False])):
        found = named(OPEN_SET, enrolled, [threshold], shares, logits, embeddings)
        assert found.answers.tolist() == [2, 2]
        assert found.refused.tolist() == refused
        assert (found.none > 0.5).tolist() == refused
        assert found.shares.sum(axis=1) == pytest.approx(1)


def test_a_threshold_is_lower_where_a_cameras_photographs_lie_far_apart(prototypes: Prototypes) -> None:
    rng = np.random.default_rng(1)
    spread = rng.normal(0, 1, (40, 2)) - 6
    devices = ["p", "q"] * 20
    assert own_threshold(OPEN_SET, prototypes, spread, devices) == pytest.approx(-1.5, abs=1.0)
    wide = own_threshold(OPEN_SET, prototypes, (spread + 6) * 4 - 6, devices)
    assert wide < -3.0
    assert own_threshold(OPEN_SET, prototypes, spread[:1], ["p"]) == -1.5
    assert own_threshold(OPEN_SET, prototypes, np.repeat(spread[:1], 9, axis=0), ["p"] * 9) == -1.5


def test_photographs_are_compared_with_those_of_other_devices_where_there_are_any(prototypes: Prototypes) -> None:
    embeddings = np.array([[-6.0, -6.0]] * 4 + [[-6.0, 6.0]] * 4)  # each device lies elsewhere
    one, two = (own_threshold(OPEN_SET, prototypes, embeddings, ["p"] * 4 + [name] * 4) for name in ("p", "q"))
    assert two < one
