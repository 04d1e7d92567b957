"""`shutterprint status`: the state of everything, what is wrong, and the command that mends it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from corpus.configuration import read_configuration
from corpus.leases import held, this_process
from corpus.receipts import publish_receipt
from corpus.storage import Store, open_store
from crawlers.windows.work_units import leases_folder
from pipelines import history
from pipelines.lock import pipeline_lock
from pipelines.overview.__main__ import main
from pipelines.overview.disk import size_of
from pipelines.scheduling.crontab import block, write_crontab

QUERY, SINCE_S, DAY_S = "apple/iphone_4s", 1577836800, 86400
CONFIGURATION = """
storage: data
cameras: [iphone-4s]
sources: {flickr: {since: "2020-01-01", until: "2020-01-11"}}
clusters: {ray_dashboard: "http://127.0.0.1:9"}
pipelines:
  refresh: {schedule: "17 2 * * *", stages: [scrapy crawl flickr, python -m curation.run]}
"""
WITHOUT = "import sys; sys.modules['scrapy'] = None; from pipelines.shutterprint import main; main()"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crontab_file: Path) -> Store:
    """Return the store of a configuration in the working directory; no pipeline is installed."""
    (tmp_path / "pipelines.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    return open_store("data", tmp_path)


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[str, int]]:
    """Return what runs the command and returns what it prints and its exit code."""

    def run(*words: str) -> tuple[str, int]:
        code = main(list(words))
        return capsys.readouterr().out, code

    return run


def window(store: Store, name: str, first: int, last: int) -> None:
    part = [SINCE_S + first * DAY_S, SINCE_S + last * DAY_S]
    store.mark_done(f"crawl/flickr/{name}", {"details": {"query": QUERY, "window": part}})


def generation(store: Store, name: str, kept: int = 6, wanted: int = 0) -> None:
    counts = {"photos": 10, "kept": kept, "sources": {"flickr": {"wanted": wanted}}}
    store.publish_json(f"curated/{name}/funnel.json", counts)
    store.mark_done(f"curated/{name}", {})


def ran(store: Store, outcome: str) -> None:
    """Leave a run of the pipeline that has ended in its last stage."""
    commands, now_s = ("scrapy crawl flickr", "python -m curation.run"), time.time()
    done = commands if outcome == history.FINISHED else commands[:1]
    progress = history.Progress(commands, tuple({} for _ in done), finished=outcome == history.FINISHED)
    progress = history.begun(progress, now_s, continues=False)
    for command in commands:
        progress = history.stage_begun(progress, command, now_s)
        progress = history.stage_ended(progress, now_s, history.FINISHED if command in done else outcome, {})
    history.publish_progress(store, "refresh", history.ended(progress, now_s, outcome))


def whole(store: Store) -> None:
    """Leave what a night without trouble leaves."""
    window(store, "a", 0, 10)
    publish_receipt(store, "crawl-flickr", {"stored": 10, "found": 10})
    generation(store, "0001-2f58ed3197")
    store.mark_done("shards/0001-2f58ed3197", {})
    publish_receipt(store, "curation", {"generation": "0001-2f58ed3197"})
    ran(store, history.FINISHED)
    store.publish_json("runs/0001-0001-2f58ed3197-aa/config.json", {})
    store.mark_done("runs/0001-0001-2f58ed3197-aa", {"weighted_accuracy": 0.912})


def advised(text: str) -> dict[str, str]:
    """Return the commands of the advice by what they are for."""
    found = json.loads(text)["advice"]
    return {each["what"]: each["command"] for each in found}


def test_an_empty_store_is_not_wrong_and_says_what_comes_first(store: Store, status: Any) -> None:
    text, code = status()
    assert code == 0
    assert "no crawl has left anything here yet" in text
    assert "scrapy crawl SOURCE" in text
    assert "nothing is wrong" in text
    assert not Path(store.url).exists()


def test_a_night_without_trouble_is_told_in_full(store: Store, status: Any) -> None:
    whole(store)
    text, code = status()
    assert code == 0
    assert "nothing is wrong" in text
    for expected in ("flickr", "100.0 %", "0001-2f58ed3197", "0.912", "17 2 * * *", "finished", "are free on"):
        assert expected in text
    told = json.loads(status("--json")[0])
    assert told["sources"]["flickr"]["windows"] == 1
    assert told["data_set"]["newest"][0]["kept"] == 6
    assert told["pipelines"]["refresh"]["state"] == "finished"
    assert told["jobs"]["jobs"] is None
    assert told["disk"]["free_bytes"] > 0
    assert told["advice"] == []


def test_time_that_no_window_covers_is_told(store: Store, status: Any) -> None:
    whole(store)
    Path(store.path("crawl/flickr/a/_done.json")).unlink()
    window(store, "a", 0, 4)
    assert "40.0 %" in status()[0]
    assert f"open: {QUERY}: 2020-01-05T00:00:00Z to 2020-01-11T00:00:00Z" in status()[0]


def test_what_was_crawled_since_is_to_be_curated_and_that_is_not_wrong(store: Store, status: Any) -> None:
    whole(store)
    publish_receipt(store, "crawl-flickr-1-of-2", {"found": 1, "stored": 1})
    text, code = status("--json")
    assert code == 0
    assert advised(text) == {"flickr: crawled since the last curation": "python -m curation.run"}


def test_a_crawl_that_found_nothing_new_asks_for_nothing(store: Store, status: Any) -> None:
    whole(store)
    publish_receipt(store, "crawl-flickr", {"found": 0, "stored": 0})
    assert advised(status("--json")[0]) == {}


def test_wanted_photos_ask_for_another_crawl(store: Store, status: Any) -> None:
    whole(store)
    generation(store, "0002-aaaaaaaaaa", wanted=3)
    store.mark_done("shards/0002-aaaaaaaaaa", {})
    (advice,) = advised(status("--json")[0]).items()
    assert advice[0].startswith("flickr: 3 refused photos")
    assert advice[1] == "scrapy crawl flickr, then python -m curation.run"


def test_shards_that_are_not_whole_are_wrong(store: Store, status: Any) -> None:
    whole(store)
    generation(store, "0002-aaaaaaaaaa")
    text, code = status("--json")
    assert code == 1
    assert advised(text) == {"0002-aaaaaaaaaa: its shards are not whole": "python -m curation.run"}


def test_a_crawl_that_was_stopped_is_wrong_unless_a_process_is_at_work(store: Store, status: Any) -> None:
    whole(store)
    store.publish_json("crawl/flickr/_unfinished/b/details.json", {})
    text, code = status("--json")
    assert code == 1
    assert advised(text)["flickr: a crawl was stopped in 1 window"].startswith("scrapy crawl flickr")
    with held(store, leases_folder("flickr"), "unit"):
        text, code = status("--json")
        assert code == 0
        assert list(json.loads(text)["sources"]["flickr"]["leases"]) == ["unit"]


def test_a_pipeline_that_stopped_is_wrong_unless_it_runs(store: Store, status: Any) -> None:
    whole(store)
    ran(store, history.FAILED)
    text, code = status("--json")
    assert code == 1
    (advice,) = advised(text).items()
    assert advice[0] == "pipeline refresh stopped in `python -m curation.run`"
    assert advice[1].startswith("shutterprint pipelines run refresh")
    if Path("/proc/locks").exists():
        with pipeline_lock(store, "refresh"):
            text, code = status("--json")
            assert (code, json.loads(text)["pipelines"]["refresh"]["state"]) == (0, "runs now")


def test_a_pipeline_that_is_not_installed_was_not_missed_and_one_that_is_was(store: Store, status: Any) -> None:
    whole(store)
    path = "receipts/pipeline-refresh.json"
    progress = store.read_json(path)
    progress["runs"][0] |= {"began_at_s": 1.0, "ended_at_s": 2.0}
    store.publish_json(path, progress)
    assert status()[1] == 0
    configuration = read_configuration(Path("pipelines.yaml"))
    Path("scrapy.cfg").touch()
    write_crontab(b"", block(configuration, Path.cwd()))
    text, code = status("--json")
    assert code == 1
    assert advised(text) == {"pipeline refresh was due and did not begin": "shutterprint pipelines status"}


def test_an_unfinished_run_is_wrong_only_where_its_trainer_has_died(store: Store, status: Any) -> None:
    whole(store)
    store.publish("runs/0002-x/metrics.jsonl", b"{}\n{}\n")
    for name in ("0002-x/metrics.jsonl", "0001-0001-2f58ed3197-aa/config.json"):
        os.utime(store.path(f"runs/{name}"), (time.time() - 7200,) * 2)
    text, code = status()
    assert code == 0
    assert "unfinished" in text
    with held(store, "runs/0002-x", "lease"):
        text, code = status()
        assert code == 0
        assert f"process {os.getpid()} on " in text
    dead = {**asdict(this_process()), "started": "1", "token": "t", "since_s": time.time() - 60}
    store.publish_json("runs/0002-x/lease.0.json", {**dead, "expires_at_s": time.time() + 60})
    text, code = status("--json")
    assert code == 1
    (advice,) = advised(text).items()
    assert advice[0] == "0002-x: its trainer has died, and nobody goes on with it"
    assert "--run 0002-x" in advice[1]


def test_of_finished_runs_the_epochs_are_not_read(store: Store, status: Any) -> None:
    whole(store)
    Path(store.path("runs/0001-0001-2f58ed3197-aa/metrics.jsonl")).mkdir()  # reading it would be an error
    text, code = status()
    assert code == 0
    assert "0.912" in text


def test_every_folder_of_the_storage_is_added_up_and_an_error_of_the_system_spoils_its_part_alone(
    store: Store, status: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(store)
    for folder in ("tables", "baselines", "judged", "manifests"):
        store.publish(f"{folder}/x", bytes(7))
    used = json.loads(status("--json")[0])["disk"]["used_bytes"]
    assert {used[folder] for folder in ("tables", "baselines", "judged", "manifests")} == {7}
    Path(store.path("receipts/pipeline-refresh.json")).unlink()
    Path(store.path("receipts/pipeline-refresh.json")).mkdir()
    text, code = status()
    assert code == 1
    assert "Pipelines cannot be told" in text
    assert "are free on" in text


@pytest.mark.parametrize("path", ["curated/0001-2f58ed3197/funnel.json", "receipts/pipeline-refresh.json"])
def test_a_damaged_file_spoils_its_part_alone(store: Store, status: Any, path: str) -> None:
    whole(store)
    store.publish(path, b"[1, 2")
    text, code = status()
    assert code == 1
    assert path in text
    assert "are free on" in text


def test_a_window_that_cannot_be_read_is_named(store: Store, status: Any) -> None:
    whole(store)
    store.publish("crawl/flickr/b/_done.json", b"\0\0")
    text, code = status()
    assert code == 1
    assert "crawl/flickr/b" in text


def test_where_a_package_is_missing_its_part_is_left_out_with_a_sentence(store: Store) -> None:
    whole(store)
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT, "status"], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "left out: the package scrapy is not installed here; it is in the extra `crawl`" in result.stdout
    assert "0001-2f58ed3197" in result.stdout


def test_jobs_of_the_cluster_are_told_that_have_not_ended(store: Store, status: Any, tmp_path: Path) -> None:
    jobs = [
        {"submission_id": "one", "status": "RUNNING", "entrypoint": "python\x1b[2J train/main.py", "start_time": 1e12},
        {"submission_id": "two", "status": "SUCCEEDED", "entrypoint": "python train/main.py", "start_time": 1e12},
    ]

    class Head(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(jobs).encode())

        def log_message(self, *_: object) -> None:
            pass

    head = HTTPServer(("127.0.0.1", 0), Head)
    Thread(target=head.serve_forever, daemon=True).start()
    text, _ = status("--set", f"clusters.ray_dashboard=http://127.0.0.1:{head.server_port}")
    head.shutdown()
    head.server_close()
    assert "one  " in text
    assert r"python\x1b[2J train/main.py" in text
    assert "two" not in text


def test_the_status_of_crawls_is_still_there(store: Store, status: Any) -> None:
    text, code = status("--crawls")
    assert (code, text) == (0, f"{store.url}: no crawl has left anything here yet\n")
    assert json.loads(status("--crawls", "--json")[0])["sources"] == {}
    assert "no crawl has left anything" in status("--failures")[0]


def test_a_folder_is_added_up_once_for_each_file_and_not_for_longer_than_told(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "one").write_bytes(bytes(1000))
    (tmp_path / "below" / "two").write_bytes(bytes(500))
    (tmp_path / "below" / "again").hardlink_to(tmp_path / "one")
    assert size_of(tmp_path, time.monotonic() + 60) == (1500, True)
    assert size_of(tmp_path, time.monotonic() - 1) == (0, False)
