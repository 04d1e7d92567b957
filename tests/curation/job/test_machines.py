"""Machines in trouble: workers that do not see the storage, originals that end their worker; none is a verdict."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.preloaded import FORKED_WORKERS
from corpus.errors import StageError
from corpus.storage import open_store
from curation.cluster.workers import Workers
from tests.curation.conftest import copy_crawl

pytestmark = pytest.mark.slow

CAN_UNSHARE = (
    shutil.which("unshare") is not None
    and subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
in_namespaces = pytest.mark.skipif(
    not CAN_UNSHARE, reason="this user may not unshare the mount namespace and mount a tmpfs"
)


@contextmanager
def running(command, folder, **environment):
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def worker(file, folder, hidden=None):
    """Return what starts a worker; `hidden`: a folder over which it alone has another, empty file system."""
    words = ["dask", "worker", "--scheduler-file", str(file), "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    command = [sys.executable, "-m", *words, "--local-directory", str(folder), "--host", "127.0.0.1"]
    if hidden is None:
        return command
    return ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(hidden), *command]


@contextmanager
def cluster(folder, hidden_from_workers):
    """Yield the address of a scheduler with a worker for each entry, from which that folder is hidden (None: none)."""
    folder.mkdir()
    file = folder / "scheduler.json"
    with ExitStack() as open_processes:
        words = ["dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler = [sys.executable, "-m", *words, "--scheduler-file", str(file)]
        open_processes.enter_context(running(scheduler, folder))
        while not file.exists() or not file.read_text().endswith("}"):
            time.sleep(0.1)
        for hidden in hidden_from_workers:
            open_processes.enter_context(running(worker(file, folder, hidden), folder))
        address = json.loads(file.read_text())["address"]
        with Workers(address, 1) as workers:
            workers.client.wait_for_workers(len(hidden_from_workers), timeout=60)
        yield address


@in_namespaces
def test_two_workers_one_of_which_does_not_see_the_folder_end_the_run_in_a_sentence_and_nothing_is_published(
    filled, tmp_path
):
    with cluster(tmp_path / "cluster", [None, filled.store.path("")]) as address:
        filled.configure(clusters={"dask_scheduler": address})
        before = filled.files(".")
        result = filled.curate()
    assert result.returncode == 2
    (sentence,) = result.stderr.strip().splitlines()
    assert "does not see the storage" in sentence
    assert "mount the same folder" in sentence
    assert filled.files(".") == before


@in_namespaces
def test_a_worker_that_joins_later_and_does_not_see_the_folder_is_found_before_its_first_task(filled, tmp_path):
    folder = tmp_path / "cluster"
    with cluster(folder, [None]) as address, Workers(address, 1, store=filled.store) as workers:
        client = workers.client
        (first,) = client.scheduler_info()["workers"]
        with running(worker(folder / "scheduler.json", folder, filled.store.path("")), folder):
            client.wait_for_workers(2, timeout=60)
            (late,) = set(client.scheduler_info()["workers"]) - {first}
            assert client.submit(workers.proved(sum), [1, 2], workers=[first]).result() == 3
            task = client.submit(workers.proved(sum), [1, 2], workers=[late], pure=False)
            with pytest.raises(StageError, match=f"{late} does not see the storage"):
                task.result()


@in_namespaces
def test_workers_in_namespaces_of_their_own_judge_an_object_store_as_one_machine_does(
    bucket, finished, empty_world, tmp_path
):
    pytest.importorskip("s3fs", reason="needs the extra s3")
    world = empty_world(tmp_path)
    here, there = finished.world.store, open_store(bucket)
    copy_crawl(here, there)
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    with cluster(tmp_path / "cluster", [hidden, hidden]) as address:
        world.configure(storage=bucket, clusters={"dask_scheduler": address})
        result = world.curate()
    assert result.returncode == 0, result.stderr
    (generation,) = finished.world.generations()
    assert there.done_names("curated") == [generation]
    for name in ("photos.parquet", "report.html", "funnel.json"):
        path = f"curated/{generation}/{name}"
        assert there.read(path) == here.read(path)
    for name in ("groups.arrow", "photos.arrow", "tiles.arrow"):
        assert there.read(f"shards/{generation}/{name}") == here.read(f"shards/{generation}/{name}")


def test_a_worker_without_credentials_ends_the_run_in_a_sentence(bucket, monkeypatch, tmp_path):
    pytest.importorskip("s3fs", reason="needs the extra s3")
    folder = tmp_path / "cluster"
    store = open_store(bucket)
    store.publish("x", b"")
    secrets = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    for name in secrets:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with cluster(folder, [None]) as address:
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        with (
            pytest.raises(StageError, match="there are no credentials on this machine"),
            Workers(address, 1, store=store) as workers,
        ):
            assert workers.client


KILLER = '''
import hashlib, os, signal, sys
import simplejpeg
from forensics.coefficients import reading

decode, scan = simplejpeg.decode_jpeg, reading.decode_scan


def break_at(data):
    """Break as a decoder with a fault does, at the files that the test names."""
    frame, digest = sys._getframe(1), hashlib.sha256(data[-64:]).hexdigest()
    while frame is not None:
        if f"{frame.f_globals['__name__']}:{digest}" in os.environ["KILLERS"].split():
            signal.raise_signal(signal.SIGSEGV)
        frame = frame.f_back


def decode_jpeg(data, *arguments, **named):
    break_at(data)
    return decode(data, *arguments, **named)


def decode_scan(data, *arguments):
    break_at(data)
    return scan(data, *arguments)


simplejpeg.decode_jpeg, reading.decode_scan = decode_jpeg, decode_scan
'''


def test_originals_that_end_their_worker_are_tried_alone_and_refused_and_the_run_goes_on(
    filled, finished, monkeypatch, tmp_path
):
    from hashlib import sha256

    killers = {"curation.facts.pixels": "flickr:000", "shards.tiles.cutting": "flickr:100"}
    rows = {row["photo"]: row for row in filled.store.read_table("crawl/flickr/w1/records.parquet").to_pylist()}
    named = [
        f"{where}:{sha256(filled.store.read(rows[photo]['original'])[-64:]).hexdigest()}"
        for where, photo in killers.items()
    ]
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(KILLER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hook"))
    monkeypatch.setenv("KILLERS", " ".join(named))
    # workers that are started anew as forks, else each of the ten starts takes seconds
    environment = os.environ | FORKED_WORKERS
    command = filled.command()
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert result.returncode == 0, result.stderr
    judged = filled.rows()
    killed = judged["flickr:000"]
    assert (killed["kept"], killed["reasons"]) == (False, ["kills_examiner"])
    assert killed["error"] == f"SHA-256 {killed['sha256']}: examined alone, it ended its process by signal SIGSEGV"
    others = {photo: row for photo, row in finished.world.rows().items() if photo not in killers.values()}
    assert {photo: row["reasons"] for photo, row in others.items()} == {
        photo: judged[photo]["reasons"] for photo in others
    }
    (generation,) = filled.generations()
    (failure,) = filled.store.read_json(f"shards/{generation}/index.json")["failures"]
    assert failure["original"] == judged["flickr:100"]["original"]
    assert failure["reason"].startswith(f"SHA-256 {judged['flickr:100']['sha256']}: cut alone, it ended its process")
    again = filled.curate()  # it is a fact, so it is not tried again
    assert again.returncode == 0, again.stderr
    assert "every original is examined already" in again.stdout
    assert filled.generations() == [generation]


def test_originals_lost_by_the_hundred_stop_the_run_and_nothing_is_published(world, jpeg):
    rows = [world.record(str(number), jpeg(number), owner_id=str(number)) for number in range(3)]
    world.window("w1", rows)
    Path(world.store.path(rows[0]["original"])).unlink()
    result = world.curate_here()
    assert result.returncode == 2
    (sentence,) = result.stderr.strip().splitlines()
    assert "more than 1% of the 3 stored originals are lost" in sentence
    assert not world.store.exists("curated")
