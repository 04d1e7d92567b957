"""What is learned from the counts that are read is what is learned from all counts, and owners are those of a scan."""

import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from benchmarks.curation.planted import catalogue
from corpus.sections import Consensus
from corpus.storage import open_store
from curation.consensus import CAMERA, Count, learn
from curation.judging.refresh.counted import Counted
from curation.judging.refresh.owners import counted_once, elsewhere
from curation.judging.refresh.segments import Segments, write_segments
from curation.judging.refresh.state import STATE, State
from curation.judging.refresh.tables import number_of

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


def state_of(store, claims):
    """Return a state of uploads with these (owner, content, values)."""
    columns = {name: [row[at] for row in claims] for at, name in enumerate(("_owner", "_content", "_claims"))}
    table = pa.table(
        [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(claims), field.type)
            for field in STATE
        ],
        STATE,
    )
    ids = np.array([number_of(str(at)) for at in range(len(claims))], np.uint64)
    return State(write_segments(store, "judged/parts", Segments(STATE), ids, table, ids[:0]))


@pytest.mark.parametrize("chunk", [3, 1000])
def test_an_owner_counts_for_a_value_by_another_picture_or_not(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr("curation.judging.refresh.owners._CHUNK", chunk)
    chance, store = random.Random(3), open_store(str(tmp_path))
    numbers = [chance.getrandbits(64) for _ in range(40)]
    claims = [
        (chance.choice(numbers[:5]), chance.choice(numbers[5:25]), chance.sample(numbers[25:], chance.randrange(4)))
        for _ in range(60)
    ]
    state, pictures = state_of(store, claims), np.array(sorted(numbers[5:9]), np.uint64)
    told = pd.DataFrame(
        [(value, owner, content) for owner, content, values in claims for value in values],
        columns=["value", "owner", "content"], dtype=np.uint64,
    )  # fmt: skip
    once = counted_once(told)
    others = once[~np.isin(once["content"], pictures)]
    counts = set(zip(others["value"].tolist(), others["owner"].tolist(), strict=True))
    asked = [(value, owner) for value in numbers[25:] for owner in numbers[:5]]
    value, owner = np.array(asked, np.uint64).T
    assert elsewhere(state, value, owner, pictures).tolist() == [pair in counts for pair in asked]
    assert 0 < len(counts) < len(asked)
