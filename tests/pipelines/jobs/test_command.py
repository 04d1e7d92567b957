"""`shutterprint jobs`: what is listed of head and storage, what is followed and stopped, sentences for the rest."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from corpus.configuration import Configuration, read_configuration
from corpus.errors import StageError
from corpus.leases import held
from pipelines.jobs.__main__ import main
from train.runs import one_trainer
from train.runs.requested import job_of_run
from train.runs.run import Run, RunConfig, open_run

EPOCH = {
    "epoch": 2, "loss": 0.5, "accuracy": 0.9, "seconds": 60.0, "crops_per_s": 10.0, "data_wait": 0.01, "skipped": 0
}  # fmt: skip

Jobs = Callable[..., int]


@pytest.fixture
def configuration(tmp_path: Path, small_catalogue: Path, head: Any) -> Configuration:
    path = tmp_path / "pipelines.yaml"
    path.write_text(
        yaml.safe_dump({"storage": "data", "catalogue": str(small_catalogue), "clusters": {"ray_dashboard": head.url}})
    )
    return read_configuration(path)


@pytest.fixture
def jobs(configuration: Configuration, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    def command(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["shutterprint jobs", *words, "--config", str(configuration.file)])
        return main()

    return command


@pytest.fixture
def run(configuration: Configuration) -> Run:
    run = open_run(configuration.store, RunConfig("0001-abc", ("a", "b"), configuration.train))
    run.store.publish(f"{run.directory}/metrics.jsonl", json.dumps(EPOCH).encode())
    return run


def test_jobs_of_the_head_and_trainings_without_one_are_listed(
    jobs: Jobs, run: Run, configuration: Configuration, head: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    name = job_of_run(run.store, run.config(), None)
    head.jobs = {name: "FAILED", f"{name}.2": "RUNNING", "other": "RUNNING", "raysubmit_1": "PENDING"}
    alone = open_run(run.store, RunConfig("0001-abc", ("a", "b"), configuration.train), "alone")
    open_run(run.store, RunConfig("0001-abc", ("a", "b"), configuration.train), "left")
    run.store.mark_done(open_run(run.store, RunConfig("0001-abc", ("a",), configuration.train), "whole").directory, {})
    with held(run.store, alone.directory, one_trainer.UNIT):
        assert jobs() == 0
    header, *lines = [line.split(None, 4) for line in capsys.readouterr().out.splitlines()]
    assert header == ["job", "run", "state", "since", "progress"]
    assert {line[0]: line[1:3] for line in lines[:3]} == {
        name: [run.name, "failed"], f"{name}.2": [run.name, "running"], "raysubmit_1": ["-", "pending"]
    }  # fmt: skip
    assert lines[0][3] == "2023-11-14T22:13:20Z"
    assert lines[1][4].startswith("epoch 2/30 loss 0.500 accuracy 0.900")
    assert [line[:3] for line in lines[3:]] == [["-", "alone", "process"], ["-", "left", "unfinished"]]


def test_a_job_that_somebody_submitted_by_hand_is_known_by_the_lease_of_its_run(
    jobs: Jobs, run: Run, head: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    head.jobs = {"raysubmit_1": "RUNNING"}
    with held(run.store, run.directory, one_trainer.UNIT, "raysubmit_1"):
        jobs()
    _, line = capsys.readouterr().out.splitlines()
    assert line.split()[:3] == ["raysubmit_1", run.name, "running"]


def test_without_a_head_trainings_are_listed_and_that_is_said(
    jobs: Jobs, run: Run, head: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    head.locked = 502
    assert jobs() == 0
    told = capsys.readouterr()
    assert f"note: the Ray head at {head.url} answers with status 502" in told.err
    assert f"{run.name}  unfinished" in told.out


def test_a_job_is_stopped_by_its_id_and_by_the_name_of_its_run(
    jobs: Jobs, run: Run, head: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    head.jobs = {"raysubmit_1": "RUNNING", "raysubmit_2": "RUNNING"}
    with held(run.store, run.directory, one_trainer.UNIT, "raysubmit_2"):
        assert jobs("stop", "raysubmit_1") == 0
        assert jobs("stop", run.name) == 0
    assert head.jobs == {"raysubmit_1": "STOPPED", "raysubmit_2": "STOPPED"}
    assert "goes on from its last checkpoint" in capsys.readouterr().out
    with pytest.raises(StageError, match="raysubmit_1: neither waits nor runs"):
        jobs("stop", "raysubmit_1")


def test_a_run_whose_job_waits_is_stopped_by_its_name(jobs: Jobs, run: Run, head: Any) -> None:
    (name,) = {job_of_run(run.store, run.config(), None)}
    head.jobs = {name: "FAILED", f"{name}.2": "PENDING"}
    assert jobs("stop", run.name) == 0
    assert head.jobs == {name: "FAILED", f"{name}.2": "STOPPED"}


# stands for `ray job logs --follow` whose connection drops once
_LOGS = """#!{python} -SE
import os, pathlib, sys, urllib.request
calls = pathlib.Path({calls!r})
with calls.open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if len(calls.read_text().splitlines()) == 2:
    url = os.environ["RAY_API_SERVER_ADDRESS"] + "/api/jobs/" + sys.argv[-1] + "/SUCCEEDED"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"))
