"""Markers: when a failed photo is tried again."""

from corpus.records import RECORD
from crawlers.windows.markers import next_attempt, wait_s

DAY_S = 86400


def row(**values):
    return dict.fromkeys(RECORD.names) | {"photo": "flickr:1", "state": "failed", "is_transient": True} | values


def test_the_first_failure_is_tried_again_by_the_next_crawl_and_then_waits_double_up_to_a_week():
    assert [wait_s(attempts) for attempts in range(1, 6)] == [0, 3600, 7200, 14400, 28800]
    assert wait_s(10) == wait_s(1000) == 7 * DAY_S


def test_the_next_attempt_is_counted_from_the_latest_failure():
    assert next_attempt(row(attempts=1, failed_at="2026-01-01T10:00:00Z")) == "2026-01-01T10:00:00Z"
    assert next_attempt(row(attempts=3, failed_at="2026-01-01T10:00:00Z")) == "2026-01-01T12:00:00Z"


def test_what_failed_for_good_or_did_not_fail_has_no_next_attempt():
    assert next_attempt(row(attempts=1, failed_at="2026-01-01T10:00:00Z", is_transient=False)) is None
    assert next_attempt(row(state="stored")) is None
