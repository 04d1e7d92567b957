"""Trainings of the benchmark of recipes: how long they are, what they cost, and going on where they stopped."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from benchmarks.shards.packing import enough_for, pack, photos_below
from benchmarks.train.recipe_training import (
    Bench,
    Variant,
    crops_for,
    crops_in,
    of_length,
    phases_of,
    speed,
    train,
    trained,
)
from corpus.sections import Shards, Training
from corpus.storage import open_store
from train.model.fine_tuning import prepare_epoch
from train.model.network import CameraNetwork

TINY = {
    "network": "shutter_tiny", "outer_crop_px": 64, "crop_px": 32, "batch": 4, "accumulate": 3, "epochs": 12,
    "steps_per_epoch": 10, "warm_up_steps": 40, "loaders": 0, "threads": 1, "test_crops": 1,
}  # fmt: skip
KERAS = {"epochs": 12, "frozen_stages": 2, "unfreeze_every_epochs": 4, "steps_per_epoch": 200}


@pytest.fixture(scope="module")
def bench(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Return a bench of small photographs in three folds, whose trainings take 72 crops."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("out")
    (out / "results").mkdir()
    store = open_store(str(out / "store"))
    pack(store, "0001-test", enough_for(photos_below(originals), 3), Shards(tile_px=96, tiles_per_photo=1), 3)
    return Bench(out, store, "0001-test", "0a0a0a0a", photos=0, crops=72, seconds=None)


@pytest.mark.parametrize(
    ("crops", "changes", "epochs", "steps", "warm_up"),
    [
        (12 * 60, {}, 1, 60, 20),  # 12 crops a step, half of the 120 steps, so half of the warm-up
        (12 * 2400, {}, 10, 240, 40),  # a warm-up is never longer than it was
        (4 * 60, {"accumulate": 1}, 1, 60, 20),
        (12 * 24, KERAS, 12, 2, 0),  # epochs of unfreezing keep their shares
        (5, {}, 1, 1, 0),
    ],
)
def test_a_training_of_a_length_takes_about_so_many_crops(
    crops: int, changes: dict[str, Any], epochs: int, steps: int, warm_up: int
) -> None:
    settings = of_length(Training.model_validate({**TINY, **changes}), crops)
    assert (settings.epochs, settings.steps_per_epoch, settings.warm_up_steps) == (epochs, steps, warm_up)


def test_each_phase_of_unfreezing_costs_its_own_time() -> None:
    settings = Training.model_validate({**TINY, **KERAS})
    assert phases_of(settings) == {2: pytest.approx(1 / 3), 1: pytest.approx(1 / 3), 0: pytest.approx(1 / 3)}
    assert phases_of(Training.model_validate(TINY)) == {0: 1.0}
    # a crop in each phase takes 0.1, 0.2 and 0.6 s
    assert crops_for(90.0, phases_of(settings), {2: 10.0, 1: 5.0, 0: 1 / 0.6}) == pytest.approx(300, abs=1)


def test_all_batches_of_a_step_are_learned_from_and_counted(bench: Bench) -> None:
    told = trained(bench, Variant("tiny", TINY), seed=0, fold=0)
    assert told["crops"] == 72
    assert (told["train"]["steps_per_epoch"], told["train"]["accumulate"]) == (6, 3)
    assert len(told["photos"]) == bench.index(0).selection("test").photos
    assert bench.checkpoints.names("") == []


def test_a_stopped_training_goes_on_and_tells_the_time_of_both_parts(bench: Bench, tmp_path: Path) -> None:
    index, checkpoints = bench.index(0), open_store(str(tmp_path))
    settings = Training.model_validate({**TINY, "epochs": 2, "steps_per_epoch": 2, "warm_up_steps": 0})
    _, spent = train(bench.store, index, settings.model_copy(update={"epochs": 1}), checkpoints, "one")
    written = checkpoints.read_json("one/24.json")  # by the crops that were learned from until then
    assert 0 <= written["cpu_s"] <= spent["cpu_s"] < 100
    checkpoints.publish_json("one/24.json", {"cpu_s": 500.0, "wall_s": 800.0})
    state, spent = train(bench.store, index, settings, checkpoints, "one")
    assert (state.epochs_done, state.samples_done) == (2, 48)
    assert 500 <= spent["cpu_s"] < 600
    assert 800 <= spent["wall_s"] < 1000
    assert checkpoints.read_json("one/48.json") == pytest.approx(spent, abs=5)


def test_speed_is_that_of_the_phase_and_of_all_batches_of_a_step(bench: Bench) -> None:
    settings = Training.model_validate({**TINY, **KERAS})
    trained_stages = []

    def noted(network: CameraNetwork, epoch: int, settings: Training) -> bool:
        trained_stages.append(settings.frozen_stages)
        return prepare_epoch(network, epoch, settings)

    with mock.patch("train.fit.loop.prepare_epoch", noted):
        assert speed(bench.store, bench.index(0), settings, frozen=1, least_s=0.01) > 1
    assert set(trained_stages) == {1}
    assert len(trained_stages) >= 2


def test_the_crops_of_a_number_of_seconds_are_measured_once(bench: Bench) -> None:
    timed = replace(bench, crops=None, seconds=30.0)
    variant = Variant("keras", {**TINY, **KERAS})
    path = timed.out / "results" / f"speed-{variant.digest}-{timed.data}.json"
    path.write_text(json.dumps({"variant": "keras", "crops_per_cpu_s": {"2": 10.0, "1": 5.0, "0": 2.5}}))
    # a third of the crops each at 0.1, 0.2 and 0.4 s
    assert crops_in(timed, timed.index(0), variant.settings(0, 0), variant) == pytest.approx(30 / (0.7 / 3), abs=1)
