"""Workers: lost workers cost time, not results; a task that kills its worker is handed back and the others finish."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import dask.config
import pytest
from distributed import Client, LocalCluster, as_completed
from distributed.scheduler import KilledWorker

from corpus.errors import StageError
from corpus.storage import open_store
from curation.cluster.proof import FOLDER
from curation.cluster.workers import Workers, run_tasks, wait_for_one

pytestmark = pytest.mark.slow

# workers cannot import a test module: functions made inside a function travel by value


def task_functions():
    def end_the_process_at_seven(numbers):
        if 7 in numbers:
            time.sleep(1)  # a nanny does not restart a worker that dies before it has said that it lives
            os._exit(1)
        return sum(numbers)

    def wait_and_add(numbers):
        time.sleep(0.4)
        return sum(numbers)

    def fail(numbers):
        raise ZeroDivisionError(f"at {numbers}")

    def lack_memory(numbers):
        raise MemoryError

    def told_from(_):
        return logging.getLogger("distributed.worker").getEffectiveLevel()

    return end_the_process_at_seven, wait_and_add, fail, lack_memory, told_from


end_the_process_at_seven, wait_and_add, fail, lack_memory, told_from = task_functions()


@pytest.fixture(scope="module")
def client():
    with Workers(None, 2) as workers:
        yield workers.client


def test_what_dask_sets_for_its_workers_does_not_stay_in_the_environment(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "__DASK_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with Workers(None, 1) as workers:
        environments = workers.client.run(lambda: dict(os.environ))
    (of_worker,) = environments.values()
    assert int(of_worker["MALLOC_TRIM_THRESHOLD_"]) > 1 << 20
    assert of_worker["OMP_NUM_THREADS"] == "1"
    assert {name: value for name, value in os.environ.items() if name != "__DASK_PARENT_PID"} == before


def test_every_task_comes_back_with_its_result(client):
    tasks = [(number, number + 1) for number in range(20)]
    assert dict(run_tasks(client, sum, tasks)) == {task: sum(task) for task in tasks}


def test_a_task_that_ends_its_worker_is_handed_back_and_the_others_finish(client):
    results = dict(run_tasks(client, end_the_process_at_seven, [(1, 2), (7,), (8,), (9,)]))
    assert isinstance(results.pop((7,)), KilledWorker)
    # Dask blames what the dead worker held, so those may be handed back, too
    assert {task for task, result in results.items() if not isinstance(result, KilledWorker | int)} == set()
    assert [result for task, result in results.items() if result == sum(task)]


def test_a_task_that_lacks_memory_is_handed_back(client):
    ((_, result),) = run_tasks(client, lack_memory, [(1,)])
    assert isinstance(result, MemoryError)


def test_an_exception_of_the_function_is_raised_as_it_is(client):
    with pytest.raises(ZeroDivisionError, match="at"):
        list(run_tasks(client, fail, [(1,)]))


def test_workers_tell_people_nothing_of_errors_that_the_run_says_itself(client):
    ((_, level),) = run_tasks(client, told_from, [(1,)])
    assert level > logging.ERROR


def test_the_work_of_a_killed_worker_is_done_again(client):
    tasks = [(number,) for number in range(8)]
    running = run_tasks(client, wait_and_add, tasks)
    done = [next(running)]
    for process in client.run(os.getpid).values():
        os.kill(process, signal.SIGKILL)
    assert dict([*done, *running]) == {task: task[0] for task in tasks}


@contextmanager
def scheduler_elsewhere(workers):
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address


def test_workers_that_are_gone_for_good_are_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.NO_WORKERS_S", 1)
    with Workers(None, 1) as workers:
        client = workers.client
        running = run_tasks(client, wait_and_add, [(1,)] * 50)
        next(running)
        client.cluster.scale(0)
        with pytest.raises(StageError, match="no Dask worker is left"):
            list(running)


def test_a_client_that_has_lost_its_scheduler_knows_of_no_workers(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.NO_WORKERS_S", 0.2)
    with dask.config.set({"distributed.comm.timeouts.connect": "0.5s"}):
        with scheduler_elsewhere(1) as address:
            client = Client(address, set_as_default=False)
        done = as_completed([], loop=client.loop)
        while client.scheduler_info():
            time.sleep(0.05)
        with pytest.raises(StageError, match="no Dask worker is left"):
            wait_for_one(client, done)


def test_a_running_scheduler_is_used_where_one_is_named():
    with scheduler_elsewhere(1) as address, Workers(address, 9) as workers:
        client = workers.client
        assert len(client.scheduler_info()["workers"]) == 1
        assert dict(run_tasks(client, sum, [(1, 2)])) == {(1, 2): 3}


def work_until_it_is_killed(address, scheduler):
    with Workers(address, 1) as workers:
        running = run_tasks(workers.client, wait_and_add, [(number,) for number in range(100)])
        next(running)
        scheduler.kill()
        list(running)


def test_a_scheduler_that_goes_in_the_middle_is_said_in_a_sentence(tmp_path, monkeypatch):
    file = tmp_path / "scheduler.json"
    scheduler, worker = (
        subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--scheduler-file", str(file)],
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        for words in (
            ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
            ["worker", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)],
        )
    )
    try:
        while not file.exists() or not file.read_text().endswith("}"):
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        with pytest.raises(StageError, match=rf"{address} is gone in the middle of the work"):
            work_until_it_is_killed(address, scheduler)
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()


def test_a_scheduler_without_workers_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.CONNECT_TIMEOUT_S", 1)
    with (
        scheduler_elsewhere(0) as address,
        pytest.raises(StageError, match="no worker has joined"),
        Workers(address, 1) as workers,
    ):
        assert workers.client


def test_workers_without_the_job_are_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.JOB", "curation.not_there")
    with (
        scheduler_elsewhere(1) as address,
        pytest.raises(StageError, match=r"cannot import curation\.not_there"),
        Workers(address, 1) as workers,
    ):
        assert workers.client


def test_a_worker_whose_storage_hangs_is_said_in_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("curation.cluster.workers.ANSWERS_WITHIN_S", 4)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
        Workers(cluster.scheduler_address, 1, store=open_store(str(tmp_path))) as workers,
    ):
        (address,) = cluster.scheduler_info["workers"]
        probe = tmp_path / workers._probe.path
        probe.unlink()
        os.mkfifo(probe)  # reading it does not end, as on a mount whose server is gone
        with pytest.raises(StageError, match=f"the Dask worker {address} does not answer within 4 s"):
            assert workers.client
        os.close(os.open(probe, os.O_RDWR | os.O_NONBLOCK))


def test_no_scheduler_at_the_address_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setattr("curation.cluster.workers.CONNECT_TIMEOUT_S", 1)
    with (
        pytest.raises(StageError, match=r"clusters.dask_scheduler: no Dask scheduler at tcp://127.0.0.1:9"),
        Workers("tcp://127.0.0.1:9", 1) as workers,
    ):
        assert workers.client


def test_workers_get_the_memory_they_are_told_to_have_and_a_folder_to_spill_to_that_goes_with_them():
    with Workers(None, 1, memory_mb=300) as workers:
        ((_, worker),) = workers.client.scheduler_info()["workers"].items()
        assert worker["memory_limit"] == 300_000_000
        folder = Path(worker["local_directory"])
        assert folder.is_dir()
        assert "shutterprint-dask-" in str(folder)
    assert not folder.exists()


def test_a_cluster_nobody_asks_for_is_not_started():
    with Workers("tcp://127.0.0.1:9", 1):
        pass


def test_what_a_killed_run_asked_its_workers_is_removed_by_one_that_asks_none(tmp_path):
    store = open_store("data", tmp_path)
    store.publish(f"{FOLDER}/old/probe", b"")
    with Workers(None, 2, store=store):
        assert not store.filesystem.exists(store.path(FOLDER))
