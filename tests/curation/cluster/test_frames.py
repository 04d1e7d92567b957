"""Frames: the same tasks in the same order, done in this process or on a cluster, and the tables they leave."""

from contextlib import ExitStack

import pyarrow as pa
import pytest

from corpus.errors import StageError
from corpus.storage import open_store
from curation.cluster.frames import SPOOL, Frames
from curation.cluster.spool import Spool
from curation.cluster.workers import Workers

pytestmark = pytest.mark.slow

# workers cannot import a test module: functions made inside a function travel by value


def part_functions():
    import pyarrow as arrow

    def leave(part, spool):
        spool.write(f"numbers-{part}", [arrow.table({"n": [part * 10 + reader], "m": ["x"]}) for reader in range(3)])
        return part

    def take(reader, spool, shared):
        return spool.gathered([f"numbers-{part}" for part in range(4)], reader, ["n"])["n"].to_pylist(), shared["by"]

    def fail_at_2(part):
        if part == 2:
            raise ZeroDivisionError("at 2")
        return part

    return leave, take, fail_at_2


leave, take, fail_at_2 = part_functions()


@pytest.fixture(scope="module")
def cluster():
    with Workers(None, 2) as workers:
        yield workers.client


@pytest.fixture(params=["here", "on a cluster"])
def frames(request):
    return Frames(None if request.param == "here" else request.getfixturevalue("cluster"))


def test_late_tasks_of_a_killed_run_do_not_write_into_another_runs_tables(cluster, tmp_path):
    store = open_store("data", tmp_path)
    killed = Frames(cluster).spool(store, ExitStack())
    killed.write("numbers-0", [pa.table({"n": [1]})])
    with ExitStack() as until:
        own = Frames(cluster).spool(store, until)
        assert store.names(SPOOL) == []
        own.write("numbers-0", [pa.table({"n": [2]})])
        killed.write("numbers-0", [pa.table({"n": [3]})])
        assert own.read("numbers-0")["n"].to_pylist() == [2]
    assert store.names("") == []


def test_a_table_that_is_no_single_batch_is_not_cut_off(tmp_path):
    table = pa.table({"n": [1]})

    class Large:
        schema, nbytes = table.schema, 5

        def combine_chunks(self):
            return pa.concat_tables([table, table])

    with pytest.raises(ValueError, match=r"numbers: a table of 5 bytes is too large; lower curation.judge_photos"):
        Spool(open_store(str(tmp_path)), "w").write("numbers", [Large()])


def test_tasks_leave_tables_for_those_of_the_next_step_and_none_is_left_at_the_end(frames, tmp_path):
    store, told = open_store("data", tmp_path), []
    with ExitStack() as until:
        spool = frames.spool(store, until)
        assert frames.done(leave, range(4), spool, advance=told.append) == [0, 1, 2, 3]
        assert told == [1] * 4
        found = list(frames.results(take, range(3), spool, frames.shared({"by": "all"})))
        assert found == [([reader, 10 + reader, 20 + reader, 30 + reader], "all") for reader in range(3)]
    assert store.names("") == []


def test_an_exception_in_a_task_is_raised_as_it_is(frames):
    with pytest.raises(ZeroDivisionError, match="at 2"):
        frames.done(fail_at_2, range(4))
    with pytest.raises(ZeroDivisionError, match="at 2"):
        list(frames.results(fail_at_2, range(4)))


def test_workers_that_are_gone_for_good_are_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.NO_WORKERS_S", 1)
    with Workers(None, 1) as workers:
        frames = Frames(workers.client)
        workers.client.cluster.scale(0)
        with pytest.raises(StageError, match="no Dask worker is left"):
            frames.done(fail_at_2, [0])


def test_what_a_killed_run_left_is_removed_by_the_next(cluster, tmp_path):
    store = open_store("data", tmp_path)
    Spool(store, "judging").write("old", [pa.table({"n": [1]})])
    with ExitStack() as until:
        Frames(cluster).spool(store, until)
        assert store.names("judging") == []


@pytest.mark.parametrize("packed", [True, False])
def test_a_table_comes_back_as_it_was_left_whole_or_some_columns_of_it(tmp_path, packed):
    table = pa.table({"a": [1, None], "b": [["x"], None], "c": pa.array([1 << 63, 0], pa.uint64())})
    for spool in (Spool(open_store(str(tmp_path)), "spool"), Spool(None, "")):
        spool.write("t", [table.slice(0, 0), table, table.slice(1)], packed=packed)
        assert spool.read("t", 1).equals(table)
        assert spool.read("t", 2, ["c", "a"]).to_pylist() == [{"c": 0, "a": None}]
        assert spool.gathered(["t", "t"], 0).schema == table.schema
        spool.remove(["t"])
        with pytest.raises((KeyError, FileNotFoundError)):
            spool.read("t")
