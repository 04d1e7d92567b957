"""Crashes: after a kill at any moment, the same command run again gives the same bytes."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def published(world):
    return {**world.files("curated"), **world.files("shards")}


def children(pid):
    """Return the processes below a process, from Linux's /proc."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def is_worker(pid):
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def start(world):
    """Start the job as a person does, with workers that are started anew."""
    return subprocess.Popen(
        world.command(), cwd=world.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def test_job_killed_at_random_moments_ends_as_the_uninterrupted_one(finished, filled):
    moments = random.Random(7)
    for _ in range(3):
        job = filled.start()
        time.sleep(moments.uniform(0, 0.95) * finished.took_s)
        job.kill()
    result = filled.curate()
    assert result.returncode == 0, result.stderr
    assert published(filled) == published(finished.world)


def test_job_killed_while_it_publishes_ends_as_the_uninterrupted_one(finished, filled):
    job = filled.start()
    curated = Path(filled.store.path("curated"))
    while not curated.exists() and job.wait(0) is None:
        time.sleep(0.001)
    job.kill()
    result = filled.curate()
    assert result.returncode == 0, result.stderr
    assert "examined already" in result.stdout
    assert published(filled) == published(finished.world)


def test_job_whose_worker_is_killed_ends_as_the_undisturbed_one(finished, filled):
    job = start(filled)
    facts = Path(filled.store.path("facts"))
    while not list(facts.rglob("*.parquet")) and job.poll() is None:
        time.sleep(0.01)
    killed = [pid for pid in children(job.pid) if is_worker(pid)]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    assert killed
    assert job.wait(timeout=120) == 0
    assert published(filled) == published(finished.world)


def test_workers_of_a_killed_job_end_by_themselves(filled):
    job = start(filled)
    while not (workers := [pid for pid in children(job.pid) if is_worker(pid)]) and job.poll() is None:
        time.sleep(0.05)
    assert workers
    job.kill()
    job.wait()
    for _ in range(200):
        if not any(is_worker(pid) for pid in workers):
            return
        time.sleep(0.1)
    pytest.fail(f"workers {workers} outlive their job")
