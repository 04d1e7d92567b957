"""Few digests among many are found as numpy finds them, whatever their number."""

import numpy as np
import pytest

from curation.judging.refresh.state.few import Few, among, are_among


def digests(number, seed):
    return np.random.default_rng(seed).integers(0, 2**64, number, dtype=np.uint64)


@pytest.mark.parametrize("number", [0, 1, 7, 1_000, 100_000])
def test_those_that_are_there_are_found_and_no_others(number):
    many = digests(50_000, 1)
    few = np.concatenate([many[: number // 2], digests(number - number // 2, 2)])
    assert among(many, few).tolist() == np.flatnonzero(np.isin(many, few)).tolist()
    assert are_among(many, few).tolist() == np.isin(many, few).tolist()


def test_digests_with_equal_low_bits_are_told_apart():
    many = np.arange(1, 500, dtype=np.uint64) << np.uint64(40)
    assert among(many, many[[3, 8]]).tolist() == [3, 8]


def test_each_that_is_found_is_told_with_the_first_of_its_equals():
    few = Few(np.array([9, 5, 9, 7, 5], np.uint64))
    places, which = few.found_in(np.array([1, 9, 5, 9, 8], np.uint64))
    assert (places.tolist(), which.tolist()) == ([1, 2, 3], [3, 0, 3])
    assert few.ordered[which].tolist() == [9, 5, 9]


def test_columns_that_do_not_lie_together_are_searched():
    many = digests(1_000, 3)
    assert among(many[::3], many[[3, 4, 9]]).tolist() == [1, 3]


def test_among_nothing_there_is_nothing():
    assert among(np.zeros(0, np.uint64), digests(3, 4)).tolist() == []
