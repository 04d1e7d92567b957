"""`python -m train.evaluate`: a finished run judged again gives the figures it has recorded."""

import csv
import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from corpus.errors import StageError, StorageError
from corpus.sections import Training
from train.compare import main as compare_runs
from train.evaluate import agreement, carried_out_here, main
from train.experiments.publishing import published_experiments
from train.main import train
from train.runs.run import RunConfig

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process; returns its exit code and what it printed."""

    def run(file: Path, *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["train.evaluate", "--config", str(file), *arguments])
        return main(), capsys.readouterr().out

    return run


def test_a_finished_run_gives_its_recorded_figures_again_and_nothing_is_written(trained: Path, evaluate: Run) -> None:
    store = read_configuration(trained).store
    [name] = store.names("runs")
    before = {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")}
    code, text = evaluate(trained)
    assert code == 0
    assert text.startswith("condition  accuracy  95 % interval\nunaltered")
    assert f"{name}: weighted accuracy" in text
    assert "agrees with the run's evaluation.json" in text
    code, text = evaluate(trained, name, "--json")
    assert code == 0
    recorded = store.read_json(f"runs/{name}/evaluation.json")
    assert json.loads(text) == recorded | {"agrees": True}
    off = recorded["off_grid"]
    assert off["weighted"]["value"] == pytest.approx(
        0.7 * off["unaltered"]["value"] + 0.3 * off["manipulated"]["value"]
    )
    assert "unaltered, crops off the 8 × 8 grid" in store.read(f"runs/{name}/evaluation.html").decode()
    assert {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")} == before


def test_figures_that_differ_from_the_recorded_ones_are_said(trained: Path, evaluate: Run, tmp_path: Path) -> None:
    file = shutil.copytree(trained.parent, tmp_path / "copy") / trained.name
    store = read_configuration(file).store
    [name] = store.names("runs")
    path = f"runs/{name}/evaluation.json"
    store.publish_json(path, store.read_json(path) | {"weighted_accuracy": 0.125})
    code, text = evaluate(file, "latest")
    assert code == 1
    assert "differs from the run's evaluation.json (recorded weighted accuracy 0.125)" in text


def test_tricks_with_the_test_set_as_a_whole_stand_beside_the_ordinary_figures_and_change_none(
    trained: Path, evaluate: Run
) -> None:
    store = read_configuration(trained).store
    [name] = store.names("runs")
    before = {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")}
    code, text = evaluate(trained, "--transductive", "--json")
    told = json.loads(text)
    tricks = told.pop("transductive")
    recorded = store.read_json(f"runs/{name}/evaluation.json")
    assert code == 0
    assert told == recorded | {"agrees": True}
    assert {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")} == before
    assert tricks["note"].startswith("Transductive: an answer depends on all the other test photographs")
    rows = {row["figure"]: row for row in tricks["rows"]}
    assert {key: row["ordinary"]["value"] for key, row in rows.items() if key in recorded["accuracy"]} == recorded[
        "accuracy"
    ]
    assert rows["weighted"]["ordinary"] == {
        "value": recorded["weighted_accuracy"],
        "interval": recorded["weighted_interval"],
    }
    assert {row["photos"] for row in tricks["shares"]} == {4}
    sure = [row["labelled"] for row in rows.values() if row["labelled"]]
    assert sure, "no answer became a label, so nothing was fitted again"
    for row in rows.values():
        for trick in ("class_balance", "pseudo_labels"):
            gain = row[f"{trick}_gain_transductive"]["value"]
            assert row[f"{trick}_transductive"]["value"] == pytest.approx(row["ordinary"]["value"] + gain)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["latest", "latest"], "fits the last layer of one network again; name one run"),
        (["--amounts"], "--matrix and --amounts train; ask for one"),
    ],
)
def test_tricks_are_refused_where_they_make_no_sense(
    trained: Path, evaluate: Run, arguments: list[str], fault: str
) -> None:
    with pytest.raises(StageError, match=fault):
        evaluate(trained, "--transductive", *arguments)


def test_a_run_that_held_a_fold_out_is_judged_on_that_fold_again(
    filled_once: Path, configure: Callable[..., Path], evaluate: Run, tmp_path: Path
) -> None:
    shutil.copytree(filled_once, tmp_path / "data")
    file = configure(tmp_path, fold=2)
    train(read_configuration(file), without_ray=True)
    code, text = evaluate(file)
    assert (code, "-fold2-" in text) == (0, True)


@pytest.mark.slow
def test_the_full_report_is_one_page_with_a_file_for_every_plot(
    trained: Path, evaluate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = shutil.copytree(trained.parent, tmp_path / "copy") / trained.name
    code, _ = evaluate(file, "latest", "--full", "--transductive")
    assert code == 0
    store = read_configuration(file).store
    [name] = store.names("runs")
    folder = f"runs/{name}/report"
    files = store.names(folder)
    assert store.done(folder) == {"files": len(files) - 1}
    wanted = {
        "conditions",
        "curves",
        "crop-sizes",
        "views",
        "tta",
        "many-crops",
        "checkpoints",
        "mistakes",
        "reliability",
        "transductive",
        "transductive-shares",
    }
    assert {f"{each}.csv" for each in wanted} <= set(files)
    page = store.read(f"{folder}/report.html").decode()
    assert "The surest mistakes" in page
    assert page.count(">With the test set as a whole (transductive)</") == 2  # the section, and a link to it
    linked = re.findall(r'<a href="#([^"]*)">', page)
    assert linked == re.findall(r'<section id="([^"]*)">', page)
    assert {"honesty", "files", "none-of-these-and-new-cameras"} <= set(linked)
    refused = list(csv.DictReader(io.StringIO(store.read(f"{folder}/open-set-false-refusals.csv").decode())))
    assert [float(row["refused"]) >= 0 for row in refused] == [True, True]
    assert "data:image/jpeg;base64," in page
    assert not [link for link in ('src="http', 'href="http', "<script") if link in page]
    curves = list(csv.DictReader(io.StringIO(store.read(f"{folder}/curves.csv").decode())))
    assert {(row["kind"], row["strength"]) for row in curves} >= {("jpeg", "30"), ("gamma", "1.75"), ("scale", "3.0")}
    same = next(row for row in curves if (row["kind"], row["strength"]) == ("jpeg", "70"))
    assert float(same["accuracy"]) == store.read_json(f"runs/{name}/evaluation.json")["accuracy"]["jpeg_70"]
    monkeypatch.setattr(sys, "argv", ["train.compare", "--config", str(file), "latest", name])
    assert compare_runs() == 0
    assert "12 photographs by 6 devices" in capsys.readouterr().out
    with pytest.raises(StageError, match="name one run twice"):
        evaluate(file, name, "latest")


def test_runs_of_one_name_and_baselines_vote_together(trained: Path, evaluate: Run, tmp_path: Path) -> None:
    store = read_configuration(trained).store
    [name] = store.names("runs")
    again = shutil.copytree(trained.parent / "data/runs" / name, tmp_path / name)
    baseline = shutil.copytree(again, tmp_path / "majority-0001-abcdef")
    told = json.loads((baseline / "config.json").read_text())
    (baseline / "config.json").unlink()
    (baseline / "baseline.json").write_text(json.dumps({"classes": told["classes"]}))
    code, text = evaluate(trained, str(baseline), name, str(again), "--json")
    assert code == 0
    result = json.loads(text)
    assert len(set(result["runs"])) == 3
    assert [row["weights"] for row in result["rows"]] == [*result["runs"], "together"]
    assert [row["camera"] for row in result["together"]["cameras"]] == told["classes"]
    assert "votes" not in result["together"]
    (baseline / "baseline.json").write_text(json.dumps({"classes": told["classes"][::-1]}))
    with pytest.raises(StageError, match="knows other cameras"):
        evaluate(trained, name, str(baseline))


def test_a_model_handed_on_is_judged_with_this_machines_cache_and_processes(settings: Callable[..., Training]) -> None:
    theirs = RunConfig("0001-abc", ("a", "b"), settings(cache_folder="/home", cache_gb=0.1, loaders=64, threads=256))
    found = carried_out_here(theirs, settings(cache_folder="/mine", cache_gb=7, batch=99)).train
    assert (found.cache_folder, found.cache_gb, found.loaders, found.threads, found.batch) == ("/mine", 7, 0, 1, 8)


def test_a_file_without_figures_agrees_with_nothing() -> None:
    found = {"weighted_accuracy": 0.5, "photos": 3}
    assert agreement({"weighted_accuracy": 0.5, "photos": 3, "more": 1}, found) is True
    assert agreement({"weighted_accuracy": 0.6, "photos": 3}, found) is False
    assert agreement({}, found) is None
    assert agreement({"photos": 3}, found) is None


def test_a_run_that_does_not_exist_is_refused(trained: Path, evaluate: Run) -> None:
    with pytest.raises(StorageError, match="nowhere: is neither a run"):
        evaluate(trained, "nowhere")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--matrix", "--json"], "--json: is for the evaluation of a run, which --matrix"),
        (["--amounts", "--full"], "--full: is for the evaluation of a run, which --matrix"),
        (["--matrix", "latest", "latest"], "each trains the network of a single run; name one run"),
        (["--amounts", "https://example.org/model.zip#sha256=0"], "a model handed on has none"),
        (["--steps", "2"], "--steps: sets the length of the trainings of --matrix and --amounts"),
        (["--steps", "2", "--full"], "--steps: sets the length of the trainings of --matrix and --amounts"),
    ],
)
def test_an_option_that_another_one_would_silence_is_refused_and_nothing_is_written(
    trained: Path, evaluate: Run, arguments: list[str], fault: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")}
    with pytest.raises(StageError, match=fault):
        evaluate(trained, *arguments)
    assert {path: path.stat().st_mtime_ns for path in trained.parent.rglob("*")} == before


@pytest.mark.slow
def test_experiments_are_trained_and_published_beside_a_run(trained: Path, evaluate: Run, tmp_path: Path) -> None:
    file = shutil.copytree(trained.parent, tmp_path / "copy") / trained.name
    store = read_configuration(file).store
    [name] = store.names("runs")
    code, text = evaluate(file, "--matrix", "--amounts", "--steps", "2")
    assert (code, "all four in turn" in text, "photographs" in text) == (0, True, True)
    folder = f"runs/{name}/experiments"
    assert store.names(folder) == [
        f"{each}.{ending}" for each in ("amounts", "critique") for ending in ("csv", "html", "json")
    ]
    lines = store.read(f"{folder}/critique.csv").decode().splitlines()
    assert len(lines) == 1 + 5 * 4
    assert lines[0].startswith("trained_on,judged_on,photos,accuracy")
    assert len(store.read(f"{folder}/amounts.csv").decode().splitlines()) == 1 + 4
    sections, tables = published_experiments(store, f"runs/{name}")
    assert [each in sections[place] for place, each in enumerate(("judged on each", "More photographs"))] == [True] * 2
    assert [len(rows) for rows in tables.values()] == [5 * 4, 4]
    assert all(
        each in store.read(f"{folder}/{kind}.html").decode()
        for each, kind in zip(sections, ("critique", "amounts"), strict=True)
    )
