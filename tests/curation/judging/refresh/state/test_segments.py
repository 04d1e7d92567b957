"""A table in segments has the rows that a dictionary has, and what a refresh of it writes does not grow with it."""

import random

import numpy as np
import pyarrow as pa
import pytest

from corpus.storage import open_store
from curation.judging.refresh.state.segments import Segments, read_segments, write_segments

SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string()), ("list", pa.list_(pa.uint64()))])
FOLDER = "judged/some"


def digest(number):
    return random.Random(number).getrandbits(64)


def row(number):
    return {"number": number, "text": str(number), "list": [number % 450, (number + 1) % 450][: number % 3]}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def written(store, was, rows, gone=(), rows_max=None):
    keys = np.array(list(rows), np.uint64)
    table = pa.Table.from_pylist(list(rows.values()), SCHEMA)
    return write_segments(store, FOLDER, was, keys, table, np.array(list(gone), np.uint64), rows_max)


@pytest.mark.parametrize("rows_max", [None, 30])
def test_rows_that_come_change_and_go_are_those_of_a_dictionary(store, rows_max):
    chance, expected, found = random.Random(5), {}, Segments(SCHEMA)
    once_there = set[int]()
    for turn in range(40):
        again = chance.sample(sorted(expected), min(len(expected), chance.randrange(4)))
        gone = [key for key in again if chance.random() < 0.5]
        rows = {digest(10 * turn + number): row(10 * turn + number) for number in range(chance.choice((0, 1, 9)))}
        rows |= {key: row(1000 + chance.randrange(9)) for key in again if key not in gone}
        if chance.random() < 0.05:  # nearly all go at once
            gone = sorted(expected.keys() - rows.keys())[1:]
        back = sorted(once_there - expected.keys())
        rows |= {key: row(2000 + turn) for key in chance.sample(back, min(len(back), chance.randrange(3)))}
        once_there |= set(gone)
        expected = {key: one for key, one in expected.items() if key not in gone} | rows
        found = written(store, found, rows, gone, rows_max)
        again = read_segments(store, FOLDER, found.names, SCHEMA)
        for table in (found, again):
            assert dict(zip(table.column("key").tolist(), table.table().to_pylist(), strict=True)) == expected
            assert table.column("number").tolist() == table.table()["number"].to_pylist()
        keys = [*chance.sample(sorted(expected), min(len(expected), 5)), digest(-1 - turn), *again.column("key")[:1]]
        keys = np.array(list(dict.fromkeys([*gone, *map(int, keys)])), np.uint64)
        told = [expected.get(key) for key in keys.tolist()]
        assert again.there(keys).tolist() == [one is not None for one in told]
        assert again.values_of(keys, "number").tolist() == [one["number"] if one else 0 for one in told]
        wanted = chance.randrange(450)
        has = [place for place, one in enumerate(again.table()["list"].to_pylist()) if wanted in one]
        assert again.having("list", np.array([wanted], np.uint64)).tolist() == has


def test_a_segment_of_which_most_rows_have_been_replaced_is_written_anew_once_others_are_merged(store):
    found = written(store, Segments(SCHEMA), {digest(number): row(number) for number in range(60)}, rows_max=8)
    first = found.names[0]
    found = written(store, found, {digest(number): row(7) for number in range(35)}, rows_max=8)
    for number in range(60, 68):
        assert found.names[0] == first
        found = written(store, found, {digest(number): row(number)}, rows_max=8)
    assert found.names[0] != first
    assert len(found.tables[0]) == 25
    assert len(found) == 68


def test_each_row_is_written_a_few_times_however_many_come_later(store):
    found, rows_written, largest = Segments(SCHEMA), 0, 0
    for turn in range(128):
        before = set(found.names)
        found = written(store, found, {digest(2 * turn + at): row(at) for at in range(2)})
        of_names = zip(found.names, found.tables, strict=True)
        rows_written += sum(len(table) for name, table in of_names if name not in before)
        largest = max(largest, len(found.names))
    assert len(found) == 256
    assert rows_written <= 3.5 * 256
    assert largest <= 21


def test_segments_beyond_their_most_rows_are_left_alone(store):
    found = Segments(SCHEMA)
    for turn in range(70):
        found = written(store, found, {digest(turn): row(turn)}, rows_max=8)
    assert max(map(len, found.tables)) <= 64
    assert len(found) == 70


def test_nothing_new_writes_nothing(store):
    found = written(store, Segments(SCHEMA), {digest(1): row(1)})
    assert written(store, found, {}) is found
