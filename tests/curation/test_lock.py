"""One curation of a store at a time: a second one is told whose turn it is; a dead one stands in nobody's way."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from corpus.errors import StageError
from corpus.leases import LEASE_S, holders, this_process
from curation import turn as turns
from curation.turn import FOLDER, UNIT, turn


@pytest.fixture
def running(filled):
    """Return a job that has begun and holds still, its turn taken; it ends when the test does."""
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


def test_the_turn_of_a_killed_run_is_taken_over_at_once(filled, finished, running):
    if not this_process().machine:
        pytest.skip("needs /proc")
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert len(filled.store.names(FOLDER)) == 1
    result = filled.curate()
    assert result.returncode == 0, result.stderr
    assert published(filled) == published(finished.world)
    assert filled.store.names(FOLDER) == []


def test_the_turn_is_given_back_after_an_error(world):
    def fail():
        with turn(world.store):
            assert len(world.store.names(FOLDER)) == 1
            raise StageError("a fault of the run")

    for _ in range(2):
        with pytest.raises(StageError, match="a fault of the run"):
            fail()
    assert world.store.names(FOLDER) == []


def test_a_run_on_another_machine_keeps_its_turn_until_it_has_not_been_heard_of_for_long(world):
    lease = {"host": "elsewhere", "machine": "another", "pid": 7, "started": "1", "token": "t", "since_s": 1e9}
    path = f"{FOLDER}/{UNIT}.0.json"
    world.store.publish_json(path, {**lease, "expires_at_s": time.time() + LEASE_S})
    with (
        pytest.raises(StageError, match="process 7 on elsewhere curates it since 2001-09-09 01:46:40 UTC"),
        turn(world.store),
    ):
        pytest.fail("two runs at once")
    world.store.publish_json(path, {**lease, "expires_at_s": time.time() - 1})
    with turn(world.store) as held:
        held.check()


def test_a_run_whose_turn_another_one_has_taken_over_may_publish_nothing_more(world):
    with turn(world.store) as held:
        other = {**json.loads(world.store.read(held.lease.path)), "token": "another's"}
        world.store.publish_json(f"{FOLDER}/{UNIT}.1.json", other)
        with pytest.raises(StageError, match="another run has taken over"):
            held.check()
    assert f"{UNIT}.1.json" in world.store.names(FOLDER)  # it stays the other's


def test_the_turn_is_renewed_while_the_run_goes_on(world, monkeypatch):
    monkeypatch.setattr(turns, "LEASE_S", 0.04)  # how often: the lease itself holds as long as ever
    with turn(world.store) as held:
        path = Path(world.store.path(held.lease.path))
        first, renewed = path.read_bytes(), threading.Event()
        for _ in range(1000):
            if path.read_bytes() != first:
                renewed.set()
                break
            time.sleep(0.01)
        assert renewed.is_set()
        assert holders(world.store, FOLDER, time.time())[UNIT].pid == os.getpid()
