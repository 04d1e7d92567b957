"""Metrics of a task: the file of node_exporter's textfile collector, the address, and that neither stops the work."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from corpus.metrics import task_metrics
from corpus.metrics.family import Family, Sample
from corpus.metrics.task_metrics import STEPS, TaskMetrics

PHOTOS = Family("shutterprint_crawl_photos_total", "counter", "Photos.", ("state",))
LEFT = Family("shutterprint_crawl_calls_left", "gauge", "Calls.")


@pytest.fixture(autouse=True)
def no_steps() -> Iterator[None]:
    STEPS.clear()
    yield
    STEPS.clear()


def counted(number: int) -> list[Sample]:
    return [Sample(PHOTOS, number, ("stored",)), Sample(LEFT, 7)]


def values(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(folder: Path, name: str, **labels: str) -> float | None:
    text = (folder / "shutterprint-crawl-flickr.prom").read_text()
    return values(text).get((f"shutterprint_{name}", tuple(sorted({"task": "crawl-flickr", **labels}.items()))))


def run(folder: Path, number: int, fault: Exception | None = None) -> None:
    with TaskMetrics("crawl-flickr", lambda: counted(number), folder=folder):
        if fault is not None:
            raise fault


def test_a_task_leaves_one_file_that_says_how_it_ended(tmp_path: Path) -> None:
    run(tmp_path, 3)
    assert [file.name for file in tmp_path.iterdir()] == ["shutterprint-crawl-flickr.prom"]
    assert of(tmp_path, "crawl_photos_total", state="stored") == 3
    assert of(tmp_path, "crawl_calls_left") == 7
    assert of(tmp_path, "task_running") == 0
    assert of(tmp_path, "task_runs_total", outcome="success") == 1
    assert of(tmp_path, "task_last_success_timestamp_seconds") > 1.7e9


def test_counters_go_on_from_run_to_run_and_gauges_do_not(tmp_path: Path) -> None:
    run(tmp_path, 3)
    run(tmp_path, 3)
    assert of(tmp_path, "crawl_photos_total", state="stored") == 6
    assert of(tmp_path, "task_runs_total", outcome="success") == 2
    assert of(tmp_path, "crawl_calls_left") == 7


def test_a_failure_is_counted_and_the_last_success_stays(tmp_path: Path) -> None:
    run(tmp_path, 1)
    succeeded_s = of(tmp_path, "task_last_success_timestamp_seconds")
    with pytest.raises(ValueError, match="of the work"):
        run(tmp_path, 1, ValueError("of the work"))
    assert of(tmp_path, "task_last_success_timestamp_seconds") == succeeded_s
    assert of(tmp_path, "task_runs_total", outcome="failure") == 1
    assert of(tmp_path, "task_runs_total", outcome="success") == 1


def test_a_damaged_file_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "shutterprint-crawl-flickr.prom").write_bytes(b"\xff{{{ no metrics")
    run(tmp_path, 3)
    assert of(tmp_path, "crawl_photos_total", state="stored") == 3


def test_the_file_is_written_while_the_task_runs_and_is_whole_whenever_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_metrics, "WRITE_EVERY_S", 0.001)
    read, number = threading.Event(), iter(range(1_000_000))

    def samples() -> list[Sample]:
        current = next(number)
        if current > 20:
            read.set()
        return [Sample(PHOTOS, current, (f"state {each}",)) for each in range(60)]

    with TaskMetrics("crawl-flickr", samples, folder=tmp_path):
        STEPS["examining"] = (5, 9)
        while not read.is_set():
            found = values((tmp_path / "shutterprint-crawl-flickr.prom").read_text())
            assert sum(name == PHOTOS.name for name, _ in found) == 60
        assert of(tmp_path, "task_running") == 1
    assert of(tmp_path, "task_step_done_items", step="examining") == 5
    assert of(tmp_path, "task_step_items", step="examining") == 9


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_task_answers_at_its_port_while_it_runs_and_no_longer() -> None:
    port = free_port()
    with (
        TaskMetrics("crawl-flickr", lambda: counted(4), port=port),
        urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert 'photos_total{state="stored",task="crawl-flickr"} 4.0' in answer.read().decode()
    with pytest.raises(OSError):
        urlopen(f"http://127.0.0.1:{port}/metrics")


def test_a_port_that_is_taken_is_said_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with TaskMetrics("crawl-flickr", lambda: counted(4), port=port):
            pass
    (record,) = caplog.records
    assert f"127.0.0.1:{port} cannot be listened at" in record.getMessage()


def test_a_folder_that_cannot_be_written_or_a_storage_that_refuses_is_said_once_and_the_work_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    run(tmp_path / "file", 1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]

    def refuses() -> list[Sample]:
        raise OSError("the storage does not answer")

    with TaskMetrics("crawl-flickr", refuses, folder=tmp_path):
        pass
    assert len(caplog.records) == 2


def test_nobody_who_asks_for_neither_pays_for_the_library(tmp_path: Path) -> None:
    measurement = TaskMetrics("crawl-flickr", lambda: pytest.fail("was read"))
    with measurement:
        pass
    assert list(tmp_path.iterdir()) == []
