"""The thumbnail of IFD1: read as a header is, never deeper, and never at the photo's cost."""

import pytest

from forensics.header import read_facts
from forensics.jpeg.tables import tables_digest


@pytest.fixture
def facts_of(jpeg, insert, segment):
    """Return a function: EXIF data -> the facts of a photo of 96x64 with it."""

    def read(tiff):
        return read_facts(insert(jpeg(size=(96, 64), quality=95), segment(0xE1, b"Exif\0\0" + tiff)), whole=True)

    return read


@pytest.mark.parametrize("endian", ["<", ">"])
def test_its_size_length_tables_and_quality_factor_are_read(facts_of, directories, jpeg, endian):
    small = jpeg(size=(48, 32), quality=60)
    facts = facts_of(directories(endian, thumbnail=small))
    assert (facts.thumbnail_width_px, facts.thumbnail_height_px) == (48, 32)
    assert (facts.thumbnail_bytes, facts.thumbnail_quality_factor, facts.thumbnail_error) == (len(small), 60, None)
    alone = read_facts(small, whole=True)
    assert facts.thumbnail_tables_digest == alone.tables_digest == tables_digest(alone.quantisation_tables)
    assert facts.thumbnail_tables_digest != facts.tables_digest
    assert (facts.width_px, facts.quality_factor) == (96, 95)


def test_a_photo_without_a_thumbnail_has_no_facts_of_one(facts_of, directories, jpeg):
    zero_length = {0x0201: 8, 0x0202: 0}
    for tiff in (directories(), directories(ifd1={0x0112: 1}), directories(ifd1=zero_length)):
        facts = facts_of(tiff)
        assert (facts.thumbnail_width_px, facts.thumbnail_bytes, facts.thumbnail_error) == (None, None, None)
    assert read_facts(jpeg(), whole=True).thumbnail_error is None


def test_one_that_cannot_be_read_says_why_and_costs_no_other_fact(facts_of, directories, jpeg):
    cases = {
        "thumbnail of 5000 bytes at 100 of": directories(ifd1={0x0201: 100, 0x0202: 5000}),
        "not a JPEG: PNG bytes at offset 0": directories(thumbnail=b"\x89PNG\r\n\x1a\n"),
        "truncated inside DQT": directories(thumbnail=jpeg()[:60]),
    }
    for text, tiff in cases.items():
        facts = facts_of(tiff)
        assert facts.thumbnail_error is not None
        assert text in facts.thumbnail_error
        assert (facts.thumbnail_width_px, facts.thumbnail_tables_digest) == (None, None)
        assert facts.thumbnail_bytes is not None
        assert (facts.model, facts.exif_error) == ("iPhone 5s", None)


def test_a_directory_outside_the_segment_is_named(facts_of, directories, tiff):
    whole = bytearray(tiff({0x0112: 6}))
    whole[22:26] = b"\xff\xff\0\0"  # behind the one entry of IFD0
    facts = facts_of(bytes(whole))
    assert facts.thumbnail_error == f"IFD1 at 65535 of {len(whole)} bytes"
    assert (facts.orientation, facts.exif_error, facts.exif_counts[4]) == (6, None, -1)


def test_nothing_inside_a_thumbnail_is_looked_at(facts_of, directories, jpeg, insert, segment):
    inner = insert(
        jpeg(size=(48, 32)),
        segment(0xE1, b"Exif\0\0" + directories(thumbnail=jpeg(size=(16, 16)), gps=3)),
        segment(0xED, b"Photoshop 3.0\0"),
        segment(0xFE, b"GIMP"),
    )
    facts = facts_of(directories(thumbnail=inner))
    assert (facts.thumbnail_width_px, facts.exif_counts[2]) == (48, -1)
    assert (facts.editor_marks, facts.comments) == ((), ())


def test_only_the_thumbnail_of_the_exif_segment_that_counts_is_read(jpeg, insert, segment, directories, tiff):
    first = segment(0xE1, b"Exif\0\0" + tiff({0x010F: "Canon"}))
    second = segment(0xE1, b"Exif\0\0" + directories(thumbnail=jpeg()))
    assert read_facts(insert(jpeg(), first, second), whole=True).thumbnail_bytes is None
    assert read_facts(insert(jpeg(), second, first), whole=True).thumbnail_bytes is not None


def test_tables_of_its_own_have_no_quality_factor(facts_of, directories, jpeg):
    own = jpeg(size=(48, 32), qtables=[[9] * 64, [9] * 64])
    assert read_facts(own, whole=True).quality_residual > 2
    facts = facts_of(directories(thumbnail=own))
    assert (facts.thumbnail_quality_factor, facts.thumbnail_error) == (None, None)
    assert facts.thumbnail_tables_digest == read_facts(own, whole=True).tables_digest
