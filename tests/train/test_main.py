"""The training command, by hand: one run from shards to evaluation, killed and gone on with, repeated, refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from corpus.command_line import exit_with
from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError, StageError, StorageError
from corpus.receipts import receipt_since
from corpus.storage import Store
from shards.index import Index, read_index
from train.data.samples import TrainingSamples
from train.fit.training_run import threads_of
from train.main import main, train
from train.model.checkpoints import to_safetensors
from train.model.network import build_network
from train.runs import one_trainer
from train.runs.run import RunConfig

pytestmark = pytest.mark.slow

FEW = {"epochs": 5, "steps_per_epoch": 12}
Configure = Callable[..., Path]


def runs_of(store: Store) -> list[str]:
    return store.names("runs")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_a_run_ends_whole_with_a_score_far_above_chance(trained: Path) -> None:
    store = read_configuration(trained).store
    [name] = runs_of(store)
    assert store.names(f"runs/{name}") == [
        "_done.json",
        "answers.arrow",
        "calibration.json",
        "checkpoints",
        "config.json",
        "evaluation.html",
        "evaluation.json",
        "metrics.jsonl",
        "open_set.json",
        "prototypes.safetensors",
        "weights.safetensors",
    ]
    evaluation = store.read_json(f"runs/{name}/evaluation.json")
    assert (evaluation["split"], evaluation["photos"], evaluation["devices"]) == ("test", 12, 6)
    assert evaluation["chance"] == pytest.approx(1 / 3)
    assert evaluation["unaltered"] > 0.9
    assert evaluation["weighted_accuracy"] > 0.7
    receipt = receipt_since(store, "train", 0.0)
    assert receipt is not None
    assert (receipt["run"], receipt["weighted_accuracy"]) == (name, evaluation["weighted_accuracy"])
    lines = store.read(f"runs/{name}/metrics.jsonl").decode().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_shuffled_labels_stay_near_chance(filled: Store, fill: Callable[..., Index], configuration: Configure) -> None:
    fill(filled, {"train": 12, "test": 10}, number=2)
    file = configuration(shuffle_labels=True, epochs=4, steps_per_epoch=12)
    train(read_configuration(file), without_ray=True)
    evaluation = filled.read_json(f"runs/{runs_of(filled)[0]}/evaluation.json")
    assert evaluation["weighted_accuracy"] < 0.67
    assert any("shuffled labels" in note for note in evaluation["notes"])


@pytest.mark.slow
def test_one_that_waits_takes_over_from_a_killed_one_with_other_loaders_and_equals_uninterrupted(
    filled: Store,
    configuration: Configure,
    repository: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one_trainer, "LOOK_EVERY_S", 0.05)
    file = configuration(**FEW)
    loader = ("--set", "train.loaders=1")  # it goes on without one
    process = subprocess.Popen(
        [sys.executable, repository / "train/main.py", "--config", file, "--without-ray", "--run", "killed", *loader],
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )

    def kill_after_a_checkpoint() -> None:
        while not filled.done_names("runs/killed/checkpoints") and process.poll() is None:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    killer = threading.Thread(target=kill_after_a_checkpoint)
    while not filled.exists("runs/killed/config.json") and process.poll() is None:
        time.sleep(0.01)
    killer.start()
    train(read_configuration(file), "killed", without_ray=True)
    killer.join()
    assert process.returncode == -signal.SIGKILL
    said = capsys.readouterr().out
    assert f"killed: process {process.pid} on " in said
    assert "taking over" in said
    train(read_configuration(file), "straight", without_ray=True)
    assert filled.read("runs/killed/weights.safetensors") == filled.read("runs/straight/weights.safetensors")
    killed, straight = (filled.read_json(f"runs/{name}/evaluation.json") for name in ("killed", "straight"))
    assert killed | {"run": ""} == straight | {"run": ""}
    lines = [json.loads(line) for line in filled.read("runs/killed/metrics.jsonl").decode().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert sum(line.get("resumed", False) for line in lines) == 1


def test_a_finished_run_is_not_repeated_and_still_succeeds(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = read_configuration(shutil.copytree(trained.parent, tmp_path / "copy") / trained.name)
    store = configuration.store
    [name] = runs_of(store)
    before = store.read_json(f"runs/{name}/_done.json")
    page = Path(store.path(f"runs/{name}/evaluation.html"))
    written_ns = page.stat().st_mtime_ns
    began_s = time.time()
    train(configuration, without_ray=True)
    assert "is finished already" in capsys.readouterr().out
    assert (runs_of(store), page.stat().st_mtime_ns) == ([name], written_ns)
    assert store.read_json(f"runs/{name}/_done.json") == before
    assert receipt_since(store, "train", began_s) is not None


def test_new_shards_are_a_new_run(filled: Store, fill: Callable[..., Index], configuration: Configure) -> None:
    file = configuration(epochs=1, steps_per_epoch=1)
    train(read_configuration(file), without_ray=True)
    fill(filled, {"train": 3, "test": 2}, number=2)
    train(read_configuration(file), without_ray=True)
    assert [name[:9] for name in runs_of(filled)] == ["0001-0001", "0002-0002"]


def test_an_empty_test_split_is_said_and_the_next_best_evaluated(
    filled: Store, fill: Callable[..., Index], configuration: Configure
) -> None:
    fill(filled, {"train": 3}, number=2)
    train(read_configuration(configuration(epochs=1, steps_per_epoch=1)), without_ray=True)
    evaluation = filled.read_json(f"runs/{runs_of(filled)[0]}/evaluation.json")
    assert evaluation["split"] == "train"
    assert any("they say nothing of new photographs" in note for note in evaluation["notes"])


def test_fewer_photographs_are_spread_over_the_cameras_and_said(filled: Store, configuration: Configure) -> None:
    train(read_configuration(configuration(epochs=1, steps_per_epoch=1, test_photos=6)), without_ray=True)
    evaluation = filled.read_json(f"runs/{runs_of(filled)[0]}/evaluation.json")
    assert [camera["photos"] for camera in evaluation["cameras"]] == [2, 2, 2]
    assert any("6 of 12 photographs" in note for note in evaluation["notes"])


def test_a_manipulation_head_is_trained_and_reported(filled: Store, configuration: Configure) -> None:
    few = configuration(epochs=1, steps_per_epoch=1, test_photos=3, manipulation_head=True)
    train(read_configuration(few), without_ray=True)
    folder = f"runs/{runs_of(filled)[0]}"
    told = filled.read_json(f"{folder}/evaluation.json")["manipulation_head"]
    assert 0 <= told["auroc"]["value"] <= 1
    assert len(told["by_manipulation"]) == 8
    assert "Manipulated or not" in filled.read(f"{folder}/evaluation.html").decode()


def test_without_shards_the_cure_is_named(configuration: Configure) -> None:
    with pytest.raises(StorageError, match="run the curation first"):
        train(read_configuration(configuration()), without_ray=True)


def test_several_workers_need_ray(filled: Store, configuration: Configure) -> None:
    with pytest.raises(ConfigurationError, match="need Ray"):
        train(read_configuration(configuration(workers=2)), without_ray=True)


def test_a_wrong_network_is_refused_before_a_run_is_begun(filled: Store, configuration: Configure) -> None:
    with pytest.raises(ConfigurationError, match="is neither a model of timm"):
        train(read_configuration(configuration(network="nothing_like_it")), without_ray=True)
    assert runs_of(filled) == []


def test_more_frozen_stages_than_there_are_is_refused_before_a_run_is_begun(
    filled: Store, configuration: Configure
) -> None:
    with pytest.raises(ConfigurationError, match=r"train\.frozen_stages: 9 is more than the 5 stages .* set it to 5"):
        train(read_configuration(configuration(frozen_stages=9)), without_ray=True)
    assert runs_of(filled) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpus_that_are_not_there_are_a_sentence(filled: Store, configuration: Configure) -> None:
    with pytest.raises(ConfigurationError, match=r"train\.gpus: is true, but torch sees no GPU"):
        train(read_configuration(configuration(gpus=True)), without_ray=True)
    assert runs_of(filled) == []


def test_weights_to_begin_with_are_read_once(
    filled: Store, configuration: Configure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "weights.safetensors"
    network = build_network(read_configuration(configuration()).train, 3)
    weights.write_bytes(to_safetensors(dict(network.state_dict())))
    settings = read_configuration(configuration(epochs=1, steps_per_epoch=1, test_photos=3, weights=str(weights)))
    train(settings, "mine", without_ray=True)
    weights.unlink()
    train(settings, "mine", without_ray=True)
    assert "mine is finished already" in capsys.readouterr().out
    filled.remove("runs/mine/_done.json")  # as if it were stopped after its last checkpoint
    train(settings, "mine", without_ray=True)
    assert filled.done("runs/mine") is not None
    with pytest.raises(ConfigurationError, match=r"train\.weights: .* no such file"):
        train(settings, "another", without_ray=True)
    assert runs_of(filled) == ["mine"]


def test_a_ledger_lies_where_the_command_was_given_and_a_file_is_none(
    filled: Store, configuration: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    settings = read_configuration(configuration(epochs=1, steps_per_epoch=1, test_photos=3))
    with pytest.raises(ConfigurationError, match=r"--ledger: .*file is no folder"):
        train(settings, without_ray=True, ledger="file")
    assert runs_of(filled) == []
    train(settings, without_ray=True, ledger="used")
    assert len(list((tmp_path / "used").iterdir())) == 1


def test_a_mistake_is_one_sentence_and_exit_code_2(
    configuration: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["train/main.py", "--config", str(configuration()), "--without-ray"])
    with pytest.raises(SystemExit) as exit_info:
        exit_with(main)
    assert exit_info.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "run the curation first" in error


@pytest.mark.parametrize(
    ("cores", "loaders", "ranks", "threads"), [(2, 0, 1, 2), (2, 1, 1, 1), (2, 2, 1, 1), (16, 3, 2, 5)]
)
def test_threads_leave_cores_to_the_loaders(
    monkeypatch: pytest.MonkeyPatch, cores: int, loaders: int, ranks: int, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert threads_of(loaders, ranks) == threads


def test_a_fold_is_held_out_from_training_to_evaluation(
    filled: Store, configuration: Configure, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = configuration(**FEW)
    held_out = {}
    for fold in (1, 2):
        monkeypatch.setattr(
            sys, "argv", ["main.py", "--config", str(file), "--without-ray", "--set", f"train.fold={fold}"]
        )
        assert main() == 0
        (name,) = (each for each in runs_of(filled) if f"-fold{fold}-" in each)
        held_out[name] = filled.read_json(f"runs/{name}/evaluation.json")
    assert len(held_out) == 2
    index = read_index(filled, "0001-abcdef")
    for fold, evaluation in enumerate(held_out.values(), start=1):
        assert evaluation["split"] == "test"
        assert evaluation["photos"] == index.holding_out(fold).selection("test").photos < 36
        assert any(f"fold {fold} of 4 was held out" in note for note in evaluation["notes"])
    assert "of split test" in capsys.readouterr().out


def test_training_sees_no_photograph_of_the_fold_that_is_held_out(filled: Store, configuration: Configure) -> None:
    settings = read_configuration(configuration(**FEW, fold=1)).train
    config = RunConfig("0001-abcdef", ("grainy", "smooth", "striped"), settings)
    index = config.index(filled)
    samples = TrainingSamples(filled, index, settings)
    photo_rows = index.tiles.at("photo", samples.rows(np.arange(10_000)))
    assert set(index.groups.at("fold", index.photos.at("group", photo_rows)).tolist()) == {0, 3}


def test_damaged_tiles_are_skipped_named_and_counted_in_training_and_left_out_of_evaluation(
    filled: Store, configuration: Configure, damage_tiles: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    index = read_index(filled, "0001-abcdef")
    trained_on, judged, _ = (
        damage_tiles(filled, index, index.rows_in_tars(split)[:1])[0] for split in ("train", "test", "validation")
    )
    train(read_configuration(configuration(epochs=1, steps_per_epoch=10)), without_ray=True)
    folder = f"runs/{runs_of(filled)[0]}"
    lines = [json.loads(line) for line in filled.read(f"{folder}/skipped.jsonl").decode().splitlines()]
    assert [line["key"] for line in lines] == [trained_on]
    assert all(0 <= line["number"] < 80 and line["tar"].endswith(".tar") and line["what"] for line in lines)
    [metrics] = [json.loads(line) for line in filled.read(f"{folder}/metrics.jsonl").decode().splitlines()]
    samples = TrainingSamples(filled, index, read_configuration(configuration()).train)
    due = samples.rows(np.arange(80)) == index.rows_in_tars("train")[0]
    skipped = int(due.sum())
    assert lines[0]["number"] == np.flatnonzero(due)[0]
    assert (metrics["skipped"], metrics["samples"], metrics["validation_skipped"]) == (skipped, 80, 1)
    assert f"{skipped} samples skipped for damaged tiles, named in skipped.jsonl" in capsys.readouterr().out
    evaluation = filled.read_json(f"{folder}/evaluation.json")
    assert evaluation["photos"] == 11
    assert [note for note in evaluation["notes"] if f"its tile {judged} in " in note]


def test_too_many_damaged_tiles_stop_a_run_and_are_named(
    filled: Store, configuration: Configure, damage_tiles: Callable[..., list[str]]
) -> None:
    index = read_index(filled, "0001-abcdef")
    damage_tiles(filled, index, index.rows_in_tars("train")[:12])
    with pytest.raises(StageError, match=r"shards: 1[12] tiles of generation 0001-abcdef are damaged, \d+ of \d+ "):
        train(read_configuration(configuration(epochs=1, steps_per_epoch=200, seed=1)), without_ray=True)
    [name] = runs_of(filled)
    lines = [json.loads(line) for line in filled.read(f"runs/{name}/skipped.jsonl").decode().splitlines()]
    assert len({line["key"] for line in lines}) in (11, 12)
    assert filled.done_names(f"runs/{name}/checkpoints") == []


def test_too_many_damaged_tiles_stop_an_evaluation(
    filled: Store, configuration: Configure, damage_tiles: Callable[..., list[str]]
) -> None:
    index = read_index(filled, "0001-abcdef")
    damage_tiles(filled, index, index.rows_in_tars("test")[:11])
    with pytest.raises(StageError, match="11 tiles of generation 0001-abcdef are damaged, 11 of 12 photographs"):
        train(read_configuration(configuration(epochs=1, steps_per_epoch=1)), without_ray=True)


def test_what_stops_a_validation_is_not_told_as_skipped_by_the_training(
    filled: Store, configuration: Configure, fill: Callable[..., Index], damage_tiles: Callable[..., list[str]]
) -> None:
    fill(filled, {"train": 2, "validation": 4}, number=2)
    index = read_index(filled, "0002-abcdef")
    damage_tiles(filled, index, index.rows_in_tars("validation")[:11])
    with pytest.raises(StageError, match="11 tiles of generation 0002-abcdef are damaged, 11 of 12 photographs"):
        train(read_configuration(configuration(epochs=1, steps_per_epoch=1)), without_ray=True)
    [name] = runs_of(filled)
    assert not filled.exists(f"runs/{name}/skipped.jsonl")


def test_an_evaluation_of_which_every_tile_is_damaged_names_the_first(
    filled: Store, configuration: Configure, fill: Callable[..., Index], damage_tiles: Callable[..., list[str]]
) -> None:
    fill(filled, {"train": 6, "test": 2}, number=2)
    index = read_index(filled, "0002-abcdef")
    damage_tiles(filled, index, index.rows_in_tars("test"))
    with pytest.raises(
        StageError, match=r"tiles of all 6 photographs to evaluate on are damaged, the first is \w+_0 in"
    ):
        train(read_configuration(configuration(epochs=1, steps_per_epoch=1)), without_ray=True)


def test_a_fold_that_there_is_not_stops_before_any_work(filled: Store, configuration: Configure) -> None:
    with pytest.raises(StageError, match=r"train\.fold: 4 is none of generation 0001-abcdef, which has 0 to 3"):
        train(read_configuration(configuration(fold=4)), without_ray=True)
    assert runs_of(filled) == []


def test_a_training_starts_from_the_last_runs_weights_the_same_way_each_time_and_sees_the_same_samples(
    trained: Path, tmp_path: Path, fill: Callable[..., Index], capsys: pytest.CaptureFixture[str]
) -> None:
    weights = []
    for place in ("one", "two"):
        folder = tmp_path / place
        settings = read_configuration(
            shutil.copytree(trained.parent, folder) / trained.name,
            ["train.start_from=last", "train.epochs=1", "train.steps_per_epoch=2"],
        )
        parent, store = runs_of(settings.store)[0], settings.store
        fill(store, {"train": 3, "test": 2}, cameras=("other", "grainy", "smooth", "striped"), number=2)
        train(settings, without_ray=True, ledger=str(folder / "used"))
        assert f": starts from the weights of {parent}; new cameras: other" in capsys.readouterr().out
        [run] = (name for name in runs_of(store) if "-0002-abcdef-" in name)
        assert store.read_json(f"runs/{run}/parent.json")["run"] == parent
        assert store.read_json(f"runs/{run}/evaluation.json")["parent"] == parent
        weights.append(store.read(f"runs/{run}/weights.safetensors"))
        [ledger] = (folder / "used").iterdir()
        steps = [json.loads(line) for line in ledger.read_text().splitlines()]
        assert [step["numbers"] for step in steps] == [list(range(8)), list(range(8, 16))]
        train(settings, without_ray=True)  # the same command finds the same run, and starts from no other
        assert "is finished already" in capsys.readouterr().out
    assert weights[0] == weights[1]
