"""Amounts: nested photographs and devices, and samples of them alone."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.experiments.amounts import SamplesOfPhotos, nested_amounts


def test_each_amount_holds_the_smaller_ones_and_goes_through_the_devices_one_by_one(
    filled: Store, settings: Callable[..., Training]
) -> None:
    index = read_index(filled, "0001-abcdef")
    amounts = list(nested_amounts(index, settings()).values())
    assert [len(each) for each in amounts] == [3, 6, 9, 18]
    for smaller, larger in pairwise(amounts):
        assert set(smaller.tolist()) < set(larger.tolist())
    for used in amounts:
        assert set(index.labels(used).tolist()) == {0, 1, 2}
    assert len(set(index.group_names(amounts[2]))) == 3  # half of a camera's photographs are one of its devices


def test_samples_are_of_these_photographs_alone(filled: Store, settings: Callable[..., Training]) -> None:
    index, own = read_index(filled, "0001-abcdef"), settings()
    used = nested_amounts(index, own)[1 / 4]
    samples = SamplesOfPhotos(filled, index, own, tuple(used.tolist()))
    drawn = index.tiles.at("photo", samples.rows(np.arange(200)))
    assert set(drawn.tolist()) == set(used.tolist())
    assert samples.__getitems__([0, 1]).crops.shape == (2, 3, 32, 32)
