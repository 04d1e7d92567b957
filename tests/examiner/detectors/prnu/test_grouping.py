"""Photographs sorted by device without references."""

import numpy as np
import pytest

from examiner.detectors.prnu.grouping import compared_part, grouped, products

from .conftest import TakePhotograph


def test_photographs_are_sorted_by_device(take_photograph: TakePhotograph) -> None:
    devices = [1, 2, 1, 3, 2, 1, 2, 1]
    rows = [compared_part(take_photograph(device, 300 + scene)) for scene, device in enumerate(devices)]
    assert grouped(products(rows), rows[0].size) == [[0, 2, 5, 7], [1, 4, 6], [3]]


def test_a_sum_of_several_finds_what_pairs_do_not_show() -> None:
    random = np.random.default_rng(1)
    pattern = random.normal(size=20_000) * 6
    rows = [np.clip(pattern + random.normal(size=20_000) * 30, -127, 127).astype(np.int8) for _ in range(12)]
    pairs = products(rows)
    faintest = min(pairs[a, b] / np.sqrt(pairs[a, a] * pairs[b, b]) for a in range(12) for b in range(a)) * 20_000**0.5
    threshold = float(faintest) + 0.5
    assert [len(each) for each in grouped(pairs, 20_000, threshold)] == [12]


def test_chance_joins_nothing() -> None:
    random = np.random.default_rng(1)
    rows = [np.clip(random.normal(0, 32, 5000), -127, 127).astype(np.int8) for _ in range(40)]
    assert grouped(products(rows), 5000) == [[number] for number in range(40)]


def test_a_photograph_without_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="no noise"):
        compared_part(np.full((100, 100), 90, np.uint8))
