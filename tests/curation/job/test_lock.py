"""One run curates a store at a time: a second one is told which run does; a dead one stands in nobody's way."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from corpus import leases
from corpus.errors import StageError
from corpus.leases import CURATION_UNIT as UNIT
from corpus.leases import LEASE_S, holders, this_process
from corpus.leases import LEASES as FOLDER
from curation.run import sole_run

pytestmark = pytest.mark.slow


@pytest.fixture
def running(filled):
    """Return a job that has begun and holds still, its lease taken; it ends when the test does."""
    job = subprocess.Popen(
        filled.command(), cwd=filled.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    while not list(Path(filled.store.path(FOLDER)).glob(f"{UNIT}.*")) and job.poll() is None:
        time.sleep(0.01)
    job.send_signal(signal.SIGSTOP)
    yield job
    if job.poll() is None:
        os.killpg(job.pid, signal.SIGKILL)
    job.communicate()


def published(world):
    return {**world.files("curated"), **world.files("shards")}


def test_a_second_run_is_told_who_curates_since_when_and_leaves_the_first_alone(filled, finished, running):
    second = filled.curate()
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert f"process {running.pid} on " in line
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", line)
    running.send_signal(signal.SIGCONT)
    _, text = running.communicate(timeout=120)
    assert running.returncode == 0, text
    assert published(filled) == published(finished.world)
    assert filled.store.names(FOLDER) == []


def test_the_lease_of_a_killed_run_is_taken_over_at_once(filled, finished, running):
    if not this_process().machine:
        pytest.skip("needs /proc")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert len(filled.store.names(FOLDER)) == 1
    result = filled.curate()
    assert result.returncode == 0, result.stderr
    assert published(filled) == published(finished.world)
    assert filled.store.names(FOLDER) == []


def test_the_lease_is_released_after_an_error(world):
    def fail():
        with sole_run(world.store):
            assert len(world.store.names(FOLDER)) == 1
            raise StageError("a fault of the run")

    for _ in range(2):
        with pytest.raises(StageError, match="a fault of the run"):
            fail()
    assert world.store.names(FOLDER) == []


def test_a_run_on_another_machine_keeps_its_lease_until_it_has_not_been_heard_of_for_long(world):
    lease = {"host": "elsewhere", "machine": "another", "pid": 7, "started": "1", "token": "t", "since_s": 1e9}
    path = f"{FOLDER}/{UNIT}.0.json"
    world.store.publish_json(path, {**lease, "expires_at_s": time.time() + LEASE_S})
    with (
        pytest.raises(StageError, match="process 7 on elsewhere curates it since 2001-09-09 01:46:40 UTC"),
        sole_run(world.store),
    ):
        pytest.fail("two runs at once")
    world.store.publish_json(path, {**lease, "expires_at_s": time.time() - 1})
    with sole_run(world.store) as check:
        check()


def test_a_run_whose_lease_another_one_has_taken_over_may_publish_nothing_more(world):
    with sole_run(world.store) as check:
        other = {**json.loads(world.store.read(f"{FOLDER}/{UNIT}.0.json")), "token": "another's"}
        world.store.publish_json(f"{FOLDER}/{UNIT}.1.json", other)
        with pytest.raises(StageError, match="another run has taken over"):
            check()
    assert f"{UNIT}.1.json" in world.store.names(FOLDER)  # it stays the other's


def test_the_lease_is_renewed_while_the_run_goes_on(world, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_EVERY_S", 0.01)
    with sole_run(world.store):
        path = Path(world.store.path(f"{FOLDER}/{UNIT}.0.json"))
        first, renewed = path.read_bytes(), threading.Event()
        for _ in range(1000):
            if path.read_bytes() != first:
                renewed.set()
                break
            time.sleep(0.01)
        assert renewed.is_set()
        assert holders(world.store, FOLDER, time.time())[UNIT].pid == os.getpid()
