"""Altered: the figures of the head that tells manipulated photographs from unaltered ones."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.data.answers import CHALLENGE, Answers, judge
from train.evaluation.altered import KEY, altered_figures, altered_section, judge_altered
from train.model.network import build_network

CPU = torch.device("cpu")


def answers_of(photos: int, conditions: tuple[str, ...]) -> Answers:
    """Return answers for photographs of two cameras with two devices each."""
    labels = np.arange(photos) % 2
    devices = tuple(f"{number % 4}" for number in range(photos))
    names = tuple(f"{number:016x}" for number in range(photos))
    return Answers(names, labels, devices, conditions, np.zeros((photos, len(conditions), 2, 2), np.float32))


def test_the_auroc_is_that_of_manipulated_against_unaltered_photographs_by_the_mean_of_their_crops() -> None:
    answers = answers_of(8, ("gamma 0.8", "unaltered", "jpeg 70"))
    plain = np.arange(8.0)
    changed = plain + np.where(plain % 4 < 2, 1.5, -0.5)  # told by the traces of two devices alone
    altered = np.stack([changed, plain, plain + 100], axis=1)
    crops = np.stack([altered - 3, altered + 3], axis=2).astype(np.float32)
    crops[0, 1] = (0.0, np.nan)  # a photograph with one crop
    told = altered_figures(answers, crops)
    above = [[other > each for each in plain] for other in changed]
    assert told["by_manipulation"]["gamma 0.8"]["value"] == pytest.approx(np.mean(above))
    assert told["by_manipulation"]["jpeg 70"] == {"value": 1.0, "interval": None}  # all devices agree
    assert told["auroc"]["value"] == pytest.approx((np.mean(above) + 1) / 2)
    low, high = told["auroc"]["interval"]
    assert low <= told["auroc"]["value"] <= high
    assert "<td>jpeg 70</td><td>1.000</td>" in altered_section(told).replace(' class="number"', "")


def test_the_head_is_judged_beside_the_cameras_whose_answers_stay_as_they_are(
    filled: Store, settings: Callable[..., Training]
) -> None:
    index = read_index(filled, "0001-abcdef")
    rows = index.selection("test", least_px=64).spread(3)
    own = settings(manipulation_head=True)
    network = build_network(own, 3)
    answers, told = judge_altered(network, CPU, filled, index, rows, own, conditions=CHALLENGE, crops=2)
    plainly = judge(network, CPU, filled, index, rows, own, conditions=CHALLENGE, crops=2)
    assert np.array_equal(answers.logits, plainly.logits, equal_nan=True)
    assert list(told[KEY]["by_manipulation"]) == [condition.name for condition in CHALLENGE[1:]]
    headless = build_network(settings(), 3)
    _, told = judge_altered(headless, CPU, filled, index, rows, own, conditions=CHALLENGE[:1], crops=1)
    assert told == {}
