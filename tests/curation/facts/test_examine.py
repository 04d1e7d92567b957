"""Examination: any bytes give a row with facts or with the reason why there are none."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.records import EXAMINED
from corpus.sections import Curation
from curation.facts.examine import (
    HEADERS,
    Batch,
    Original,
    PhotoKey,
    Trouble,
    batches,
    examine,
    examine_batch,
    examine_bytes,
    facts_folder,
    kind_of,
)
from forensics.header import read_facts
from forensics.photo_facts import facts_of_row

DECODED = "decoded"


def test_original_gets_the_facts_of_its_whole_file(store, put, jpeg):
    data = jpeg(1)
    row = examine(store, put(data), DECODED)
    assert (row.get("error"), row.get("pixel_error")) == (None, None)
    assert len(row["perceptual_hash"]) == 64
    assert (row["size_bytes"], row["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert (row["facts"]["model"], row["facts"]["width_px"], row["facts"]["is_complete"]) == ("One", 160, True)


def test_the_oddities_of_a_file_are_facts_and_stray_bytes_are_known_once_it_is_decoded(jpeg, sos_parameters):
    plain = jpeg(1)
    data = sos_parameters(plain[:-2] + bytes(64) + plain[-2:])
    assert examine_bytes(data, HEADERS)["facts"]["oddities"] == ("sos_parameters",)
    decoded = examine_bytes(data, DECODED)
    assert "pixel_error" not in decoded
    assert decoded["facts"]["oddities"] == ("sos_parameters", "stray_bytes_before_eoi")
    assert examine_bytes(plain, DECODED)["facts"]["oddities"] == ()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"<html>429</html>", b"\x89PNG\r\n\x1a\n" + bytes(40), bytes(70000)]
)
def test_bytes_that_are_no_jpeg_get_a_row_that_says_so(store, put, data):
    row = examine(store, put(data), DECODED)
    assert row["error"]
    assert row["facts"] is None


def test_cut_and_damaged_pictures_get_a_pixel_error(store, put, jpeg):
    data = jpeg(2)
    cut = examine(store, put(data[: len(data) * 2 // 3]), DECODED)
    assert cut["facts"]["is_complete"] is False
    assert cut["pixel_error"]
    damaged = data[: len(data) // 2] + data[len(data) // 2 + 300 :]
    assert examine(store, put(damaged), DECODED)["facts"]["is_complete"] is True
    assert examine(store, put(damaged), DECODED)["pixel_error"]


def test_headers_alone_are_read_where_nothing_is_to_be_decoded(store, put, jpeg):
    data = jpeg(2)
    damaged = data[: len(data) // 2] + data[len(data) // 2 + 300 :]
    row = examine(store, put(damaged), HEADERS)
    assert row["facts"]["model"] == "One"
    assert (row["pixel_error"], row["perceptual_hash"]) == (None, None)


def test_missing_and_changed_originals_are_trouble_not_facts(store, put, jpeg):
    missing = examine(store, Original("flickr:1", "v", "originals/none.jpg", "00"), DECODED)
    assert isinstance(missing, Trouble)
    assert missing.reason == "original_lost"
    changed = examine(store, put(jpeg(1), sha256="00" * 32), DECODED)
    assert isinstance(changed, Trouble)
    assert changed.reason == "original_damaged"
    escaping = examine(store, Original("flickr:1", "v", "../../etc/passwd", "00"), DECODED)
    assert isinstance(escaping, Trouble)


def test_batch_publishes_its_facts_once_and_reports_its_trouble(store, put, jpeg):
    batch = Batch((put(jpeg(1), "1"), put(b"no", "2"), Original("flickr:3", "v", "originals/3.jpg", "00")), DECODED)
    troubles = examine_batch(store, batch)
    assert [(one.key.photo, one.reason) for one in troubles] == [("flickr:3", "original_lost")]
    rows = store.read_table(batch.path).to_pylist()
    assert [row["photo"] for row in rows] == ["flickr:1", "flickr:2"]
    assert facts_of_row(rows[0]["facts"]) == read_facts(jpeg(1), whole=True)
    written = Path(store.path(batch.path)).stat().st_mtime_ns
    examine_batch(store, batch)
    assert Path(store.path(batch.path)).stat().st_mtime_ns == written


def test_a_fault_of_ours_costs_one_photo_and_says_what_it_was(store, put, jpeg, monkeypatch):
    strange = jpeg(2)
    real = read_facts

    def with_a_fault(data, *, whole):
        return 1 // 0 if data == strange else real(data, whole=whole)

    monkeypatch.setattr("curation.facts.examine.read_facts", with_a_fault)
    batch = Batch((put(jpeg(1), "1"), put(strange, "2"), put(jpeg(3), "3")), DECODED)
    (trouble,) = examine_batch(store, batch)
    assert (trouble.key, trouble.reason) == (PhotoKey("flickr:2", "v"), "not_examined")
    assert "originals/2.jpg: ZeroDivisionError" in trouble.error
    assert [row["photo"] for row in store.read_table(batch.path).to_pylist()] == ["flickr:1", "flickr:3"]


def test_a_batch_of_trouble_alone_leaves_no_facts(store):
    batch = Batch((Original("flickr:3", "v", "originals/3.jpg", "00"),), DECODED)
    assert len(examine_batch(store, batch)) == 1
    assert not store.exists(batch.path)


def test_facts_are_named_by_their_input_and_their_kind():
    originals = [Original(f"flickr:{number}", "v", "x", "aa") for number in range(10)]
    decoded = list(batches(originals, batch_photos=4, kind=DECODED))
    assert [len(batch.originals) for batch in decoded] == [4, 4, 2]
    assert list(batches(originals[::-1], batch_photos=4, kind=DECODED)) == decoded
    # what a killed run left undone is cut into the same batches again
    assert list(batches([*originals[:4], *originals[8:]], batch_photos=4, kind=DECODED)) == [decoded[0], decoded[2]]
    paths = {batch.path for batch in (*decoded, *batches(originals, batch_photos=4, kind=HEADERS))}
    assert len(paths) == 6
    assert decoded[0].path.startswith(f"{facts_folder(DECODED)}/")


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({}, "decoded"),
        ({"grid": True}, "decoded-grid"),
        ({"first_quality": True}, "decoded-first-quality"),
        ({"grid": True, "first_quality": True}, "decoded-grid-first-quality"),
        ({"decode": False, "grid": True, "first_quality": True}, "headers"),
    ],
)
def test_what_is_asked_of_pixels_is_a_kind_of_examination_with_facts_of_its_own(asked, kind):
    assert kind_of(Curation(**asked)) == kind
    assert facts_folder(kind) == f"facts/v3-{kind}"


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([DECODED, "decoded-grid-first-quality"]),
    st.integers(0, 5),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=4),
    st.floats(0, 1),
)
def test_mutated_files_never_end_the_examination(store, jpeg, kind, seed, changes, length):
    data = bytearray(jpeg(seed))
    for place, new in changes:
        start = int(place * (len(data) - len(new)))
        data[start : start + len(new)] = new
    data = bytes(data[: int(length * len(data))])
    store.publish("originals/m.jpg", data)
    row = examine(store, Original("flickr:m", "v", "originals/m.jpg", hashlib.sha256(data).hexdigest()), kind)
    assert isinstance(row, dict)
    assert row.keys() <= set(EXAMINED.names)
    assert "facts" in row or row["error"]
