"""Arrays: digests and things as numbers, pairs joined to sets, rows spelled as JSON."""

import hashlib
import json

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.judging.arrays.numbers import numbers_of
from curation.judging.arrays.things import Things
from curation.judging.columns.spelling import row_digests
from curation.judging.copy_pairs import NEAR, PAIRS, SHOT
from curation.judging.copy_sets import copies_alone, copy_sets, found_in

SEEN = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), max_size=30)


def things(seen):
    return Things(np.array([one << 20 for one, _ in seen], np.uint64), np.array([where for _, where in seen]))


@settings(deadline=None)
@given(SEEN, SEEN)
def test_things_are_counted_once_wherever_and_in_however_many_parts_they_are_seen(some, more):
    total = things(some)
    total.add(things(more))
    assert total == things(some + more)
    seen = set(some + more)
    assert total.number() == len({one for one, _ in seen})
    assert total.by_place()[:5].tolist() == [sum(where == place for _, where in seen) for place in range(5)]
    by_thing = [sum(one == thing for one, _ in seen) for thing in range(10)]
    assert total.in_several() == sum(number > 1 for number in by_thing)


def test_a_number_is_the_start_of_a_digest():
    texts = ["", "a", "Zürich"]
    assert numbers_of(pa.array(texts)).tolist() == [
        int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) for text in texts
    ]
    assert len(numbers_of(pa.array([], pa.string()))) == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40), st.integers(1, 5))
def test_photos_that_pairs_join_one_by_one_are_decided_together(pairs, shares):
    table = pa.Table.from_pylist([{"first": a, "second": b, "kind": NEAR} for a, b in pairs], PAIRS)
    found = copy_sets(table, shares)
    assert found.ids.tolist() == sorted({one for pair in pairs for one in pair})
    rows, places = found.place_of(np.arange(31, dtype=np.uint64))
    assert rows.tolist() == found.ids.tolist()
    place_of = dict(zip(rows.tolist(), places.tolist(), strict=True))
    assert all(place_of[a] == place_of[b] for a, b in pairs)
    assert set(places.tolist()) <= set(range(shares))


def test_pairs_of_one_shot_alone_are_no_pairs_of_copies():
    rows = [(1, 2, NEAR), (1, 2, SHOT), (3, 4, SHOT)]
    table = pa.Table.from_pylist([dict(zip(PAIRS.names, row, strict=True)) for row in rows], PAIRS)
    assert copies_alone(table).tolist() == [[1, 2]]
    assert [one.tolist() for one in found_in(np.array([2, 5]), np.array([5, 1, 2]))] == [[0, 2], [1, 0]]


TEXTS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
ROWS = st.lists(
    st.tuples(TEXTS, st.none() | st.lists(TEXTS, max_size=2), st.none() | st.integers(-9, 9),
              st.none() | st.booleans(), st.none() | st.floats(allow_nan=False)), max_size=9,
)  # fmt: skip


@settings(deadline=None)
@given(ROWS)
def test_the_digest_of_a_row_is_that_of_its_json(rows):
    kinds = (pa.string(), pa.list_(pa.string()), pa.int32(), pa.bool_(), pa.float64())
    columns = [pa.array([row[at] for row in rows], kind) for at, kind in enumerate(kinds)]
    table = pa.table(columns, names=list("abcde"))
    told = [json.dumps(list(row.values())) for row in table.to_pylist()]
    assert row_digests(table) == [hashlib.sha256(text.encode()).digest() for text in told]