"""


def test_a_log_whose_connection_drops_is_followed_again_while_the_job_lives(
    jobs: Jobs, head: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs, calls = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    ray = programs / "ray"
    ray.write_text(_LOGS.format(python=sys.executable, calls=str(calls)))
    ray.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    head.jobs = {"raysubmit_1": "RUNNING"}
    assert jobs("follow", "raysubmit_1") == 0
    assert calls.read_text().splitlines() == ["job logs --follow raysubmit_1"] * 2
    assert "the connection to the log of raysubmit_1 has ended and the job has not" in capsys.readouterr().err


def test_a_training_without_ray_is_followed_and_stopped_where_it_runs(
    jobs: Jobs, run: Run, configuration: Configuration, capsys: pytest.CaptureFixture[str], repository: Path
) -> None:
    program = (
        "import signal, sys, time\nfrom corpus.leases import held\nfrom corpus.storage import open_store\n"
        "signal.signal(signal.SIGTERM, signal.default_int_handler)\n"
        f"with held(open_store({run.store.url!r}), {run.directory!r}, 'lease'):\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=repository, stderr=subprocess.DEVNULL)
    try:
        while one_trainer.trainer_of(run) is None:
            assert process.poll() is None
            time.sleep(0.02)
        assert jobs("stop", run.name) == 0
        assert process.wait(30) == 1 or process.returncode == -signal.SIGINT
    finally:
        process.kill()
    assert f"process {process.pid} on " in capsys.readouterr().out
    run.store.mark_done(run.directory, {})
    assert jobs("follow", run.name) == 0
    assert capsys.readouterr().out.startswith("epoch   2/30")


def test_a_training_of_another_machine_is_stopped_there(jobs: Jobs, run: Run) -> None:
    now_s = time.time()
    holder = {"host": "elsewhere", "machine": "another", "pid": os.getpid(), "started": "1", "token": "t"}
    lease = {**holder, "since_s": now_s, "expires_at_s": now_s + 60}
    run.store.publish_json(f"{run.directory}/{one_trainer.UNIT}.0.json", lease)
    with pytest.raises(StageError, match=rf"on another machine; stop it there: `kill {os.getpid()}`"):
        jobs("stop", run.name)


def test_a_name_that_nothing_has_is_a_sentence(jobs: Jobs, head: Any) -> None:
    with pytest.raises(StageError, match="nothing: is neither a job of the Ray head nor a run"):
        jobs("stop", "nothing")
    head.locked = 403
    with pytest.raises(StageError, match=r"nothing: is no run, and the Ray head .* wants another token"):
        jobs("follow", "nothing")


@pytest.mark.parametrize("words", [("follow",), ("stop",), ("list", "x"), ("remove", "x")])
def test_a_wrong_command_line_is_told(jobs: Jobs, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        jobs(*words)
    assert exit_info.value.code == 2
