"""`python -m train.evaluate`: a finished run judged again gives the figures it has recorded."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus.configuration import read_configuration
from corpus.errors import StorageError
from corpus.sections import Training
from train.compare import main as compare_runs
from train.evaluate import agreement, carried_out_here, main
from train.fit.runs import RunConfig
from train.main import train

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
    assert json.loads(text) == store.read_json(f"runs/{name}/evaluation.json") | {"agrees": True}
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
    code, _ = evaluate(file, "latest", "--full")
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
    }
    assert {f"{each}.csv" for each in wanted} <= set(files)
    page = store.read(f"{folder}/report.html").decode()
    assert "The surest mistakes" in page
    assert "data:image/jpeg;base64," in page
    assert not [link for link in ('src="http', 'href="http', "<script") if link in page]
    curves = list(csv.DictReader(io.StringIO(store.read(f"{folder}/curves.csv").decode())))
    assert {(row["kind"], row["strength"]) for row in curves} >= {("jpeg", "30"), ("gamma", "1.75"), ("scale", "3.0")}
    same = next(row for row in curves if (row["kind"], row["strength"]) == ("jpeg", "70"))
    assert float(same["accuracy"]) == store.read_json(f"runs/{name}/evaluation.json")["accuracy"]["jpeg_70"]
    monkeypatch.setattr(sys, "argv", ["train.compare", "--config", str(file), "latest", name])
    assert compare_runs() == 0
    assert "12 photographs by 6 devices" in capsys.readouterr().out
    code, text = evaluate(file, name, "latest")
    assert (code, text.startswith("run")) == (0, True)


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


@pytest.mark.slow
def test_experiments_are_trained_and_published_beside_a_run(trained: Path, evaluate: Run, tmp_path: Path) -> None:
    file = shutil.copytree(trained.parent, tmp_path / "copy") / trained.name
    store = read_configuration(file).store
    [name] = store.names("runs")
    code, text = evaluate(file, "--matrix", "--amounts", "--steps", "2")
    assert (code, "all four in turn" in text, "photographs" in text) == (0, True, True)
    folder = f"runs/{name}/experiments"
    assert store.names(folder) == ["amounts.csv", "amounts.html", "critique.csv", "critique.html"]
    lines = store.read(f"{folder}/critique.csv").decode().splitlines()
    assert len(lines) == 1 + 5 * 4
    assert lines[0].startswith("trained_on,judged_on,photos,accuracy")
    assert len(store.read(f"{folder}/amounts.csv").decode().splitlines()) == 1 + 4
