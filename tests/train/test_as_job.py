"""The training stage as a job of a real Ray head: submitted twice, interrupted, listed, stopped."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from corpus.configuration import read_configuration
from corpus.leases import is_left
from corpus.storage import Store
from demo.ray_head import ray_head
from pipelines.jobs.__main__ import main as jobs
from train.main import train
from train.runs.one_trainer import UNIT, TrainedElsewhereError, trainer_of
from train.runs.run import Run

SECONDS = 300


def until(condition: Callable[[], object], *processes: "subprocess.Popen[str]") -> None:
    end_s = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end_s
        for each in processes:
            if each.poll() is not None:
                pytest.fail(f"it has ended with {each.returncode}:\n{each.communicate()[0]}")
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_run_has_one_job_which_is_followed_outlives_an_interrupt_and_is_stopped(
    filled: Store,
    configuration: Callable[..., Path],
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ray_head(tmp_path / "ray.log") as dashboard:
        file = configuration(epochs=1000, steps_per_epoch=10)
        stage = f"ray job submit --working-dir {repository} -- python train/main.py --config {{config}}"
        pipelines = {name: {"stages": [stage]} for name in ("first", "second")}
        told = yaml.safe_load(file.read_text()) | {"clusters": {"ray_dashboard": dashboard}, "pipelines": pipelines}
        file.write_text(yaml.safe_dump(told))

        def pipeline(name: str) -> "subprocess.Popen[str]":
            command = [sys.executable, "-m", "pipelines", "--config", file, "run", name]
            return subprocess.Popen(
                command, cwd=repository, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )  # fmt: skip

        def command(*words: str) -> list[str]:
            monkeypatch.setattr(sys, "argv", ["shutterprint jobs", *words, "--config", str(file)])
            capsys.readouterr()
            assert jobs() == 0
            return capsys.readouterr().out.splitlines()

        first = pipeline("first")
        until(lambda: filled.names("runs"), first)
        run = Run(filled, f"runs/{filled.names('runs')[0]}")
        until(lambda: filled.exists(f"{run.directory}/metrics.jsonl"), first)
        trainer = trainer_of(run)
        assert trainer is not None
        assert trainer.job.startswith(f"shutterprint-{run.name.partition('-')[2]}-")

        second = pipeline("second")
        lines = []
        assert second.stdout is not None
        for line in second.stdout:
            lines.append(line)
            if "epoch" in line:
                break
        assert f"Ray job {trainer.job} trains this run already; its log follows\n" in lines
        second.send_signal(signal.SIGTERM)
        assert f"`shutterprint jobs stop {trainer.job}` stops it" in second.communicate(timeout=SECONDS)[0]
        assert second.returncode == 130

        with pytest.raises(TrainedElsewhereError, match=f"Ray job {trainer.job} "):
            train(read_configuration(file), without_ray=True, waits=False)
        _, listed = command()
        assert listed.split()[:3] == [trainer.job, run.name, "running"]

        assert command("stop", run.name)[-1].startswith(f"Ray job {trainer.job} has stopped")
        assert f"Ray job {trainer.job} was stopped; submitted again" in first.communicate(timeout=SECONDS)[0]
        assert first.returncode == 2
        assert not is_left(filled, run.directory, UNIT)
