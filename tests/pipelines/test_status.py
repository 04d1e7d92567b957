"""What `status` says of a pipeline: last runs, what they changed, next due, missed, running, stuck, wanted."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corpus.configuration import Configuration, read_configuration
from corpus.receipts import publish_receipt
from pipelines.__main__ import main
from pipelines.history import PipelineRun, Progress, StageRun, publish_progress
from pipelines.lock import lock_holder, pipeline_lock
from pipelines.overview.__main__ import main as overview
from pipelines.scheduling.crontab import block
from pipelines.scheduling.installed import SYSTEMD, Installation, installation, units_folder
from pipelines.scheduling.systemd import units
from pipelines.status import PipelineStatus, history_lines, status_lines, status_of

NOW_S = datetime(2026, 11, 29, 12, 0, tzinfo=UTC).timestamp()
NIGHT_S = datetime(2026, 11, 29, 2, 17, tzinfo=UTC).timestamp()
DAY_S = 86400.0


def curated(generation: str, kept: int) -> StageRun:
    told = {"generation": generation, "photos": 900, "kept": kept, "wanted": 0}
    return StageRun("python -m curation.run", 1, 0.0, 60.0, "finished", told)


def crawled(stored: int) -> StageRun:
    return StageRun("scrapy crawl flickr", 1, 0.0, 60.0, "finished", {"stored": stored, "refused": 3})


def run(number: int, began_at_s: float, took_s: float | None, outcome: str, *stages: StageRun) -> PipelineRun:
    ended_at_s = None if took_s is None else began_at_s + took_s
    return PipelineRun(number, began_at_s, os.getpid(), "host", False, ended_at_s, outcome, stages=stages)


@pytest.fixture(autouse=True)
def cron(crontab_file: Path) -> Path:
    return crontab_file


def told(configuration: Configuration, *runs: PipelineRun, installed: bool = True) -> str:
    """Return the status of the pipeline `refresh` after these runs as text, in UTC."""
    publish_progress(configuration.store, "refresh", Progress(("a",), (), 1, True, runs))
    return "\n".join(status_lines(seen(configuration, installed), NOW_S, UTC))


def seen(configuration: Configuration, installed: bool = True) -> PipelineStatus:
    folder = configuration.file.parent
    (folder / "cron" / "crontab.txt").write_bytes(block(configuration, folder) if installed else b"")
    return status_of(configuration, "refresh", NOW_S, UTC)


def test_a_pipeline_that_has_not_run_says_so_and_when_it_is_due(configuration: Configuration) -> None:
    assert status_lines(seen(configuration), NOW_S, UTC) == [
        "refresh  (17 2 * * *, next due 2026-11-30 02:17, in 14 h 17 min)",
        "  has not run yet",
    ]
    assert "  not installed, neither in the crontab nor for systemd: shutterprint pipelines install" in status_lines(
        seen(configuration, installed=False), NOW_S, UTC
    )


def test_where_neither_cron_nor_systemd_can_be_asked_nothing_is_said_of_them(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert installation(configuration, "refresh").is_installed is None
    status = status_of(configuration, "refresh", NOW_S, UTC)
    assert not any("install" in line for line in status_lines(status, NOW_S, UTC))


def test_a_timer_of_systemd_starts_it_as_well(configuration: Configuration) -> None:
    seen(configuration, installed=False)
    units_folder().mkdir(parents=True)
    for name, text in units(configuration, configuration.file.parent).items():
        (units_folder() / name).write_text(text)
    assert installation(configuration, "refresh") == Installation(True, SYSTEMD, False)
    assert installation(configuration, "once") == Installation(False)
    other = read_configuration(configuration.file, ["pipelines.refresh.schedule='18 2 * * *'"])
    assert installation(other, "refresh") == Installation(False, SYSTEMD, True)


@pytest.mark.parametrize("schedule", ["'18 2 * * *'", "null"])
def test_a_crontab_with_another_schedule_is_said_and_misses_nothing(
    configuration: Configuration, schedule: str
) -> None:
    publish_progress(
        configuration.store, "refresh", Progress(("a",), (), 1, True, (run(1, NIGHT_S - 3 * DAY_S, 7.0, "finished"),))
    )
    assert seen(configuration).missed_s is not None
    changed = read_configuration(configuration.file, [f"pipelines.refresh.schedule={schedule}"])
    status = status_of(changed, "refresh", NOW_S, UTC)
    assert status.missed_s is None
    assert "  the crontab has another schedule: shutterprint pipelines install" in status_lines(status, NOW_S, UTC)


@pytest.mark.parametrize(
    ("outcome", "began_at_s", "is_wrong"),
    [
        ("finished", NIGHT_S + 1, False),
        ("failed", NIGHT_S + 1, True),
        ("interrupted", NIGHT_S + 1, True),
        ("running", NIGHT_S + 1, True),
        ("finished", NIGHT_S - 3 * DAY_S, True),
    ],
)
def test_a_pipeline_that_was_missed_or_has_stopped_is_wrong(
    configuration: Configuration, outcome: str, began_at_s: float, is_wrong: bool
) -> None:
    told(configuration, run(1, began_at_s, None if outcome == "running" else 10.0, outcome))
    assert status_of(configuration, "refresh", NOW_S, UTC).is_wrong == is_wrong


def test_both_commands_end_with_the_same_exit_code(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--config", str(configuration.file)]
    now_s = time.time()
    for outcome, code in (("finished", 0), ("failed", 1)):
        told(configuration, run(1, now_s - 60, 30.0, outcome))
        monkeypatch.setattr(sys, "argv", ["pipelines", *words, "status"])
        assert main() == code
        assert overview(words) == code
    assert "pipeline refresh stopped before its first stage" in capsys.readouterr().out


def test_each_run_says_how_long_it_took_and_what_it_changed(configuration: Configuration) -> None:
    text = told(
        configuration,
        run(1, NIGHT_S - 2 * DAY_S, 700.0, "finished", crawled(40), curated("0007-aaaaaaaaaa", 500)),
        run(2, NIGHT_S - DAY_S, 60.0, "killed", crawled(9)),
        run(3, NIGHT_S - DAY_S + 600, 800.0, "finished", crawled(12), curated("0008-bbbbbbbbbb", 498)),
        run(4, NIGHT_S, 900.0, "finished", crawled(0), curated("0008-bbbbbbbbbb", 498)),
    )
    assert text.splitlines()[1:] == [
        "  #4  2026-11-29 02:17  finished after 15 min: 0 stored, nothing new",
        "  #3  2026-11-28 02:27  finished after 13 min 20 s: 12 stored, generation 0008-bbbbbbbbbb, 498 kept (-2)",
        "  #2  2026-11-28 02:17  killed after 1 min: 9 stored",
        "  #1  2026-11-27 02:17  finished after 11 min 40 s: 40 stored, generation 0007-aaaaaaaaaa, 500 kept",
        "  usually takes 13 min 20 s",
    ]


def test_a_missed_time_is_told_and_the_next_one_still_computed(configuration: Configuration) -> None:
    text = told(configuration, run(1, NIGHT_S - 3 * DAY_S, 700.0, "finished"))
    assert "MISSED: it was due 2026-11-29 02:17, and no run has begun since" in text
    assert "next due 2026-11-30 02:17" in text
    assert "MISSED" not in told(configuration, run(1, NIGHT_S + 1, 700.0, "finished"))
    assert "MISSED" not in told(configuration, run(1, NIGHT_S - 3 * DAY_S, 700.0, "finished"), installed=False)
    long = run(1, NIGHT_S - DAY_S, 1.2 * DAY_S, "finished")
    assert "MISSED" not in told(configuration, long), "the run before was still running"


def test_a_run_that_is_running_is_told_with_its_stage_and_process(configuration: Configuration) -> None:
    running = run(1, NOW_S - 90, None, "running", StageRun("scrapy crawl folder", 1, NOW_S - 30))
    with pipeline_lock(configuration.store, "refresh"):
        text = told(configuration, running)
    assert f"  running for 1 min 30 s (process {os.getpid()}): scrapy crawl folder" in text
    assert "STUCK" not in text


def test_a_run_that_seems_to_be_running_while_nobody_holds_the_lock_was_killed(configuration: Configuration) -> None:
    text = told(configuration, run(1, NIGHT_S, None, "running", StageRun("scrapy crawl folder", 1, NIGHT_S)))
    assert "#1  2026-11-29 02:17  killed" in text
    assert "scrapy crawl folder  killed" in "\n".join(history_lines(seen(configuration), UTC))


@pytest.mark.parametrize(("usual_s", "running_s", "is_stuck"), [(600.0, 2900.0, False), (600.0, 3100.0, True)])
def test_a_run_that_takes_five_times_as_long_as_usual_is_stuck(
    configuration: Configuration, usual_s: float, running_s: float, is_stuck: bool
) -> None:
    before = run(1, NIGHT_S - DAY_S, usual_s, "finished")
    with pipeline_lock(configuration.store, "refresh"):
        text = told(configuration, before, run(2, NOW_S - running_s, None, "running"))
    assert ("STUCK: it runs for 51 min 40 s and usually takes 10 min" in text) == is_stuck


def test_a_run_of_seconds_is_not_stuck_after_a_minute(configuration: Configuration) -> None:
    before = run(1, NIGHT_S - DAY_S, 2.0, "finished")
    with pipeline_lock(configuration.store, "refresh"):
        assert "STUCK" not in told(configuration, before, run(2, NOW_S - 60, None, "running"))


def test_a_lock_whose_holder_is_dead_is_stuck_on_a_stage_that_lives_on(configuration: Configuration) -> None:
    code = (
        "import subprocess, sys; from corpus.storage import open_store; from pipelines.lock import pipeline_lock\n"
        "with pipeline_lock(open_store(sys.argv[1]), 'refresh') as lock:\n"
        "    inherited = {'pass_fds': (lock.descriptor,), 'stdout': subprocess.DEVNULL}\n"
        "    print(subprocess.Popen(['sleep', '60'], **inherited).pid, flush=True)\n"
        "    import os; os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    store = configuration.store
    with subprocess.Popen([sys.executable, "-c", code, store.url], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
    try:
        assert lock_holder(store, "refresh") == (True, None)
        assert "STUCK: the process that ran it is dead, but a stage" in told(configuration)
    finally:
        os.kill(orphan, 9)


def test_looking_at_a_lock_turns_no_run_away(configuration: Configuration) -> None:
    with pipeline_lock(configuration.store, "refresh"):  # so that there is a file to look at
        pass
    with Path(configuration.store.path("receipts/refresh.lock")).open() as look:
        fcntl.flock(look, fcntl.LOCK_SH)
        threading.Timer(0.1, look.close).start()
        with pipeline_lock(configuration.store, "refresh"):
            assert look.closed


def test_photos_that_are_wanted_are_told_for_pipelines_that_curate(configuration: Configuration) -> None:
    publish_receipt(configuration.store, "curation", {"wanted": 58})
    assert "wanted" not in told(configuration)
    curates = read_configuration(configuration.file, ["pipelines.refresh.stages=[python -m curation.run]"])
    assert "58 refused photos are wanted" in told(curates)
