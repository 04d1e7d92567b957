"""Rows: one for each upload, in the schema that curation reads."""

import dataclasses
import hashlib
from datetime import UTC, datetime, timedelta

from corpus.records import RECORD
from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, failed, listed_photo_of, refused, stored, table

PHOTO = ListedPhoto(
    "flickr:1", "flickr", version="0123456789", original_url="https://x/1_o.jpg", title="t", size_bytes=3
)


def test_every_outcome_is_a_row_of_the_schema_sorted_by_photo():
    rows = [
        failed(ListedPhoto("flickr:3", "flickr"), "HTTP 404", 404, is_transient=False),
        stored(PHOTO, "originals/flickr/aa/1-0123456789.jpg", b"abc"),
        refused(ListedPhoto("flickr:2", "flickr"), Refused(("not_a_photo", "no_original"))),
    ]
    records = table(rows)
    assert records.schema == RECORD
    assert records["photo"].to_pylist() == ["flickr:1", "flickr:2", "flickr:3"]
    assert records["state"].to_pylist() == ["stored", "refused", "failed"]
    assert records["reasons"].to_pylist() == [[], ["not_a_photo", "no_original"], []]
    assert records["http_status"].to_pylist() == [None, None, 404]


def test_stored_rows_have_the_digest_and_size_of_the_bytes():
    row = stored(PHOTO, "originals/x", b"abc")
    assert (row["sha256"], row["size_bytes"]) == (hashlib.sha256(b"abc").hexdigest(), 3)


def test_a_lone_surrogate_in_a_title_does_not_break_the_table():
    broken = ListedPhoto("flickr:1", "flickr", title="\ud83d!")
    assert table([failed(broken, "x", is_transient=False)])["title"].to_pylist() == ["?!"]


def test_a_failed_row_holds_everything_that_another_attempt_needs():
    row = table([failed(PHOTO, "HTTP 503", 503, is_transient=True)]).to_pylist()[0]
    assert listed_photo_of(row) == dataclasses.replace(PHOTO, attempts=1)


def test_a_failed_row_says_what_failed_when_how_often_and_whether_it_is_transient():
    row = failed(dataclasses.replace(PHOTO, attempts=2), "HTTP 503", 503, is_transient=True)
    assert (row["error"], row["http_status"], row["is_transient"], row["attempts"]) == ("HTTP 503", 503, True, 3)
    assert abs(datetime.fromisoformat(row["failed_at"]) - datetime.now(UTC)) < timedelta(minutes=5)
