"""`--log-json`: every line that a command writes is one JSON object with time, level and event."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from corpus import events
from corpus.command_line import command_parser, exit_with, plain_console, progress
from corpus.errors import StageError
from corpus.receipts import publish_receipt
from corpus.storage import open_store

Run = Callable[..., tuple[list[dict[str, Any]], str, int]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs a command with some words, and returns its events, its standard output and its exit code."""

    def command(main: Callable[[], int], *words: str) -> tuple[list[dict[str, Any]], str, int]:
        monkeypatch.setattr(sys, "argv", ["/usr/bin/thing", *words])
        with pytest.raises(SystemExit) as ended:
            exit_with(main)
        written = capsys.readouterr()
        lines = (written.err + ("" if "--json" in words else written.out)).splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        assert len(told) in (len(lines), 0), lines
        return told, written.out, int(ended.value.code or 0)

    return command


def busy() -> int:
    print("one line\nanother, not yet ", end="")
    print("ended", file=sys.stdout)
    plain_console().print("from a console")
    with progress(plain_console(), "examining", 2, "photos") as advance:
        advance(2)
    logging.getLogger("a.library").warning("slow %s", "disk")
    sys.stderr.write("begun and never ended")
    return 0


def test_every_line_of_a_command_is_an_event_and_its_end_says_how_it_ended(run: Run) -> None:
    told, _, code = run(busy, "--log-json")
    assert code == 0
    assert all({"time", "level", "event"} <= set(each) for each in told)
    assert all(datetime.fromisoformat(each["time"]).tzinfo for each in told)
    assert [each["message"] for each in told if each["event"] == "line"] == [
        "begun and never ended", "one line", "another, not yet ended", "from a console"
    ]  # fmt: skip
    (log,) = [each for each in told if each.get("logger") == "a.library"]
    assert (log["event"], log["level"], log["message"]) == ("log", "warning", "slow disk")
    (first, *_), (last,) = told, [each for each in told if each["event"] == "command_ends"]
    assert (first["event"], first["command"]) == ("command_begins", "thing")
    assert last["exit_code"] == 0
    assert last["took_s"] >= 0


def test_a_warning_of_python_is_an_event(run: Run) -> None:
    def warns() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        return 0

    (told,) = [each for each in run(warns, "--log-json")[0] if each.get("logger") == "py.warnings"]
    assert "DeprecationWarning: old" in told["message"]


def test_progress_is_an_event_with_its_figures(run: Run) -> None:
    (told,) = [each for each in run(busy, "--log-json")[0] if each["event"] == "progress"]
    assert {name: told[name] for name in ("step", "things", "done", "total")} == {
        "step": "examining", "things": "photos", "done": 2, "total": 2
    }  # fmt: skip


def test_a_receipt_is_an_event_with_what_the_stage_has_done(run: Run, tmp_path: Path) -> None:
    def stage() -> int:
        publish_receipt(open_store(str(tmp_path)), "curation", {"kept": 5})
        return 0

    (told,) = [each for each in run(stage, "--log-json")[0] if each["event"] == "receipt"]
    assert (told["stage"], told["kept"]) == ("curation", 5)


def test_without_the_flag_nothing_changes(run: Run) -> None:
    told, out, _ = run(busy)
    assert told == []
    assert out.startswith("one line\nanother, not yet ended\nfrom a console\nexamining: 2 of 2 photos")


def test_the_environment_asks_too_and_what_a_command_starts_inherits_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shows() -> int:
        print("inherited", os.environ[events.VARIABLE])
        return 0

    told, _, _ = run(shows, "--log-json")
    assert "inherited 1" in [each.get("message") for each in told]
    assert events.VARIABLE not in os.environ
    monkeypatch.setenv(events.VARIABLE, "1")
    assert run(shows)[0]
    monkeypatch.setenv(events.VARIABLE, "0")
    assert run(shows)[0] == []


def test_the_answer_for_a_program_stays_whole_on_the_standard_output(run: Run) -> None:
    def answers() -> int:
        print(json.dumps({"kept": 5}, indent=1))
        logging.getLogger("a.library").warning("slow disk")
        return 0

    _, out, _ = run(answers, "--json", "--log-json")
    assert json.loads(out) == {"kept": 5}


def test_a_mistake_is_one_event_of_level_error_and_a_wrong_command_line_is_too(run: Run) -> None:
    def fails() -> int:
        raise StageError("no crawl\nhas been here")

    told, _, code = run(fails, "--log-json")
    (error,) = [each for each in told if each["level"] == "error"]
    assert (code, error["event"], error["message"]) == (2, "error", "no crawl\nhas been here")

    def parses() -> int:
        command_parser("python -m a.thing", "").parse_args()
        return 0

    told, _, code = run(parses, "--log-json", "--nothing")
    (error,) = [each for each in told if each["level"] == "error"]
    assert code == 2
    assert "unrecognized arguments: --nothing" in error["message"]


def test_a_fault_of_the_program_is_one_event_with_its_traceback(run: Run) -> None:
    def breaks() -> int:
        raise ZeroDivisionError("of ours")

    told, _, code = run(breaks, "--log-json")
    (fault,) = [each for each in told if each["event"] == "fault"]
    assert (code, fault["level"], fault["message"]) == (1, "critical", "of ours")
    assert "Traceback" in fault["exception"]
    assert told[-1]["exit_code"] == 1


def test_the_flag_must_be_written_in_full_as_faults_of_the_command_line_are_events_too(run: Run) -> None:
    def parses() -> int:
        command_parser("python -m a.thing", "").parse_args()
        return 0

    assert run(parses, "--log")[2] == 2
    assert run(parses, "--log-json")[2] == 0


def test_values_that_json_lacks_become_texts() -> None:
    line = events.as_line("epoch", "info", {"loss": float("nan"), "path": Path("a"), "name": "\udce9", "of": (1, 2)})
    told = json.loads(line)
    assert (told["loss"], told["path"], told["name"], told["of"]) == ("nan", "a", r"\udce9", [1, 2])


def test_a_field_cannot_take_the_place_of_the_time() -> None:
    assert json.loads(events.as_line("line", "info", {"time": "never", "level": "none"}, 0.0)) == {
        "time": "1970-01-01T00:00:00.000Z", "level": "info", "event": "line"
    }  # fmt: skip


def test_events_of_another_command_pass_as_they_are_and_what_only_looks_like_one_does_not(run: Run) -> None:
    event, look_alike = events.as_line("epoch", "info", {"loss": 1.5}, 0.0), '{"time": "now", and more}'

    def relays() -> int:
        print(event)
        print(look_alike)
        return 0

    told, _, _ = run(relays, "--log-json")
    assert json.loads(event) in told
    assert look_alike in [each.get("message") for each in told]
