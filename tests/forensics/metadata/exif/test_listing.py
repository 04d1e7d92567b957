"""The listing of all tags: what ExifRead names, bounded and quiet, and no other than what the facts say."""

import logging
import struct
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forensics.jpeg.segments import header_segments
from forensics.metadata.exif import listing
from forensics.metadata.exif.listing import all_tags
from forensics.metadata.exif.tags import read_exif

AGREED = {
    "Image Make": "make",
    "Image Model": "model",
    "Image Software": "software",
    "Image DateTime": "modified_at",
    "EXIF DateTimeOriginal": "taken_at",
    "EXIF DateTimeDigitized": "digitised_at",
}


def test_every_tag_has_its_name_and_is_text(directories):
    tags = all_tags(directories("<", gps=1, thumbnail=b"\xff\xd8\xff\xd9"))
    assert tags["Image Make"] == "Apple"
    assert tags["Image Orientation"] == "Rotated 90 CW"
    assert tags["EXIF BodySerialNumber"] == "C0FFEE"
    assert "GPS GPSLatitudeRef" in tags
    assert "Thumbnail JPEGInterchangeFormat" in tags
    assert "JPEGThumbnail" not in tags
    assert all(type(text) is str for text in tags.values())


def test_texts_are_clean_and_of_256_characters_at_most(tiff):
    tags = all_tags(tiff({0x010F: "Ca\x1b[31mnon", 0x0110: "x" * 5000, 0x0131: (2, 3, b"\xe9\xe8\0"), 0x0132: "  "}))
    assert (tags["Image Make"], tags["Image Model"]) == ("Ca[31mnon", "x" * 256)
    assert "Image DateTime" not in tags


def test_a_makers_own_tags_are_listed(tiff):
    note = b"Apple iOS\0\0\1MM" + struct.pack(">HHHII", 1, 0x000A, 9, 1, 3) + bytes(4)
    assert (
        all_tags(tiff({0x010F: "Apple"}, {0x927C: (7, len(note), note)}, ">"))["MakerNote HDRImageType"] == "HDR Image"
    )


def test_a_broken_maker_note_costs_none_but_its_own_tags(tiff, monkeypatch):
    real = listing.exifread.process_file
    asked = []

    def broken(file, *, details, **options):
        asked.append(details)
        if details:
            raise ZeroDivisionError
        return real(file, details=details, **options)

    monkeypatch.setattr(listing.exifread, "process_file", broken)
    assert all_tags(tiff({0x010F: "Apple"}, {0x927C: (7, 9, b"Apple iOS")}))["Image Make"] == "Apple"
    assert asked == [True, False]


def test_bytes_that_are_no_exif_have_no_tags():
    for data in (b"", b"II", b"nonsense", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff"):
        assert all_tags(data) == {}


def test_reading_is_rationed_where_counts_are_absurd(monkeypatch):
    count, reads = 60000, []
    real = listing._Rationed.read
    monkeypatch.setattr(listing._Rationed, "read", lambda self, size=-1: reads.append(1) or real(self, size))
    # every entry names 999 values: 60 million reads, were they let
    entries = struct.pack("<HHII", 0x9999, 4, 999, 8) * (count // 12)
    assert all_tags(b"II*\0" + struct.pack("<IH", 8, count) + entries) == {}
    assert len(reads) <= 2 * (listing.READS_MAX + 1)


def test_what_exifread_logs_of_broken_data_is_dropped_and_its_log_is_itself_again(tiff, caplog):
    with caplog.at_level(logging.DEBUG):
        all_tags(tiff({0x010F: (2, 9, b"Soci\xe9t\xe9 X")}))
    assert caplog.records == []
    logging.getLogger("exifread").warning("somebody else's")
    assert caplog.messages == ["somebody else's"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_bytes_there_is_a_listing(directories, data):
    note = b"Nikon\0\2\x10\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHII", 1, 1, 7, 4, 0) + bytes(4)
    tiff = bytearray(directories(">", gps=2, interoperability=1, exif={0x927C: (7, len(note), note)}))
    for _ in range(data.draw(st.integers(1, 12))):
        tiff[data.draw(st.integers(0, len(tiff) - 1))] = data.draw(st.integers(0, 255))
    for name, text in all_tags(bytes(tiff)).items():
        assert name
        assert 0 < len(text) <= 256


@pytest.mark.photos
def test_our_reader_and_exifread_agree_on_the_shared_photos(shared_photos):
    asked = 0
    for path in sorted(shared_photos.rglob("*.jpg")):
        data = path.read_bytes()
        payloads = [
            data[segment.payload_start + 6 : segment.end]
            for segment in header_segments(data, whole=True)
            if segment.name == "APP1:Exif"
        ]
        for payload in payloads[:1]:
            facts, tags = read_exif(payload), exif_tags(payload)
            for name, field in AGREED.items():
                if field != "software" or name in tags:  # ours falls back on the EXIF IFD's
                    assert (path.name, name, getattr(facts, field)) == (path.name, name, tags.get(name))
                    asked += name in tags
    assert asked > 1000


def exif_tags(payload: bytes) -> dict[str, str]:
    """Return the texts ExifRead finds where neither MakerNote nor thumbnail is read, by the name of the tag."""
    tags = listing.exifread.process_file(BytesIO(payload), details=False, extract_thumbnail=False)
    return {name: tags[name].values.strip() for name in AGREED if name in tags and tags[name].values.strip()}
