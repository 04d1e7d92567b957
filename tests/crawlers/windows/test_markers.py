"""Markers: which windows are whole, and when a failed photo is retried."""

import os

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


def test_a_window_says_when_it_was_listed_by_its_marker_until_that_is_written_again(tmp_path):
    store = open_store(str(tmp_path))
    marker = {"details": {"query": "a"}}
    for window in ("2019_a", "2020_a"):
        store.mark_done(f"crawl/flickr/{window}", marker)
    store.publish("crawl/flickr/2020_a/listed", b"")  # as earlier versions wrote it
    for path, then_s in (("2019_a/_done.json", 1e9), ("2020_a/_done.json", 2e9), ("2020_a/listed", 1.5e9)):
        os.utime(store.path(f"crawl/flickr/{path}"), (then_s, then_s))

    def listed_at_s():
        markers = Markers(store, "flickr")
        unread = [markers.listed_at_s(window) for window in ("2019_a", "2020_a")]
        markers.refresh()
        assert [markers.listed_at_s(window) for window in ("2019_a", "2020_a")] == unread
        return unread

    assert listed_at_s() == [1e9, 1.5e9]
    markers = Markers(store, "flickr")
    markers.refresh()
    for window in ("2019_a", "2020_a"):
        markers.keep_listed_at(window)
        store.mark_done(f"crawl/flickr/{window}", marker)
    assert listed_at_s() == [1e9, 1.5e9]


def test_a_marker_that_another_process_has_written_anew_is_read_again_when_its_unit_is_taken(tmp_path):
    store = open_store(str(tmp_path))
    for window in ("2019_a", "2020_a"):
        store.mark_done(f"crawl/flickr/{window}", {"details": {"query": "a"}})
    markers = Markers(store, "flickr")
    markers.refresh()
    for window in ("2019_a", "2020_a"):
        store.mark_done(f"crawl/flickr/{window}", {"details": {"query": "a"}, "photos": 7})
    markers.refresh("_a", "2020")
    assert [markers.all[window].get("photos") for window in ("2019_a", "2020_a")] == [None, 7]
