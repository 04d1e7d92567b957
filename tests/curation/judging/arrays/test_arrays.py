"""Arrays: digests and things as numbers, pairs joined to sets, rows spelled as JSON."""

import functools
import hashlib
import itertools
import json
import operator

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.judging.arrays.characters import bytes_outside, data_of, rows_with
from curation.judging.arrays.numbers import SPREADING, digest_numbers, numbers_of
from curation.judging.arrays.ordered import setdiff1d, union1d, unique
from curation.judging.arrays.packed_tables import packed, unpacked, with_packed
from curation.judging.arrays.things import Things
from curation.judging.columns.spelling import row_digests
from curation.judging.copies.pairs import NEAR, PAIRS, SHOT
from curation.judging.copies.sets import copies_alone, copy_sets, found_in

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


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 12), max_size=20),
    st.lists(st.integers(0, 12), max_size=20),
    st.sampled_from([np.uint64, np.int64, np.int8]),
)
def test_distinct_numbers_are_those_that_numpy_finds(some, more, kind):
    first, second = np.array(some, kind), np.array(more, kind)
    for found, expected in (
        (unique(first), np.unique(first)),
        (union1d(first, second), np.union1d(first, second)),
        (setdiff1d(first, second), np.setdiff1d(first, second)),
    ):
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


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


HEX = "0123456789abcdef"
NO_DIGESTS = st.sampled_from(["", "Z" * 16, "0123456789abcdeF", "ü", "0" * 40])
DIGESTS = st.sampled_from([15, 16, 16, 17, 32, 64]).flatmap(
    lambda digits: st.text(HEX, min_size=digits, max_size=digits)
)


@settings(deadline=None)
@given(st.lists(DIGESTS | NO_DIGESTS, max_size=6), st.integers(0, 3))
def test_a_digest_is_numbered_by_its_words_and_any_other_text_by_its_own_digest(texts, cut):
    def number(text):
        if len(text) not in (16, 32, 64) or not set(text) <= set("0123456789abcdef"):
            return numbers_of(pa.array([text]))[0]
        words = (int(text[at : at + 16], 16) for at in range(0, len(text), 16))
        return functools.reduce(operator.xor, words) * int(SPREADING) % 2**64

    array = pa.array(texts, pa.string())[cut:]
    assert digest_numbers(array).tolist() == [number(text) for text in texts[cut:]]
    assert digest_numbers(pa.chunked_array([array, array])).tolist() == [number(text) for text in 2 * texts[cut:]]


@settings(deadline=None)
@given(st.lists(st.none() | st.text('ab"\n\x7fü', max_size=3), max_size=6), st.integers(0, 3))
def test_texts_with_certain_bytes_are_found_by_looking_at_all_bytes_at_once(texts, cut):
    special = bytes_outside(first=ord(" "), last=ord("~"), but=b'"')
    array, texts = pa.array(texts, pa.string())[cut:], texts[cut:]
    wanted = [row for row, text in enumerate(texts) if any(one == '"' or not " " <= one <= "~" for one in text or "")]
    assert rows_with(array, special).tolist() == wanted
    data, offsets = data_of(array)
    assert [data[a:b].tobytes().decode() for a, b in itertools.pairwise(offsets)] == [text or "" for text in texts]


ENTRIES = st.integers(0, 65535)
SETS = st.none() | st.lists(
    st.lists(ENTRIES, min_size=64, max_size=64) | st.none() | st.lists(ENTRIES | st.none(), max_size=3), max_size=2
)
PLAIN = st.none() | st.lists(st.lists(ENTRIES, min_size=64, max_size=64), max_size=2)


@settings(deadline=None, max_examples=40)
@given(st.lists(SETS, max_size=4) | st.lists(PLAIN, max_size=4), st.integers(0, 2))
def test_sets_of_tables_are_packed_and_unpacked_and_equal_ones_have_equal_bytes(sets, cut):
    kind = pa.list_(pa.list_(pa.uint16()))
    found = packed(pa.array(sets, kind)[cut:])
    assert [unpacked(data) for data in found.to_pylist()] == sets[cut:]
    # whatever else is in the column
    assert found.to_pylist() == [packed(pa.array([one], kind)).to_pylist()[0] for one in sets[cut:]]


def test_facts_keep_their_other_fields_and_their_nulls_when_their_tables_are_packed():
    kind = pa.struct([("tables", pa.list_(pa.list_(pa.uint16()))), ("model", pa.string())])
    facts = pa.array([{"tables": [[7] * 64], "model": "a"}, None, {"tables": None, "model": None}], kind)
    found = with_packed(facts, "tables").to_pylist()
    assert found == [{"tables": b"\7\0" * 64, "model": "a"}, None, {"tables": None, "model": None}]


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
