"""One real training on an embedded Ray cluster: two workers with loaders, one of them killed on the way."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
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
from train.fit.runs import Run

SECONDS = 240


def workers_below(parent: int) -> list[int]:
    """Return the Ray Train workers among the descendants of a process."""
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

    return [process for process, name in names.items() if "RayTrainWorker" in name and descends(process)]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_workers_train_together_and_a_killed_one_comes_back(
    filled: Store,
    configuration: Callable[..., Path],
    damage_tiles: Callable[..., list[str]],
    repository: Path,
    tmp_path: Path,
) -> None:
    file = configuration(workers=2, epochs=4, steps_per_epoch=40, loaders=1)
    index = read_index(filled, "0001-abcdef")
    bad = int(index.rows_in_tars("train")[0])
    damage_tiles(filled, index, [bad])
    rows = TrainingSamples(filled, index, read_configuration(file).train).rows(np.arange(4 * 40 * 2 * 8))
    due = np.flatnonzero(rows == bad).tolist()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, repository / "train/main.py", "--config", file, "--run", "both"],
        cwd=tmp_path,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        deadline_s = time.monotonic() + SECONDS
        while not filled.done_names("runs/both/checkpoints") and process.poll() is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
        workers = workers_below(process.pid)
        assert len(workers) == 2, (tmp_path / "log").read_text()
        os.kill(workers[-1], signal.SIGKILL)
        assert process.wait(SECONDS) == 0, (tmp_path / "log").read_text()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        log.close()
    history = [json.loads(line) for line in filled.read("runs/both/metrics.jsonl").decode().splitlines()]
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4]
    assert sum(entry.get("resumed", False) for entry in history) == 1
    assert [entry["samples"] for entry in history] == [640, 1280, 1920, 2560]
    skipped = [json.loads(line) for line in filled.read("runs/both/skipped.jsonl").decode().splitlines()]
    assert [(entry["number"], entry["attempt"]) for entry in skipped] == [(due[0], 0)]  # the first of both ranks
    assert sum(entry["skipped"] for entry in history) == len(due)
    assert filled.read_json("runs/both/evaluation.json")["unaltered"] > 0.9
    output = (tmp_path / "log").read_text()
    assert "(resumed)" in output
    assert "weighted accuracy" in output
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
        ("local", Exception(SLOW), r"^train: Ray did not start on this machine: The current node timed out.*less busy"),
        ("10.0.0.1:6379", Exception(SLOW), r"^RAY_ADDRESS: no Ray cluster answers at 10\.0\.0\.1:6379: .*start it"),
        ("10.0.0.1:6379", ConnectionError("refused\nmore"), r"answers at 10\.0\.0\.1:6379: refused; start it"),
    ],
)
def test_a_ray_that_does_not_start_is_a_sentence(address: str, error: Exception, told: str) -> None:
    assert re.search(told, str(not_started(address, error)))


def test_a_fault_in_a_program_is_none_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_started("local", TypeError("no such argument")) is None
    assert not_started("local", Exception("something else")) is None


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
