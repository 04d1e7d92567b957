"""`shutterprint baseline`: each baseline fitted, judged on the photographs of a run, and published as a run is."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError, StageError
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from train import compare
from train.baseline import main, run_baseline
from train.data.answers import CHALLENGE, read_answers
from train.evaluation.comparison import compare as compare_answers
from train.model.body import make_body

Configure = Callable[..., Path]
FEW = {"epochs": 1, "steps_per_epoch": 12}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_majority_is_judged_on_the_photographs_of_a_run_and_published_last(
    filled: Store, configuration: Configure, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["baseline", "--config", str(configuration()), "majority"])
    assert main() == 0
    assert "majority: weighted accuracy 0.333" in capsys.readouterr().out
    [name] = filled.names("baselines")
    assert name.startswith("majority-0001-abcdef-")
    folder = f"baselines/{name}"
    assert filled.names(folder) == ["_done.json", "answers.arrow", "baseline.json"]
    answers = read_answers(filled, folder)
    index = read_index(filled, "0001-abcdef")
    assert set(answers.photos) == set(index.photo_names(index.selection("test").spread()))
    assert answers.conditions == tuple(condition.name for condition in CHALLENGE)
    told = filled.read_json(f"{folder}/baseline.json")
    assert (told["photos"], told["chance"], told["folds"]) == (12, pytest.approx(1 / 3), None)


def test_residual_statistics_tell_the_cameras_apart(filled: Store, configuration: Configure) -> None:
    settings = read_configuration(configuration()).train
    result = run_baseline(filled, settings, "residual-statistics", folds=False, samples=96)
    told = filled.read_json(f"{result.folder}/baseline.json")
    assert told["unaltered"] > 0.9
    assert told["samples"] == 96
    with pytest.raises(ConfigurationError, match=r"--samples: 11 crops are too few for 3 cameras; give 12 or more"):
        run_baseline(filled, settings, "residual-statistics", folds=False, samples=11)


def test_another_seed_amount_or_fold_has_a_folder_of_its_own_and_the_fold_is_named(
    filled: Store, configuration: Configure
) -> None:
    settings = read_configuration(configuration(test_crops=1)).train
    of_seed, of_fold = (settings.model_copy(update=changes) for changes in ({"seed": 1}, {"fold": 1}))
    results = [
        run_baseline(filled, each, "majority", folds=folds)
        for each, folds in ((settings, False), (of_seed, False), (of_fold, False), (of_fold, True))
    ]
    assert len(filled.names("baselines")) == len({result.folder for result in results}) == 4
    # where a fold is held out in turn, that of the configuration has no part; nor has how it is carried out
    again = settings.model_copy(update={"threads": 2})
    assert run_baseline(filled, again, "majority", folds=True).folder == results[3].folder
    assert [line.line.partition(" devices of ")[2].partition(";")[0] for line in results] == [
        "the test split", "the test split", "fold 1", "4 folds",
    ]  # fmt: skip
    assert "-0001-abcdef-fold1-" in results[2].folder
    assert "-0001-abcdef-folds-" in results[3].folder
    few = settings.model_copy(update={"test_photos": 3})
    amounts = [run_baseline(filled, few, "residual-statistics", folds=False, samples=n).folder for n in (12, 13)]
    assert amounts[0] != amounts[1]


def test_a_held_out_camera_is_no_class_of_a_baseline_either_which_is_compared_with_the_run(
    held_out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shutil.copytree(held_out.parent, tmp_path / "copy") / held_out.name
    configuration = read_configuration(file)
    result = run_baseline(configuration.store, configuration.train, "majority", folds=False)
    told = configuration.store.read_json(f"{result.folder}/baseline.json")
    assert (told["classes"], told["photos"], told["chance"]) == (["grainy", "smooth"], 8, 0.5)
    monkeypatch.setattr(
        sys, "argv", ["compare", "--config", str(file), result.folder.rpartition("/")[2], "latest", "--json"]
    )
    assert compare.main() == 0
    compared = json.loads(capsys.readouterr().out)
    assert (compared["photos"], compared["left_out"]) == (8, 0)


def test_the_constrained_network_is_trained_by_the_loop_of_the_runs(
    filled: Store, configuration: Configure, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = read_configuration(configuration(**FEW)).train
    result = run_baseline(filled, settings, "constrained-cnn", folds=False)
    assert "epoch 1: loss" in capsys.readouterr().out
    assert filled.read_json(f"{result.folder}/baseline.json")["photos"] == 12


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpus_that_are_not_there_are_a_sentence(filled: Store, configuration: Configure) -> None:
    settings = read_configuration(configuration(gpus=True)).train
    with pytest.raises(ConfigurationError, match=r"train\.gpus: is true, but torch sees no GPU"):
        run_baseline(filled, settings, "majority", folds=False)


def test_a_network_that_cannot_be_trained_so_is_refused_before_a_run_is_begun(
    filled: Store, configuration: Configure
) -> None:
    settings = read_configuration(configuration(frozen_stages=9)).train
    with pytest.raises(ConfigurationError, match=r"train\.frozen_stages: 9 is more than the 5 stages"):
        run_baseline(filled, settings, "network", folds=True)
    assert filled.names("runs") == []


def test_frozen_features_take_weights_from_a_file_or_say_what_is_missing(
    filled: Store, configuration: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings = read_configuration(configuration()).train
    missing = settings.model_copy(update={"weights": str(tmp_path / "none.safetensors")})
    with pytest.raises(ConfigurationError, match=r"train\.weights"):
        run_baseline(filled, missing, "frozen-features", folds=False, samples=8, backbone="resnet10t")
    body = make_body(settings.model_copy(update={"network": "resnet10t"}), 3, None, False)
    save_file({name: each.contiguous() for name, each in body.state_dict().items()}, tmp_path / "w.safetensors")
    given = settings.model_copy(update={"weights": str(tmp_path / "w.safetensors")})
    result = run_baseline(filled, given, "frozen-features", folds=False, samples=24, backbone="resnet10t")
    told = filled.read_json(f"{result.folder}/baseline.json")
    assert (told["backbone"], told["photos"]) == ("resnet10t", 12)


def test_with_folds_each_photograph_is_answered_once_by_what_has_not_seen_its_device(
    filled: Store, configuration: Configure
) -> None:
    settings = read_configuration(configuration(test_crops=1)).train
    result = run_baseline(filled, settings, "majority", folds=True)
    answers = read_answers(filled, result.folder)
    assert len(set(answers.photos)) == len(answers.photos) == 36
    assert "on 36 photographs" in result.line
    index = read_index(filled, "0001-abcdef")
    told = []
    for fold in range(4):
        of_fold = index.holding_out(fold)
        judged, fitted = (of_fold.selection(split).all_photo_rows() for split in ("test", "train"))
        devices, others = (set(index.group_names(rows)) for rows in (judged, fitted))
        assert devices
        assert not devices & others
        shares = np.bincount(index.labels(fitted), minlength=3) / len(fitted)
        told.append(tuple(shares.round(4)))
        places = np.isin(answers.photos, index.photo_names(judged))
        # majority answers with the shares of what it was fitted to, so they tell what that was
        assert np.allclose(answers.probabilities()[places], shares, atol=1e-4)
    assert len(set(told)) > 1


@pytest.mark.slow
def test_the_network_itself_is_cross_validated_by_its_runs(filled: Store, configuration: Configure) -> None:
    changes = {"epochs": 1, "steps_per_epoch": 2, "test_crops": 1, "held_out_cameras": ["grainy"]}
    settings = read_configuration(configuration(**changes)).train
    result = run_baseline(filled, settings, "network", folds=True)
    assert len(filled.done_names("runs")) == 4
    answers = read_answers(filled, result.folder)
    assert len(set(answers.photos)) == 24
    simple = read_answers(filled, run_baseline(filled, settings, "majority", folds=True).folder)
    assert compare_answers([simple], [answers])["left_out"] == 0
    with pytest.raises(ConfigurationError, match="use shutterprint train"):
        run_baseline(filled, settings, "network", folds=False)


def test_without_test_photographs_or_folds_the_cure_is_named(
    tmp_path: Path, fill: Callable[..., Index], configuration: Configure
) -> None:
    store = open_store(str(tmp_path / "data"))
    fill(store, {"train": 2})
    with pytest.raises(StageError, match="no test photographs of use"):
        run_baseline(store, read_configuration(configuration()).train, "majority", folds=False)
