"""Markers: which windows are whole, and when a failed photo is retried."""

from corpus.records import RECORD
from corpus.storage import open_store
from crawlers.windows.markers import Markers, next_attempt, wait_s

DAY_S = 86400


def row(**values):
    return dict.fromkeys(RECORD.names) | {"photo": "flickr:1", "state": "failed", "is_transient": True} | values


def test_the_first_failure_is_retried_by_the_next_crawl_and_then_the_wait_doubles_up_to_a_week():
    assert [wait_s(attempts) for attempts in range(1, 6)] == [0, 3600, 7200, 14400, 28800]
    assert wait_s(10) == wait_s(1000) == 7 * DAY_S


def test_the_next_attempt_is_counted_from_the_latest_failure():
    assert next_attempt(row(attempts=1, failed_at="2026-01-01T10:00:00Z")) == "2026-01-01T10:00:00Z"
    assert next_attempt(row(attempts=3, failed_at="2026-01-01T10:00:00Z")) == "2026-01-01T12:00:00Z"


def test_a_final_failure_or_no_failure_has_no_next_attempt():
    assert next_attempt(row(attempts=1, failed_at="2026-01-01T10:00:00Z", is_transient=False)) is None
    assert next_attempt(row(state="stored")) is None


def test_whole_windows_are_found_by_the_query_or_directory_they_were_listed_from(tmp_path):
    store = open_store(str(tmp_path))
    windows = {"2020_a": {"query": "a"}, "2019_a": {"query": "a"}, "2020_b": {"query": "b"}, "top": {"directory": ""}}
    for window, details in windows.items():
        store.mark_done(f"crawl/flickr/{window}", {"details": details})
    store.publish("crawl/flickr/2021_a/records.parquet", b"")  # without a marker
    markers = Markers(store, "flickr")
    assert markers.windows_of("a") == []
    markers.refresh("_a")
    markers.refresh()
    markers.reread("2020_a")
    assert (markers.windows_of("a"), markers.windows_of("b")) == (["2019_a", "2020_a"], ["2020_b"])
    assert markers.windows_of("") == ["top"]
