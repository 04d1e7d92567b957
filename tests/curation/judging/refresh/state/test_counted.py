"""What is learned from the counts that are read is what all counts teach, and what is as it was is not written."""

import random

import numpy as np

from benchmarks.curation.planted import catalogue
from corpus.sections import Consensus
from corpus.storage import open_store
from curation.consensus import CAMERA, Count, learn
from curation.judging.refresh.state.counted import ChangedPairs, Counted, numbers_of_pairs
from curation.judging.refresh.state.index import number_of

LIMITS = Consensus(photos_min=3, owners_min=2)


def rows(chance, number):
    """Return counts of made-up values, most of which few photographs show."""
    found = {}
    for _ in range(number):
        camera, aspect = f"maker-model-{chance.randrange(4):02d}", chance.choice((CAMERA, "size", "software", "tables"))
        value = {CAMERA: "", "size": f"{chance.randrange(900)}x9", "tables": f"{chance.randrange(30):016x}"}.get(
            aspect, "v"
        )
        spelled = f"{camera}\n{aspect}\n{value}"
        photos = chance.choice((1, 1, 1, 2, 3, 9))
        seen = [chance.getrandbits(64) for _ in range(min(photos, 2))] if aspect == "tables" else []
        text = " / ".join(2 * [" ".join(["7"] * 64)]) if aspect == "tables" else value
        owners = min(photos, chance.randrange(1, 4))
        found[number_of(spelled)] = {"value": spelled, "text": text, "photos": photos, "owners": owners, "seen": seen}
    return found


def learned_from(all_rows):
    counts = [
        Count(*row["value"].split("\n", 2), row["text"], row["photos"], row["owners"], frozenset(row["seen"]))
        for row in all_rows.values()
    ]
    return learn(counts, catalogue(), LIMITS)


def test_what_would_not_be_shown_is_left_out_and_nothing_else(tmp_path):
    chance, store = random.Random(2), open_store(str(tmp_path))
    expected, counts = {}, Counted.read(store, {})
    for turn in range(4):
        new = rows(chance, 300)
        gone = chance.sample(sorted(expected), len(expected) // 9)
        new |= {number: {**expected[number], "photos": 0} for number in gone if number not in new}
        expected = {number: row for number, row in (expected | new).items() if row["photos"]}
        counts = counts.with_rows(new)
        told = counts.to_learn(catalogue(), LIMITS)
        assert learn(told, catalogue(), LIMITS) == learned_from(expected)
        assert turn == 0 or len(told) < len(expected)
        counts = Counted.read(store, counts.written(store).names)
        found = counts.rows_of(expected.keys())
        assert {number: {name: row[name] for name in expected[number]} for number, row in found.items()} == expected
        assert learn(counts.to_learn(catalogue(), LIMITS), catalogue(), LIMITS) == learned_from(expected)


def test_a_count_that_is_as_it_was_is_not_written(tmp_path):
    store = open_store(str(tmp_path))
    told = rows(random.Random(1), 20)
    counts = Counted.read(store, {}).with_rows(told).written(store)
    assert counts.with_rows(dict(list(told.items())[:5])).written(store).names == counts.names
    number = next(iter(told))
    again = counts.with_rows({number: {**told[number], "photos": 77, "owners": 5}}).written(store)
    assert again.names["numbers"] != counts.names["numbers"]
    assert again.names["values"] == counts.names["values"]


def pairs(chance, number):
    return {chance.getrandbits(64): chance.randrange(3) for _ in range(number)}


def test_pictures_by_owner_and_value_are_those_of_a_dictionary(tmp_path):
    chance, store, expected = random.Random(4), open_store(str(tmp_path)), {}
    counts = Counted.read(store, {})
    for _ in range(12):
        again = {pair: chance.randrange(3) for pair in chance.sample(sorted(expected), len(expected) // 4)}
        new = pairs(chance, 20) | again
        number = np.array(sorted(new), np.uint64)
        was, now = (np.array([of.get(one, 0) for one in number.tolist()]) for of in (expected, new))
        expected |= new
        changed = ChangedPairs(number, was, now)
        counts = Counted.read(store, counts.with_rows({}, changed).written(store).names)
        asked = np.array([*expected, 7], np.uint64)
        assert counts.pictures_of(asked).tolist() == [*expected.values(), 0]


def test_numbers_of_pairs_differ_where_value_or_owner_do():
    some = np.array([1, 1, 2, 2**63], np.uint64)
    assert len({*numbers_of_pairs(some, some[::-1]).tolist(), *numbers_of_pairs(some, some).tolist()}) == 7
