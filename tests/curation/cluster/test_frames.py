"""Frames: the same parts in the same order, computed in this process or on a cluster."""

import numpy as np
import pandas as pd
import pytest

from corpus.errors import StageError
from curation.cluster.frames import TEXT, Frames, empty, frame_of
from curation.cluster.workers import Workers

pytestmark = pytest.mark.slow

NUMBERS = {"part": np.int64, "name": TEXT, "number": np.uint64}

# workers cannot import a test module: functions made inside a function travel by value


def part_functions():
    kinds = NUMBERS
    make = frame_of

    def numbers_below(piece):
        numbers = list(range(piece, 60, 3))
        columns = {"part": [one // 20 for one in numbers], "name": [f"n{one % 7}" for one in numbers]}
        return make(columns | {"number": numbers}, kinds)

    def doubled(part, by, table):
        return part.assign(number=part["number"] * by[0] + table["more"])

    def fail_at_59(part):
        if 59 in part["number"].to_numpy():
            raise ZeroDivisionError("at 59")
        return part

    return numbers_below, doubled, fail_at_59


numbers_below, doubled, fail_at_59 = part_functions()


@pytest.fixture(scope="module")
def cluster():
    with Workers(None, 2) as workers:
        yield workers.client


@pytest.fixture(params=["here", "on a cluster"])
def frames(request):
    return Frames(None if request.param == "here" else request.getfixturevalue("cluster"))


def read(frames):
    return frames.read(numbers_below, [0, 1, 2], NUMBERS)


def numbers(part):
    return part["number"].tolist()


def test_rows_come_to_the_part_they_name_and_parts_in_their_order(frames):
    parts = list(frames.results(frames.by_part(read(frames), 3).to_delayed()))
    assert [sorted(numbers(part)) for part in parts] == [list(range(start, start + 20)) for start in (0, 20, 40)]


def test_one_part_alone_gets_all_rows(frames):
    for one in (frames.by_part(read(frames), 1), frames.by_key(read(frames), "name", 1)):
        (part,) = frames.results(one.to_delayed())
        assert sorted(numbers(part)) == list(range(60))


def test_a_part_that_no_row_names_is_there_and_empty(frames):
    parts = list(frames.results(frames.by_part(read(frames), 5).to_delayed()))
    assert [len(part) for part in parts] == [20, 20, 20, 0, 0]
    assert list(parts[-1].columns)[-1] == "number"


def test_rows_with_equal_values_come_to_one_part(frames):
    parts = list(frames.results(frames.by_key(read(frames), "name", 4).to_delayed()))
    names = [set(part["name"]) for part in parts]
    assert sum(map(len, names)) == len(set.union(*names)) == 7
    assert sorted(number for part in parts for number in numbers(part)) == list(range(60))


def test_each_part_is_mapped_with_arguments_and_what_is_shared(frames):
    mapped = frames.mapped(read(frames), doubled, (2,), frames.shared({"more": 1}), kinds=NUMBERS)
    assert sorted(numbers(frames.whole(mapped))) == [2 * number + 1 for number in range(60)]


def test_tasks_give_what_a_function_makes_of_each_part_in_their_order(frames):
    tasks = frames.tasks(frames.by_part(read(frames), 3), len)
    assert list(frames.results(tasks)) == [20, 20, 20]


def test_what_is_kept_is_computed_once_and_told_part_by_part(frames):
    told = []
    kept = frames.kept(read(frames), told.append)
    assert sum(told) == 3
    assert sorted(numbers(frames.whole(kept))) == list(range(60))


def test_an_exception_in_a_part_is_raised_as_it_is(frames):
    failing = frames.mapped(frames.by_part(read(frames), 3), fail_at_59, kinds=NUMBERS)
    with pytest.raises(ZeroDivisionError, match="at 59"):
        frames.kept(failing, lambda _: None)
    with pytest.raises(ZeroDivisionError, match="at 59"):
        list(frames.results(failing.to_delayed()))


def test_workers_that_are_gone_for_good_are_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.NO_WORKERS_S", 1)
    with Workers(None, 1) as workers:
        frames = Frames(workers.client)
        one = read(frames)
        workers.client.cluster.scale(0)
        with pytest.raises(StageError, match="no Dask worker is left"):
            frames.kept(one, lambda _: None)


def test_columns_have_their_types_without_rows_and_with_64_bits():
    largest = (1 << 64) - 1
    frame = frame_of({"part": [1], "name": [None], "number": [largest]}, NUMBERS)
    assert frame.dtypes.equals(empty(NUMBERS).dtypes)
    assert (int(frame["number"][0]), frame["name"][0] is pd.NA) == (largest, True)
    assert len(empty(NUMBERS)) == 0
