"""One real training, begun on an embedded Ray cluster by two workers with loaders, and killed in all its parts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from corpus.configuration import read_configuration
from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.data.samples import TrainingSamples
from train.fit import cluster
from train.fit.cluster import _reason, check_reachable, not_started
from train.main import train
from train.runs.run import Run

SECONDS = 400
STEPS, EPOCHS, OF_STEP = 60, 2, 16
"""Steps in an epoch, epochs, and samples in a step, by however many workers."""


def processes_below(parent: int) -> dict[int, str]:
    """Return the command lines of the descendants of a process."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # gone meanwhile

    def descends(process: int) -> bool:
        while process > 1:
            process = parents.get(process, 0)
            if process == parent:
                return True
        return False

    return {process: name for process, name in names.items() if descends(process)}


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


class Trainings:
    """Starts the command that trains one run, again and again, and kills parts of it at checkpoints within an epoch."""

    def __init__(self, store: Store, file: Path, main: Path, folder: Path) -> None:
        self.store, self.log, self.folder = store, folder / "log", folder
        self.command = [
            sys.executable,
            *map(str, (main, "--config", file, "--run", "both", "--ledger", folder / "ledger")),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> int:
        """Start it in a session of its own and return its process."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.command, *options], cwd=self.folder, env=environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        return self.process.pid

    def wait_for_another_checkpoint(self) -> None:
        """Wait until there is another last checkpoint than now, one within an epoch."""
        before = self._last()
        deadline_s = time.monotonic() + SECONDS
        while (last := self._last()) == before or "-step-" not in last:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline_s, self.log.read_text()
            time.sleep(0.02)

    def end(self) -> None:
        """Kill what is left of it."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _last(self) -> str:
        return (self.store.done_names("runs/both/checkpoints") or [""])[-1]


def samples_used(ledger: Path) -> dict[int, list[int]]:
    """Return the samples of each step, in their order over all ranks: of a step trained twice, those of the last time.

    What was trained twice must have been the same both times.
    """
    used: dict[int, dict[str, list[int]]] = {}
    for file in sorted(ledger.iterdir()):  # by when they were begun
        _, rank, _, ranks = file.stem.split("-")
        steps: dict[int, list[int]] = {}
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            steps[entry["step"]] = steps.get(entry["step"], []) + entry["numbers"]
        for step, numbers in steps.items():
            ways = used.setdefault(step, {})
            assert ways.get(f"{rank}/{ranks}", numbers) == numbers
            if any(not way.endswith(f"/{ranks}") for way in ways):
                ways.clear()
            ways[f"{rank}/{ranks}"] = numbers
    return {step: sorted(chain.from_iterable(ways.values())) for step, ways in used.items()}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_worker_driver_and_cluster_within_an_epoch_leave_the_sequence_of_samples_as_it_is(
    filled: Store,
    configuration: Callable[..., Path],
    damage_tiles: Callable[..., list[str]],
    repository: Path,
    tmp_path: Path,
) -> None:
    file = configuration(workers=2, epochs=EPOCHS, steps_per_epoch=STEPS, loaders=1, checkpoint_minutes=0.0001)
    index = read_index(filled, "0001-abcdef")
    bad = int(index.rows_in_tars("train")[0])
    damage_tiles(filled, index, [bad])
    rows = TrainingSamples(filled, index, read_configuration(file).train).rows(np.arange(EPOCHS * STEPS * OF_STEP))
    due = np.flatnonzero(rows == bad).tolist()
    trainings = Trainings(filled, file, repository / "train/main.py", tmp_path)
    try:
        driver = trainings.start()
        trainings.wait_for_another_checkpoint()
        workers = [each for each, name in processes_below(driver).items() if "RayTrainWorker" in name]
        assert len(workers) == 2, trainings.log.read_text()
        kill(workers[-1:])  # a worker; Ray starts both again
        trainings.wait_for_another_checkpoint()
        kill([driver, *processes_below(driver)])  # the cluster, its head and workers included
        trainings.end()
        driver = trainings.start("--without-ray", "--set", "train.workers=1", "--set", f"train.batch={OF_STEP}")
        trainings.wait_for_another_checkpoint()
        kill([driver])  # the driver alone; its loader ends with it
        trainings.end()
    finally:
        trainings.end()
    assert filled.done("runs/both") is None
    alone = configuration(workers=1, accumulate=2, epochs=EPOCHS, steps_per_epoch=STEPS, checkpoint_minutes=0.0001)
    train(read_configuration(alone), "both", without_ray=True, ledger=str(tmp_path / "ledger"))

    straight = {step: list(range(step * OF_STEP, (step + 1) * OF_STEP)) for step in range(EPOCHS * STEPS)}
    assert samples_used(tmp_path / "ledger") == straight
    history = [json.loads(line) for line in filled.read("runs/both/metrics.jsonl").decode().splitlines()]
    assert [(entry["epoch"], entry["samples"]) for entry in history] == [(1, 960), (2, 1920)]
    assert any(entry.get("resumed", False) for entry in history)
    skipped = [json.loads(line) for line in filled.read("runs/both/skipped.jsonl").decode().splitlines()]
    assert [(entry["number"], entry["attempt"]) for entry in skipped] == [(due[0], 0)]  # the first of all ranks
    assert sum(entry["skipped"] for entry in history) == len(due)
    assert filled.read_json("runs/both/evaluation.json")["unaltered"] > 0.9
    assert not [path for path in Path(filled.path("runs")).rglob("*") if path.suffix in (".pt", ".pth", ".pkl")]


@pytest.mark.parametrize(
    "text",
    [
        "[../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 1800000ms for recv operation",
        "Gloo connectFullMesh failed with [../third_party/gloo/gloo/transport/tcp/pair.cc:144] no error",
        "torch.distributed.DistStoreError: Timed out after 1801 seconds waiting for clients. 1/2 clients joined.",
    ],
)
def test_workers_that_wait_for_each_other_in_vain_are_a_sentence(tmp_path: Path, text: str) -> None:
    reason = _reason(Run(Store(str(tmp_path)), "runs/r"), RuntimeError(f"Traceback …\n{text}"))
    assert "waited for each other in vain" in reason
    assert "GLOO_SOCKET_IFNAME" in reason
    assert reason.endswith(f"Last: Traceback …\n{text}")


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: CUDA out of memory (backend gloo, timeout=1800)",
        "ProcessGroupGloo could not be made: Address already in use\n... health check timeout_s=30",
        "module gloo\nHTTP request timed out",
    ],
)
def test_other_errors_that_speak_of_gloo_and_of_time_are_told_as_they_are(tmp_path: Path, text: str) -> None:
    reason = _reason(Run(Store(str(tmp_path)), "runs/r"), RuntimeError(text))
    assert "in vain" not in reason
    assert reason.endswith(f"Last: {text}")


