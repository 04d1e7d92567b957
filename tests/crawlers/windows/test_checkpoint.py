"""Checkpoints: the rows of unfinished windows survive a crash and are removed when the window is whole."""

import os
import time

import pytest

from corpus.storage import open_store
from crawlers.vetting.door import Refused
from crawlers.windows.checkpoint import ROWS_A_PART, Checkpoint, sweep, unfinished_windows
from crawlers.windows.markers import Markers
from crawlers.windows.records import ListedPhoto, failed, refused

DETAILS = {"query": "acme/one", "window": [0, 60], "span": [0, 120]}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path))


def unfinished(store, fingerprint="a" * 16):
    return Checkpoint(store, "flickr", "window", fingerprint, DETAILS)


def refusal(number):
    return refused(ListedPhoto(f"flickr:{number}", "flickr", "v"), Refused(("camera_unknown",)))


def add_part(work, first):
    parts = [work.add(refusal(number)) for number in range(first, first + ROWS_A_PART)]
    assert parts[:-1] == [None] * (ROWS_A_PART - 1)
    work.write(*parts[-1])


def test_written_rows_are_read_by_the_next_crawl_which_continues_their_numbering(store):
    add_part(unfinished(store), 0)
    again = unfinished(store)
    assert again.read() == {(f"flickr:{number}", "v"): refusal(number) for number in range(ROWS_A_PART)}
    add_part(again, 1000)
    assert len(unfinished(store).read()) == 2 * ROWS_A_PART


def test_rows_judged_by_other_rules_are_ignored(store):
    add_part(unfinished(store), 0)
    assert unfinished(store, "b" * 16).read() == {}


def test_a_failed_photo_is_not_written(store):
    work = unfinished(store)
    assert {work.add(failed(ListedPhoto("flickr:1", "flickr"), "HTTP 500", is_transient=True)) for _ in range(500)} == {
        None
    }


def test_an_unreadable_part_is_ignored(store):
    add_part(unfinished(store), 0)
    store.publish("crawl/flickr/_unfinished/window/" + "a" * 16 + "-7.parquet", b"no parquet")
    assert len(unfinished(store).read()) == ROWS_A_PART


def test_nothing_is_left_after_clearing(store):
    work = unfinished(store)
    add_part(work, 0)
    work.clear()
    assert store.names("crawl/flickr/_unfinished") == []


def swept(store, whole=()):
    """Sweep as a crawl does, that has listed all its windows."""
    markers = Markers(store, "flickr")
    markers.refresh()
    return sweep(store, "flickr", whole, markers.unfinished)


def test_the_next_crawl_knows_the_span_of_an_unfinished_window(store):
    assert swept(store) == set()
    add_part(unfinished(store), 0)
    windows = swept(store)
    assert windows == {"window"}
    assert unfinished_windows(store, "flickr", [*windows, "gone"]) == [DETAILS]


@pytest.mark.parametrize(("whole", "days"), [({"window"}, 1), ((), 30)])
def test_checkpoints_of_whole_windows_are_swept_after_a_day_and_others_after_a_month(store, whole, days):
    add_part(unfinished(store), 0)
    for age_days, left in ((0, ["window"]), (days - 0.5, ["window"]), (days + 0.5, [])):
        details = store.path("crawl/flickr/_unfinished/window/details.json")
        os.utime(details, (time.time() - age_days * 86400,) * 2)
        swept(store, whole)
        assert store.names("crawl/flickr/_unfinished") == left
