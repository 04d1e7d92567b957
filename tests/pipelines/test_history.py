"""The history of runs: what it says of each, how long it grows, and what the next run would do."""

import json
import sys
from pathlib import Path

import pytest

from corpus.configuration import Configuration
from corpus.errors import StageError, StorageError
from pipelines import history
from pipelines.__main__ import main
from pipelines.history import (
    RUNS_MAX,
    Progress,
    begun,
    ended,
    publish_progress,
    read_progress,
    stage_begun,
    stage_ended,
    upcoming,
)
from pipelines.run import run_pipeline


def outcomes(progress: Progress) -> list[str]:
    return [run.outcome for run in progress.runs]


def test_a_run_is_told_with_its_stages_and_what_their_receipts_say(configuration: Configuration) -> None:
    run_pipeline(configuration, "refresh", lambda _: None)
    (run,) = read_progress(configuration.store, "refresh").runs
    assert (run.number, run.outcome, run.continues, run.error) == (1, "finished", False, None)
    assert [(stage.command, stage.outcome) for stage in run.stages] == [
        ("scrapy crawl flickr", "finished"),
        ("scrapy crawl wikimedia", "finished"),
        ("scrapy crawl folder", "finished"),
    ]
    assert [dict(stage.told) for stage in run.stages] == [{"stored": 5}] * 3
    assert all(stage.took_s is not None and stage.took_s > 0 for stage in run.stages)
    assert run.ended_at_s is not None
    assert run.ended_at_s >= run.stages[-1].began_at_s >= run.stages[0].began_at_s >= run.began_at_s


def test_a_failed_run_says_where_and_why_and_the_next_one_continues_it(configuration: Configuration) -> None:
    (configuration.file.parent / "fail-wikimedia").touch()
    with pytest.raises(StageError):
        run_pipeline(configuration, "refresh", lambda _: None)
    (configuration.file.parent / "fail-wikimedia").unlink()
    run_pipeline(configuration, "refresh", lambda _: None)
    first, second = read_progress(configuration.store, "refresh").runs
    assert [stage.outcome for stage in first.stages] == ["finished", "failed"]
    assert "`scrapy crawl wikimedia` failed with exit code 3" in (first.error or "")
    assert (second.continues, [stage.command for stage in second.stages]) == (
        True,
        ["scrapy crawl wikimedia", "scrapy crawl folder"],
    )


def test_the_stages_of_a_second_round_are_told_with_their_round(configuration: Configuration) -> None:
    (configuration.file.parent / "want-wikimedia").write_text("58")
    run_pipeline(configuration, "refresh", lambda _: None)
    (run,) = read_progress(configuration.store, "refresh").runs
    assert [stage.round for stage in run.stages] == [1, 1, 2, 2, 2]


def test_a_run_that_was_killed_is_called_so_by_the_next_one_and_stays_as_it_was_otherwise() -> None:
    killed = stage_begun(begun(Progress(("a",), finished=False), 10.0, continues=False), "a", 11.0)
    before, _ = begun(killed, 20.0, continues=True).runs
    assert (before.outcome, before.ended_at_s, before.stages[0].outcome) == ("killed", None, "killed")
    again = begun(begun(killed, 20.0, continues=True), 30.0, continues=True)
    assert again.runs[0] == before


def test_what_has_ended_never_changes(configuration: Configuration) -> None:
    told = []
    for _ in range(3):
        run_pipeline(configuration, "once", lambda _: None)
        told.append(read_progress(configuration.store, "once").runs)
    assert told[2][:2] == told[1]
    assert told[1][:1] == told[0]


