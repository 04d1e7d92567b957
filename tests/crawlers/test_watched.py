"""A crawl that is watched: events on both outputs, Scrapy's log among them, and metrics in a file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from crawlers.spiders.metrics import crawl_samples


@pytest.mark.slow
def test_every_line_of_a_crawl_is_an_event_and_its_metrics_stay_in_a_file(tmp_path: Path, repository: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"no JPEG")
    configuration = tmp_path / "pipelines.yaml"
    configuration.write_text("storage: data\nmetrics: {folder: metrics}\nsources: {folder: {path: photos}}\n")
    command = [Path(sys.executable).with_name("scrapy"), "crawl", "folder", "-a", f"config={configuration}"]
    result = subprocess.run(
        [*command, "--log-json", "-L", "DEBUG"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    told = [json.loads(line) for line in (result.stdout + result.stderr).splitlines()]
    assert all({"time", "level", "event"} <= set(each) for each in told)
    assert {"log", "receipt", "command_ends"} <= {each["event"] for each in told}
    assert any(each.get("logger", "").startswith("scrapy.") for each in told)
    text = (tmp_path / "metrics" / "shutterprint-crawl-folder.prom").read_text()
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    states = {each.labels["state"]: each.value for each in samples if each.name == "shutterprint_crawl_photos_total"}
    assert states == {"stored": 0, "refused": 1, "failed": 0, "deleted": 0}
    assert {each.value for each in samples if each.name == "shutterprint_crawl_refusals_total"} == {1}


def test_a_server_cannot_make_more_labels_than_there_are_statuses() -> None:
    stats = {f"downloader/response_status_count/{status}": 1 for status in (200, 404, 999, 12345, "odd")}
    told = crawl_samples("flickr", {}, {}, stats, waits=False, calls_left=3600)
    statuses = {each.labels[1]: each.value for each in told if each.family.name == "shutterprint_crawl_responses_total"}
    assert statuses == {"200": 1, "404": 1, "other": 3}
    (left,) = [each.value for each in told if each.family.name == "shutterprint_crawl_calls_left"]
    assert left == 3600
