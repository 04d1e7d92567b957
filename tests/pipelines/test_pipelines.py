"""Pipelines: order, receipts, resuming, the lock; stages are real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corpus.command_line import exit_with
from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError, StageError
from corpus.storage import Store, open_store
from pipelines.__main__ import main
from pipelines.lock import AlreadyRunningError, lock_holder, pipeline_lock
from pipelines.processes import interrupts_held
from pipelines.run import run_pipeline
from pipelines.stages import parse_stage, stages_of

PYTHON = sys.executable


def ran(configuration: Configuration) -> list[str]:
    return (configuration.file.parent / "ran").read_text().split()


def test_stages_run_in_order_and_their_receipts_come_back(configuration: Configuration) -> None:
    receipts = run_pipeline(configuration, "refresh", lambda _: None)
    assert ran(configuration) == ["flickr", "wikimedia", "folder"]
    assert [receipt["stored"] for receipt in receipts] == [5, 5, 5]


def test_with_log_json_every_line_of_a_stage_is_an_event_too(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (configuration.file.parent / "say").touch()
    monkeypatch.setattr(sys, "argv", ["pipelines", "--config", str(configuration.file), "--log-json", "run", "once"])
    with pytest.raises(SystemExit):
        exit_with(main)
    written = capfd.readouterr()
    told = [json.loads(line) for line in (written.out + written.err).splitlines()]
    assert {"event": "epoch", "level": "info", "time": "2026-01-01T00:00:00.000Z"} in told
    assert "a plain line of wikimedia" in {each["message"] for each in told if each["event"] == "line"}
    assert told[-1]["exit_code"] == 0


@pytest.mark.parametrize("fault", ["fail", "lie"])
def test_a_stage_that_fails_or_leaves_no_receipt_stops_the_run_and_the_next_goes_on_from_it(
    configuration: Configuration, fault: str
) -> None:
    trouble = configuration.file.parent / f"{fault}-wikimedia"
    trouble.touch()
    with pytest.raises(StageError, match="scrapy crawl wikimedia"):
        run_pipeline(configuration, "refresh", lambda _: None)
    assert ran(configuration) == ["flickr", "wikimedia"]
    trouble.unlink()
    run_pipeline(configuration, "refresh", lambda _: None)
    assert ran(configuration) == ["flickr", "wikimedia", "wikimedia", "folder"]


def test_a_finished_pipeline_starts_anew(configuration: Configuration) -> None:
    run_pipeline(configuration, "refresh", lambda _: None)
    run_pipeline(configuration, "refresh", lambda _: None)
    assert len(ran(configuration)) == 6


def test_where_photos_are_wanted_a_second_round_runs_and_no_third(configuration: Configuration) -> None:
    (configuration.file.parent / "want-wikimedia").write_text("58")
    said: list[str] = []
    run_pipeline(configuration, "refresh", said.append)
    assert ran(configuration) == ["flickr", "wikimedia", "flickr", "wikimedia", "folder"]
    assert [line for line in said if "wanted" in line and "round 2" in line] == [
        "58 refused photos are wanted now: round 2 begins with the first stage"
    ]


def test_a_second_round_that_fails_goes_on_in_that_round(configuration: Configuration) -> None:
    folder = configuration.file.parent
    (folder / "want-wikimedia").write_text("58")
    (folder / "fail-folder").touch()
    with pytest.raises(StageError, match="scrapy crawl folder"):
        run_pipeline(configuration, "refresh", lambda _: None)
    (folder / "fail-folder").unlink()
    run_pipeline(configuration, "refresh", lambda _: None)
    assert ran(configuration) == ["flickr", "wikimedia", "flickr", "wikimedia", "folder", "folder"]


def test_a_pipeline_of_one_round_leaves_what_is_wanted_to_the_next_run(configuration: Configuration) -> None:
    (configuration.file.parent / "want-wikimedia").write_text("58")
    run_pipeline(configuration, "once", lambda _: None)
    assert ran(configuration) == ["wikimedia"]


def test_an_old_receipt_is_no_proof(configuration: Configuration) -> None:
    run_pipeline(configuration, "refresh", lambda _: None)
    (configuration.file.parent / "lie-flickr").touch()
    with pytest.raises(StageError, match="wrote no receipt"):
        run_pipeline(configuration, "refresh", lambda _: None)


def test_a_foreign_command_or_an_unknown_name_is_refused_before_anything_runs(configuration: Configuration) -> None:
    odd = read_configuration(configuration.file, ["pipelines.odd.stages=[rm -rf /]"])
    with pytest.raises(ConfigurationError, match="'rm -rf /' is not one of"):
        run_pipeline(odd, "odd", lambda _: None)
    with pytest.raises(ConfigurationError, match="there is no 'nothing', only refresh, once"):
        run_pipeline(configuration, "nothing", lambda _: None)


@pytest.mark.parametrize("name", ["a/b", "../refresh", "two words", ".hidden", "-x"])
def test_a_pipeline_has_a_name_that_files_can_have(configuration: Configuration, name: str) -> None:
    configuration.file.write_text(f"storage: data\npipelines:\n  {name!r}: {{stages: [scrapy crawl flickr]}}\n")
    with pytest.raises(ConfigurationError, match="is not a name of letters, digits"):
        read_configuration(configuration.file)


def test_a_second_run_is_turned_away_while_the_first_or_its_orphaned_stage_works(
    configuration: Configuration,
) -> None:
    folder = configuration.file.parent
    (folder / "sleep-flickr").touch()
    first = start_pipeline(configuration)
    try:
        wait_for(lambda: (folder / "ran").exists())
        with pytest.raises(StageError, match=rf"already running \(process {first.pid}\)"):
            run_pipeline(configuration, "refresh", lambda _: None)
        first.kill()
        first.wait()
        with pytest.raises(StageError, match="already running"):
            run_pipeline(configuration, "refresh", lambda _: None)
    finally:
        first.kill()
        subprocess.run(["pkill", "-9", "-f", str(folder / "bin" / "scrapy")], check=False)
    (folder / "sleep-flickr").unlink()
    wait_for(lambda: not_locked(configuration))


def not_locked(configuration: Configuration) -> bool:
    try:
        run_pipeline(configuration, "refresh", lambda _: None)
    except StageError:
        return False
    return True


def foreign_lease(store: Store) -> str:
    """Let a process of another machine hold the pipeline in the store; return the path of its lease."""
    now_s = time.time()
    holder = {"host": "elsewhere", "machine": "another", "pid": 7, "started": "1", "token": "t"}
    path = "leases/pipeline-refresh.0.json"
    store.publish_json(path, {**holder, "since_s": now_s - 1, "expires_at_s": now_s + 60})
    return path


def test_in_an_object_store_a_pipeline_that_runs_on_another_machine_turns_a_run_away(tmp_path: Path) -> None:
    store = open_store(f"memory://{tmp_path.name}")
    path = foreign_lease(store)
    assert lock_holder(store, "refresh") == (True, "process 7 on elsewhere")
    refused = pytest.raises(AlreadyRunningError, match=r"already running \(process 7 on elsewhere since ")
    with refused, pipeline_lock(store, "refresh"):
        pass
    store.remove(path)
    with pipeline_lock(store, "refresh") as lock:
        assert lock_holder(store, "refresh") == (True, f"process {os.getpid()}")
        assert store.names("leases") == ["pipeline-refresh.0.json"]
        lock.check()
        foreign_lease(store)
        with pytest.raises(StageError, match="another process has taken pipeline refresh over"):
            lock.check()
    store.remove(path)
    assert lock_holder(store, "refresh") == (False, None)


def test_an_interrupted_pipeline_stops_its_stage(configuration: Configuration) -> None:
    folder = configuration.file.parent
    (folder / "sleep-flickr").touch()
    process = start_pipeline(configuration)
    wait_for(lambda: (folder / "ran").exists())
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on from here" in errors
    listing = subprocess.run(["pgrep", "-f", str(folder / "bin" / "scrapy")], capture_output=True, check=False)
    assert listing.stdout == b""


def start_pipeline(configuration: Configuration) -> "subprocess.Popen[str]":
    """Start the command in a process of its own, with the test's programs beside its interpreter."""
    code = (
        f"import runpy, sys; sys.executable = {sys.executable!r}\n"
        f"sys.argv = ['pipelines', '--config', {str(configuration.file)!r}, 'run', 'refresh']\n"
        "runpy.run_module('pipelines', run_name='__main__')"
    )
    return subprocess.Popen([PYTHON, "-c", code], stderr=subprocess.PIPE, text=True)


def wait_for(condition: object, timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)


def test_pruning_is_a_stage_unless_it_only_says_what_it_would_do(configuration: Configuration) -> None:
    command = "python -m pipelines.prune --keep-generations 5"
    assert parse_stage(command, configuration.file).receipt == "prune"
    with pytest.raises(ConfigurationError, match="is not one of"):
        parse_stage(f"{command} --dry-run", configuration.file)


def test_the_shipped_pipelines_are_all_stages_of_this_product(repository: Path) -> None:
    shipped = read_configuration(repository / "pipelines.yaml")
    for name in ("refresh", "retrain", "demo"):
        assert stages_of(shipped, name)
    retrain = stages_of(shipped, "retrain")[0]
    assert retrain.receipt == "train"
    assert retrain.arguments[-1] == str(repository / "pipelines.yaml")


def test_an_interrupt_that_comes_while_a_process_starts_is_heeded_once_it_is_known() -> None:
    known = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored

    def start() -> None:
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            known.append("started")

    try:
        with pytest.raises(KeyboardInterrupt):
            start()
        assert known == ["started"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
