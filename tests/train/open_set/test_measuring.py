"""Cameras held out: they train nothing, are the unknown ones of the evaluation, and can be enrolled."""

import json
from pathlib import Path

import numpy as np
import pytest

from corpus.configuration import read_configuration
from corpus.errors import StageError, StorageError
from train.evaluation.pages.open_set import open_set_tables
from train.open_set.files import read_open_set, read_prototypes
from train.runs.run import find_run


def test_a_camera_held_out_trains_nothing_and_is_unknown_in_the_evaluation(held_out: Path) -> None:
    configuration = read_configuration(held_out)
    run = find_run(configuration.store, "latest")
    assert run.config().classes == ("grainy", "smooth")
    index = run.config().index(run.store)
    assert index.classes == ("grainy", "smooth")
    assert set(index.labels(index.selection("train").all_photo_rows()).tolist()) == {0, 1}
    evaluation = run.store.read_json(f"{run.directory}/evaluation.json")
    assert [row["camera"] for row in evaluation["cameras"]] == ["grainy", "smooth"]
    told = evaluation["open_set"]
    assert told["score"] in told["validation"]
    assert told["unknown"]["photos"] == 10  # 6 of the training and 4 of the test split; validation's calibrate
    assert [row["camera"] for row in told["unknown"]["cameras"]] == ["striped"]
    assert {(row["photos"], row["devices"]) for row in told["enrolment"]} == {(1, 1), (2, 1), (2, 2), (5, 2)}
    page = run.store.read(f"{run.directory}/evaluation.html").decode()
    assert "None of these, and new cameras" in page
    assert set(open_set_tables(told)) == {"scores", "false_refusals", "unknown", "unknown_cameras", "enrolment"}


def test_an_unknown_camera_cannot_be_held_out(held_out: Path) -> None:
    run = find_run(read_configuration(held_out).store, "latest")
    index = run.config().index(run.store)
    rows = np.arange(len(index.photos))
    assert index.whole.classes == ("grainy", "smooth", "striped")
    whole = index.whole.labels(rows)
    assert index.labels(rows).tolist() == np.where(whole == 2, -1, whole).tolist()
    with pytest.raises(StageError, match="mars is no camera of generation 0001-abcdef; it has grainy, smooth, striped"):
        index.leaving_out(("mars",))


def test_what_was_found_is_read_again_and_nonsense_is_refused(held_out: Path) -> None:
    run = find_run(read_configuration(held_out).store, "latest")
    value = run.store.read_json(f"{run.directory}/open_set.json")
    data = run.store.read(f"{run.directory}/prototypes.safetensors")
    assert read_open_set(value, "here").network.score == value["network"]["score"]
    assert set(read_prototypes(data, 2, "here").cameras.tolist()) == {0, 1}
    for wrong in (value | {"format": 9}, value | {"scale": float("nan")}, value | {"network": {"score": "x"}}, [], {}):
        with pytest.raises(StorageError, match="here"):
            read_open_set(json.loads(json.dumps(wrong)), "here")
    for damaged in (b"", data[:100], data[:-8], data.replace(b"centre", b"middle")):
        with pytest.raises(StorageError, match="here"):
            read_prototypes(damaged, 2, "here")
    with pytest.raises(StorageError, match="no prototypes of these 1 cameras"):
        read_prototypes(data, 1, "here")


def test_without_held_out_cameras_known_ones_take_turns_and_a_note_says_so(trained: Path) -> None:
    run = find_run(read_configuration(trained).store, "latest")
    told = run.store.read_json(f"{run.directory}/evaluation.json")["open_set"]
    assert told["unknown"] is None
    assert told["enrolment"] == []
    assert "No camera was held out" in told["notes"][0]
    assert np.isfinite(list(told["validation"].values())).all()