def test_a_cluster_that_does_not_answer_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "REACHABLE_WITHIN_S", 0.5)
    with pytest.raises(StageError, match=r"RAY_ADDRESS: no Ray cluster answers at 127\.0\.0\.1:9: .*start it"):
        check_reachable("127.0.0.1:9")
    for address in ("local", "auto", "ray://127.0.0.1:9"):
        check_reachable(address)


SLOW = "The current node timed out during startup. This could happen because some of the raylet failed to startup or …"


@pytest.mark.parametrize(
    ("address", "error", "told"),
    [
        (
            "local",
            Exception(SLOW),
            r"^Ray did not start on this machine: The current node timed out.*less busy, or wait$",
        ),
        ("10.0.0.1:6379", Exception(SLOW), r"^RAY_ADDRESS: no Ray cluster answers at 10\.0\.0\.1:6379: .*start it"),
        ("10.0.0.1:6379", ConnectionError("refused\nmore"), r"answers at 10\.0\.0\.1:6379: refused; start it"),
    ],
)
def test_a_ray_that_does_not_start_is_a_sentence(address: str, error: Exception, told: str) -> None:
    assert re.search(told, str(not_started(address, error, "wait")))


def test_a_fault_in_a_program_is_none_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_started("local", TypeError("no such argument"), "wait") is None
    assert not_started("local", Exception("something else"), "wait") is None


@pytest.mark.slow
def test_a_start_of_ray_that_takes_too_long_ends_a_training_with_a_sentence(
    filled: Store, settings: Callable[..., Training], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    def init(*_: object, **__: object) -> None:
        raise Exception(SLOW)

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(StageError, match="Ray did not start on this machine"):
        cluster.carry_out_on_ray(Run(filled, "runs/r"), settings())
