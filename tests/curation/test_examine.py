"""Examination: any bytes at all give a row with its facts or its reason."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from corpus.storage import open_store
from curation.examine import (
    Batch,
    Original,
    Trouble,
    batches,
    examine,
    examine_batch,
    pixel_error,
)
from forensics.header import read_facts
from forensics.photo_facts import facts_of_row


@pytest.fixture
def store(tmp_path):
    return open_store("data", tmp_path)


@pytest.fixture
def put(store):
    """Return what stores bytes and returns them as an original."""

    def store_it(data, name="1", sha256=None):
        store.publish(f"originals/{name}.jpg", data)
        digest = sha256 or hashlib.sha256(data).hexdigest()
        return Original(f"flickr:{name}", "v", f"originals/{name}.jpg", digest)

    return store_it


def test_original_gets_the_facts_of_its_whole_file(store, put, jpeg):
    data = jpeg(1)
    row = examine(store, put(data), decode=True)
    assert (row.get("error"), row["pixel_error"]) == (None, None)
    assert (row["size_bytes"], row["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert (row["facts"]["model"], row["facts"]["width_px"], row["facts"]["is_complete"]) == ("One", 160, True)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"<html>429</html>", b"\x89PNG\r\n\x1a\n" + bytes(40), bytes(70000)]
)
def test_bytes_that_are_no_jpeg_get_a_row_that_says_so(store, put, data):
    row = examine(store, put(data), decode=True)
    assert row["error"]
    assert "facts" not in row


def test_cut_and_damaged_pictures_get_a_pixel_error(store, put, jpeg):
    data = jpeg(2)
    cut = examine(store, put(data[: len(data) * 2 // 3]), decode=True)
    assert cut["facts"]["is_complete"] is False
    assert cut["pixel_error"]
    damaged = data[: len(data) // 2] + data[len(data) // 2 + 300 :]
    assert examine(store, put(damaged), decode=True)["facts"]["is_complete"] is True
    assert examine(store, put(damaged), decode=True)["pixel_error"]
    assert examine(store, put(damaged), decode=False)["pixel_error"] is None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_whole_pictures_of_any_kind_decode_without_error(mode, progressive):
    random = np.random.default_rng(0)
    buffer = io.BytesIO()
    channels = {"RGB": (48, 64, 3), "L": (48, 64), "CMYK": (48, 64, 4)}[mode]
    picture = Image.fromarray(random.integers(0, 255, channels, dtype=np.uint8), mode)
    picture.save(buffer, "JPEG", progressive=progressive)
    assert pixel_error(buffer.getvalue(), read_facts(buffer.getvalue(), whole=True)) is None


def test_header_that_promises_a_giant_is_not_decoded(jpeg):
    data = bytearray(jpeg(3))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    error = pixel_error(bytes(data), read_facts(bytes(data), whole=True))
    assert "65535x65535" in error


def test_missing_and_changed_originals_are_trouble_not_facts(store, put, jpeg):
    missing = examine(store, Original("flickr:1", "v", "originals/none.jpg", "00"), decode=True)
    assert isinstance(missing, Trouble)
    assert missing.reason == "original_missing"
    changed = examine(store, put(jpeg(1), sha256="00" * 32), decode=True)
    assert isinstance(changed, Trouble)
    assert changed.reason == "original_damaged"
    escaping = examine(store, Original("flickr:1", "v", "../../etc/passwd", "00"), decode=True)
    assert isinstance(escaping, Trouble)


def test_batch_publishes_its_facts_once_and_reports_its_trouble(store, put, jpeg):
    batch = Batch((put(jpeg(1), "1"), put(b"no", "2"), Original("flickr:3", "v", "originals/3.jpg", "00")), decode=True)
    troubles = examine_batch(store, batch)
    assert [(one.key.photo, one.reason) for one in troubles] == [("flickr:3", "original_missing")]
    rows = store.read_table(batch.path).to_pylist()
    assert [row["photo"] for row in rows] == ["flickr:1", "flickr:2"]
    assert facts_of_row(rows[0]["facts"]) == read_facts(jpeg(1), whole=True)
    written = Path(store.path(batch.path)).stat().st_mtime_ns
    examine_batch(store, batch)
    assert Path(store.path(batch.path)).stat().st_mtime_ns == written


def test_facts_are_named_by_their_input_and_their_kind():
    originals = [Original(f"flickr:{number}", "v", "x", "aa") for number in range(10)]
    decoded = list(batches(originals, batch_photos=4, decode=True))
    assert [len(batch.originals) for batch in decoded] == [4, 4, 2]
    assert list(batches(originals[::-1], batch_photos=4, decode=True)) == decoded
    # what a killed run left undone is cut into the same batches again
    assert list(batches([*originals[:4], *originals[8:]], batch_photos=4, decode=True)) == [decoded[0], decoded[2]]
    paths = {batch.path for batch in (*decoded, *batches(originals, batch_photos=4, decode=False))}
    assert len(paths) == 6


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(0, 5),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=12)), max_size=4),
    st.floats(0, 1),
)
def test_mutated_files_never_end_the_examination(store, jpeg, seed, changes, length):
    data = bytearray(jpeg(seed))
    for place, new in changes:
        start = int(place * (len(data) - len(new)))
        data[start : start + len(new)] = new
    data = bytes(data[: int(length * len(data))])
    store.publish("originals/m.jpg", data)
    row = examine(store, Original("flickr:m", "v", "originals/m.jpg", hashlib.sha256(data).hexdigest()), decode=True)
    assert isinstance(row, dict)
    assert "facts" in row or row["error"]
