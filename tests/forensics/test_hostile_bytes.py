"""Whatever the bytes, there are facts or a JpegError: no other exception, no endless reading."""

import dataclasses
import struct
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts
from forensics.hints import hints
from forensics.jpeg.segments import header_segments
from forensics.photo_facts import PhotoFacts

pytestmark = pytest.mark.slow

HOSTILE = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="session")
def seeds(jpeg, insert, segment, tiff) -> list[bytes]:
    """Return JPEGs with every kind of segment that is read."""
    exif = segment(0xE1, b"Exif\0\0" + tiff({0x010F: "Canon", 0x0110: "EOS", 0x0112: 1}, {0x9003: "2020", 0xA002: 48}))
    big_endian = segment(0xE1, b"Exif\0\0" + tiff({0x010F: "Nikon", 0x0131: "Ver.1"}, {0xA431: "1"}, ">"))
    raw = b'<b xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:x="1"/>'
    xmp = b'<a xmlns:s="urn:s" s:CreatorTool="GIMP">' + raw + b"</a>"
    packet = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp)
    extension = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"g" * 32 + bytes(8) + xmp)
    comment = segment(0xFE, b"hello")
    return [
        insert(jpeg(), exif, packet, comment),
        insert(jpeg(progressive=True), big_endian, extension, segment(0xED, b"Photoshop 3.0\0")),
        insert(jpeg(mode="L", optimize=True, restart_marker_blocks=1), exif, exif),
        jpeg(mode="CMYK"),
    ]


@pytest.fixture(scope="session")
def rich(jpeg, insert, segment, directories, profile, tiff) -> bytes:
    """Return a JPEG with thumbnail, MakerNote, GPS, MPF index and colour profile, all in its first bytes."""
    note = b"Apple iOS\0\0\1MM" + bytes(30)
    exif = directories(">", gps=2, interoperability=2, thumbnail=jpeg(size=(8, 8)), exif={0x927C: (7, len(note), note)})
    text = "Display P3".encode("utf-16-be")
    colours = profile(b"mluc", struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text)
    return insert(
        jpeg(restart_marker_blocks=1),
        segment(0xE1, b"Exif\0\0" + exif),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + colours),
        segment(0xE2, b"MPF\0" + tiff({0xB000: (7, 4, b"0100"), 0xB001: 2}, None, ">")),
    )


def check(data: bytes) -> None:
    """Read `data` both ways and hold what is promised of either outcome."""
    for whole in (True, False):
        outcome: PhotoFacts | JpegError
        try:
            outcome = read_facts(data, whole=whole)
        except JpegError as error:
            outcome = error
        if isinstance(outcome, PhotoFacts):
            check_bounds(outcome, data)
            assert all(hints(outcome))
            continue
        assert 0 <= outcome.offset <= len(data)
        assert str(outcome).endswith(f"at offset {outcome.offset}")
        if isinstance(outcome, HeaderIncomplete):
            assert not whole
            assert outcome.needed_bytes > len(data)


def check_bounds(facts: PhotoFacts, data: bytes) -> None:
    """Hold that every text is short and encodable, and every number fits the records."""
    for value in (getattr(facts, field.name) for field in dataclasses.fields(facts)):
        texts = value if isinstance(value, tuple) else (value,)
        for text in texts:
            if isinstance(text, str):
                assert 0 < len(text) <= 256
                assert text.encode().decode() == text
                assert "Cc" not in map(unicodedata.category, text)
            elif isinstance(text, int):
                assert (-1 if value is facts.exif_counts else 0) <= text < 2**31
    assert facts.width_px > 0
    assert facts.height_px > 0
    assert 2 < facts.scan_offset_bytes <= len(data)
    assert all(len(table) == 64 for table in facts.quantisation_tables)


@HOSTILE
@given(st.binary(max_size=400))
def test_random_bytes(data):
    check(data)
    check(b"\xff\xd8" + data)
    check(b"\xff\xd8\xff\xe1" + (len(data) + 8).to_bytes(2) + b"Exif\0\0" + data)


@HOSTILE
@given(st.data())
def test_mutated_photos(seeds, data):
    photo = bytearray(data.draw(st.sampled_from(seeds)))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(0, len(photo)))
        length = data.draw(st.integers(0, 8))
        photo[at : at + length] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\xff\xd8", b"\xff\xc0", b"\xff\xff\xff\xff"])
        )
    check(bytes(photo))


@HOSTILE
@given(st.data())
def test_truncated_photos(seeds, data):
    photo = data.draw(st.sampled_from(seeds))
    check(photo[: data.draw(st.integers(0, len(photo)))])


@HOSTILE
@given(st.data())
def test_mutated_exif_and_xmp(seeds, data):
    # aimed at the first 700 bytes: there EXIF, XMP and comments stand
    photo = bytearray(data.draw(st.sampled_from(seeds[:3])))
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(6, 700))
        photo[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
    check(bytes(photo))


@HOSTILE
@given(st.data())
def test_mutated_thumbnails_maker_notes_colour_profiles_and_indices(rich, data):
    whole = read_facts(rich, whole=True)
    assert (whole.thumbnail_width_px, whole.maker_note, whole.mpf_images) == (8, "Apple iOS", 2)
    assert (whole.colour_profile, whole.exif_counts[2:4]) == ("Display P3", (2, 2))
    # a segment's own length stays: what is inside shall be met, not a missing marker
    lengths = {at for start in (0, *_starts(rich)) for at in range(start, start + 4)}
    places = st.integers(6, rich.rindex(b"\xff\xda")).filter(lambda at: at not in lengths)
    photo = bytearray(rich)
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(places)
        photo[at] = data.draw(st.sampled_from([0, 1, 4, 0x7F, 0xFF]) | st.integers(0, 255))
    check(bytes(photo))


def _starts(photo: bytes) -> list[int]:
    """Return where the segments before the frame start."""
    return [segment.offset for segment in header_segments(photo, whole=True)]


@HOSTILE
@given(st.binary(max_size=300), st.sampled_from([b"ICC_PROFILE\0\1\1", b"MPF\0II*\0\x08\0\0\0", b"MPF\0MM\0*"]))
def test_random_bytes_in_place_of_a_profile_or_an_index(jpeg, insert, segment, data, identifier):
    facts = read_facts(insert(jpeg(), segment(0xE2, identifier + data)), whole=True)
    check_bounds(facts, bytes(10000))


@HOSTILE
@given(st.binary(max_size=300))
def test_random_bytes_in_place_of_a_thumbnail_or_a_maker_note(jpeg, insert, segment, directories, data):
    for thumbnail in (data, b"\xff\xd8" + data):
        exif = directories("<", thumbnail=thumbnail, exif={0x927C: (7, len(data), data)})
        facts = read_facts(insert(jpeg(), segment(0xE1, b"Exif\0\0" + exif)), whole=True)
        assert (facts.model, facts.exif_error) == ("iPhone 5s", None)
        check_bounds(facts, bytes(10000))