def test_the_last_runs_are_kept_and_long_texts_are_cut(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(("a",), finished=False)
    for number in range(RUNS_MAX + 20):
        progress = stage_begun(begun(progress, number, continues=False), "a", number)
        progress = ended(stage_ended(progress, number, "failed", {"text": "x" * 9999}), number, "failed", "y" * 9999)
    publish_progress(configuration.store, "once", progress)
    kept = read_progress(configuration.store, "once").runs
    assert [kept[0].number, kept[-1].number, len(kept)] == [21, RUNS_MAX + 20, RUNS_MAX]
    assert len(configuration.store.read(history.path_of("once"))) < RUNS_MAX * 2000


def test_the_state_of_an_earlier_version_goes_on(configuration: Configuration) -> None:
    stages = [f"scrapy crawl {name}" for name in ("flickr", "wikimedia", "folder")]
    value = {"stages": stages, "receipts": [{"stored": 1}], "round": 1, "finished": False}
    configuration.store.publish_json(history.path_of("refresh"), value)
    run_pipeline(configuration, "refresh", lambda _: None)
    assert (configuration.file.parent / "ran").read_text().split() == ["wikimedia", "folder"]


@pytest.mark.parametrize("value", [[], {"stages": []}, {"stages": [], "receipts": [], "finished": True, "runs": [{}]}])
def test_a_damaged_history_is_named_with_the_cure(configuration: Configuration, value: object) -> None:
    configuration.store.publish_json(history.path_of("once"), value)
    with pytest.raises(StorageError, match=r"pipeline-once\.json is not the history of a pipeline.*remove it"):
        run_pipeline(configuration, "once", lambda _: None)


def call(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> str:
    monkeypatch.setattr(sys, "argv", ["pipelines", "--config", str(configuration.file), *words])
    capsys.readouterr()
    assert main() == 0
    return capsys.readouterr().out


def test_a_dry_run_says_which_stages_would_run_and_why_and_runs_none(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = configuration.file.parent
    first = call(configuration, monkeypatch, capsys, "run", "refresh", "--dry-run")
    assert "would run  scrapy crawl flickr  (the pipeline has not run yet)" in first
    assert "up to 2 rounds" in first
    assert not (folder / "ran").exists()
    (folder / "fail-wikimedia").touch()
    with pytest.raises(StageError):
        run_pipeline(configuration, "refresh", lambda _: None)
    assert call(configuration, monkeypatch, capsys, "run", "refresh", "--dry-run").splitlines()[:3] == [
        "would skip  scrapy crawl flickr  (done in the run before)",
        "would run  scrapy crawl wikimedia  (the run before failed here)",
        "would run  scrapy crawl folder  (after the stage above)",
    ]
    configuration.file.write_text(configuration.file.read_text().replace("crawl folder", "crawl flickr"))
    changed = call(configuration, monkeypatch, capsys, "run", "refresh", "--dry-run")
    assert "would run  scrapy crawl flickr  (the pipeline has other stages than in the run before)" in changed


def test_a_dry_run_does_not_call_a_run_killed_that_is_running() -> None:
    running = stage_begun(begun(Progress(("a",), finished=False), 10.0, continues=False), "a", 11.0)
    assert [one.why for one in upcoming(running, ["a"], is_locked=True)] == ["the run of now is here"]
    assert [one.why for one in upcoming(running, ["a"], is_locked=False)] == ["the run before was killed here"]


def test_history_prints_every_run_with_its_stages(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run_pipeline(configuration, "once", lambda _: None)
    (tmp_path / "fail-wikimedia").touch()
    with pytest.raises(StageError):
        run_pipeline(configuration, "once", lambda _: None)
    lines = call(configuration, monkeypatch, capsys, "history", "once").splitlines()
    assert lines[0] == "once  (2 runs)"
    assert [line[:4] for line in lines if "#" in line[:4]] == ["  #1", "  #2"]
    assert "scrapy crawl wikimedia  finished in" in lines[2]
    assert lines[2].endswith(": stored 5")
    assert "failed with exit code 3" in lines[-1]
    told = json.loads(call(configuration, monkeypatch, capsys, "history", "--json"))
    assert [run["outcome"] for run in told["once"]] == ["finished", "failed"]
    assert told["refresh"] == []
