"""Uploads are found by keys that they have had, in whatever segment these stand, and what is written stays small."""

import random

import numpy as np
import pytest

from corpus.storage import open_store
from curation.judging.refresh.state.inverted import KEYS_FOLDER, Inverted


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def numbers(some):
    return np.array(list(some), np.uint64)


def test_uploads_are_found_by_the_keys_that_they_have_had(store):
    chance, expected, index = random.Random(2), {}, Inverted()
    for turn in range(40):
        told = [(chance.randrange(60), 2**63 + chance.randrange(10 * turn + 1)) for _ in range(chance.randrange(9))]
        for key, one in told:
            expected.setdefault(key, set()).add(one)
        index = index.written(store, numbers(key for key, _ in told), numbers(one for _, one in told))
        assert set(index.names) <= {name.removesuffix(".arrow") for name in store.names(KEYS_FOLDER)}
        asked = [chance.randrange(70) for _ in range(chance.randrange(6))]
        found = sorted({one for key in asked for one in expected.get(key, ())})
        for each in (index, Inverted.read(store, index.names)):
            assert each.ids_of(numbers(asked)).tolist() == found
    assert sum(len(table) for table in index.tables) < sum(map(len, expected.values())) + 60
    assert len(index.names) < 20


def test_without_keys_nothing_is_found_and_nothing_written(store):
    index = Inverted()
    assert index.written(store, numbers([]), numbers([])) is index
    assert index.ids_of(numbers([1])).tolist() == []
    assert index.written(store, numbers([1]), numbers([2])).ids_of(numbers([])).tolist() == []
