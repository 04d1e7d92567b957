"""Packing of folders for benchmarks: groups stay together, and all folds but the one that is held out train."""

import csv
from collections import Counter
from pathlib import Path

import pytest
import torch

from benchmarks.shards.packing import Photo, digest_of, enough_for, folds_of, groups_of, pack, photos_below
from corpus.sections import Shards, Training
from corpus.storage import Store, open_store
from train.baseline import run_baseline
from train.data.answers import read_answers

SETTINGS = Shards(tile_px=96, tiles_per_photo=1)


def photo(camera: str, group: str, number: int) -> Photo:
    return Photo(f"{camera}/{group}/{number}.jpg", Path("none"), camera, group)


def stored(folder: Path, originals: Path, folds: int) -> Store:
    store = open_store(str(folder / "store"))
    pack(store, "0001-test", enough_for(photos_below(originals), folds), SETTINGS, folds)
    return store


def test_the_largest_groups_go_first_into_the_fold_with_fewest_photographs_of_their_camera() -> None:
    sizes = {"a": 5, "b": 3, "c": 3, "d": 1, "e": 1}
    photos = [photo("one", group, number) for group, size in sizes.items() for number in range(size)]
    photos += [photo("two", "f", 0), photo("two", "g", 0)]
    folds = folds_of(photos, 2)
    assert folds == {"a": 0, "b": 1, "c": 1, "d": 0, "e": 0, "f": 0, "g": 1}


def test_a_camera_with_fewer_groups_than_folds_is_left_out_by_name(
    originals: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = enough_for(photos_below(originals), 3)
    assert Counter(each.camera for each in kept) == {"grainy": 10, "smooth": 8}
    assert "lonely is left out: it has fewer groups than folds, 1 and 3" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="two cameras with 4 groups each"):
        enough_for(kept, 4)


def test_a_table_beside_the_photographs_groups_those_that_it_names(originals: Path, tmp_path: Path) -> None:
    table = tmp_path / "index.csv"
    named = originals / "smooth/group-0/00.jpg"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("file", "session"), (named, "a morning")])
    groups = {each.name: each.group for each in photos_below(originals, groups_of(table, "session"))}
    assert groups["smooth/group-0/00.jpg"] == "smooth|a morning"
    assert groups["smooth/group-0/01.jpg"] == "smooth|group-0"


def test_of_every_fold_all_others_train_and_nothing_is_held_back(originals: Path, tmp_path: Path) -> None:
    store = stored(tmp_path, originals, 3)
    index = pack(store, "0001-test", [], SETTINGS)  # a whole generation is kept
    assert index.folds == 6
    for fold, size in enumerate((8, 6, 4)):
        held_out = index.holding_out(2 * fold)
        test, validation, training = (held_out.selection(split) for split in ("test", "validation", "train"))
        assert (test.photos, validation.photos, training.photos) == (size, 0, 18 - size)
        assert len(set(test.labels.tolist())) == len(set(training.labels.tolist())) == 2
        assert not set(test.group_rows.tolist()) & set(training.group_rows.tolist())


def test_baselines_are_fitted_once_for_each_fold_that_has_photographs(originals: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    store = stored(tmp_path, originals, 3)
    settings = Training(network="shutter_tiny", outer_crop_px=64, crop_px=32, loaders=0, threads=1, test_crops=1)
    result = run_baseline(store, settings, "majority", folds=True)
    assert "3 folds" in result.line
    answers = read_answers(store, result.folder)
    assert len(set(answers.photos)) == len(answers.photos) == 18


def test_other_photographs_groups_or_settings_have_another_digest(originals: Path) -> None:
    photos = photos_below(originals)
    whole = digest_of(photos, [3, 96])
    regrouped = [photos[0]._replace(group="another"), *photos[1:]]
    assert digest_of(list(photos), [3, 96]) == whole
    assert whole not in {digest_of(photos[1:], [3, 96]), digest_of(regrouped, [3, 96]), digest_of(photos, [2, 96])}
