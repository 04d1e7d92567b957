"""EXIF: the claim of camera and software, from whole, odd and hostile segments."""

import logging
import struct

import pytest

from forensics import exif
from forensics.exif import ExifFacts, read_exif
from forensics.header import read_facts

MAKE, MODEL, SOFTWARE, MODIFIED, ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0132, 0x0112
EXIF_IFD, GPS_IFD, TAKEN, WIDTH, HEIGHT, BODY_SERIAL, CAMERA_SERIAL = (
    0x8769, 0x8825, 0x9003, 0xA002, 0xA003, 0xA431, 0xC62F,
)  # fmt: skip

ORDINARY = {
    MAKE: "Apple",
    MODEL: "iPhone 5s",
    SOFTWARE: "10.3.3",
    MODIFIED: "2017:08:01 10:11:12",
    ORIENTATION: 6,
}
ORDINARY_EXIF = {TAKEN: "2017:08:01 10:11:12", WIDTH: 3264, HEIGHT: 2448, BODY_SERIAL: "C0FFEE"}


@pytest.mark.parametrize("endian", ["<", ">"])
def test_camera_software_dates_sizes_and_serial_number_are_read(tiff, endian):
    assert read_exif(tiff(ORDINARY, ORDINARY_EXIF, endian)) == ExifFacts(
        make="Apple",
        model="iPhone 5s",
        software="10.3.3",
        serial_number="C0FFEE",
        taken_at="2017:08:01 10:11:12",
        modified_at="2017:08:01 10:11:12",
        width_px=3264,
        height_px=2448,
        orientation=6,
    )


def test_they_arrive_in_the_facts_of_the_photo(with_exif):
    facts = read_facts(with_exif({**ORDINARY, 0x000B: "Some Program 1"}, ORDINARY_EXIF), whole=True)
    assert (facts.make, facts.model, facts.software) == ("Apple", "iPhone 5s", "10.3.3")
    assert (facts.taken_at, facts.modified_at) == ("2017:08:01 10:11:12", "2017:08:01 10:11:12")
    assert (facts.exif_width_px, facts.exif_height_px, facts.orientation) == (3264, 2448, 6)
    assert (facts.serial_number, facts.processing_software, facts.exif_error) == ("C0FFEE", "Some Program 1", None)


def test_the_camera_serial_number_stands_in_for_a_missing_body_serial_number(tiff):
    assert read_exif(tiff({CAMERA_SERIAL: "77"}, {TAKEN: "x"})).serial_number == "77"
    assert read_exif(tiff({CAMERA_SERIAL: "77"}, {BODY_SERIAL: "88"})).serial_number == "88"


def test_software_of_the_exif_ifd_counts_where_ifd0_has_none(tiff):
    assert read_exif(tiff({MAKE: "samsung"}, {SOFTWARE: "Camera FV-5 3.31.4"})).software == "Camera FV-5 3.31.4"
    assert read_exif(tiff({SOFTWARE: "Exif 1.0"}, {SOFTWARE: "Camera FV-5 3.31.4"})).software == "Exif 1.0"


def test_texts_lose_what_follows_a_nul_blanks_controls_and_what_is_too_long(tiff):
    raw = {
        MAKE: (2, 14, b"Canon\0garbage!"),
        MODEL: "  A\x01B\x1b[31m  C  ",
        SOFTWARE: "x" * 5000,
        MODIFIED: (2, 4, b"    "),
    }
    facts = read_exif(tiff(raw))
    assert (facts.make, facts.model, facts.software, facts.modified_at) == ("Canon", "AB[31m  C", "x" * 256, None)


def test_texts_that_are_not_utf_8_are_read_as_latin_1_and_logged_nowhere(tiff, caplog):
    with caplog.at_level(logging.DEBUG):
        facts = read_exif(tiff({MAKE: (2, 9, b"Soci\xe9t\xe9 X\0"[:9])}))
    assert (facts.make, facts.error) == ("Société X", None)
    assert caplog.records == []


def test_the_log_of_exifread_is_itself_again_afterwards(tiff, caplog):
    read_exif(tiff(ORDINARY))
    logging.getLogger("exifread").warning("somebody else's")
    assert caplog.messages == ["somebody else's"]


def test_texts_of_byte_or_undefined_type_are_read(tiff):
    assert read_exif(tiff({MAKE: (7, 6, b"Kodak\0"), MODEL: (1, 5, b"Z612\0")})) == ExifFacts(
        make="Kodak", model="Z612"
    )


def test_numbers_that_are_no_pixel_count_are_left_out(tiff):
    facts = read_exif(tiff({MAKE: "X"}, {WIDTH: 0, HEIGHT: 0xFFFFFFFF}))
    assert (facts.make, facts.width_px, facts.height_px) == ("X", None, None)


def test_the_first_of_several_exif_segments_that_can_be_read_counts(jpeg, insert, segment, tiff):
    broken = segment(0xE1, b"Exif\0\0nonsense")
    first = segment(0xE1, b"Exif\0\0" + tiff({MODEL: "first"}))
    second = segment(0xE1, b"Exif\0\xff" + tiff({MODEL: "second"}))
    facts = read_facts(insert(jpeg(), broken, first, second), whole=True)
    assert (facts.model, facts.exif_error) == ("first", None)
    assert read_facts(insert(jpeg(), broken, second), whole=True).model == "second"


def test_an_exif_segment_that_cannot_be_read_says_why_and_costs_no_other_fact(jpeg, insert, segment):
    facts = read_facts(insert(jpeg(size=(80, 40)), segment(0xE1, b"Exif\0\0nonsense")), whole=True)
    assert facts.exif_error == "not a TIFF header: 6e 6f 6e 73 65 6e 73 65"
    assert (facts.width_px, facts.quality_factor, facts.make) == (80, 75, None)


def test_what_is_broken_is_named_and_the_rest_is_read(tiff):
    whole = tiff({MAKE: "Canon", MODEL: "EOS R5 Mark II"}, ORDINARY_EXIF)
    pointer = whole.index(struct.pack("<HHI", EXIF_IFD, 4, 1)) + 8
    cases = {
        "tag 0x0110 with 999 bytes": tiff({MAKE: "Canon", MODEL: (2, 999, b"EOS R5 Mark II")}),
        "tag 0x0110 of unknown type 77": tiff({MAKE: "Canon", MODEL: (77, 4, b"EOS ")}),
        "EXIF IFD at 65536": whole[:pointer] + struct.pack("<I", 65536) + whole[pointer + 4 :],
        "overlap": whole[:pointer] + struct.pack("<I", 8) + whole[pointer + 4 :],
        "pointer to the EXIF IFD of type 2 with 5 values": tiff({MAKE: "Canon", EXIF_IFD: (2, 5, b"what\0")}),
        "TIFF number 41": whole[:2] + b"\x29" + whole[3:],
    }
    for text, payload in cases.items():
        facts = read_exif(payload)
        assert facts.error is not None
        assert text in facts.error
        assert facts.make == "Canon"


def test_a_directory_cut_short_gives_the_entries_that_are_there(tiff):
    whole = tiff({ORIENTATION: 6, MAKE: "Canon", MODEL: "X"})
    facts = read_exif(whole[: 10 + 12 + 5])
    assert (facts.orientation, facts.error) == (6, "IFD0 ends after 1 of 3 entries")


def test_a_directory_of_absurd_length_is_not_read(tiff):
    payload = b"II*\0" + struct.pack("<IH", 8, 5000) + struct.pack("<HHII", MAKE, 2, 60000, 8) * 5000
    assert read_exif(payload) == ExifFacts(error="IFD0 with 5000 entries")


@pytest.mark.parametrize("more", [{}, {GPS_IFD: 8}])
def test_exifread_sees_neither_gps_nor_maker_note_nor_thumbnail(tiff, monkeypatch, more):
    seen = []
    real = exif.exifread.process_file

    def watched(file, **options):
        seen.append(real(file, **options))
        return seen[-1]

    monkeypatch.setattr(exif.exifread, "process_file", watched)
    ifd0 = {**ORDINARY, **more}
    payload = bytearray(tiff(ifd0, {**ORDINARY_EXIF, 0x927C: (7, 2000, b"m" * 2000)}))
    next_directory = 8 + 2 + 12 * (len(ifd0) + 1)  # one more: the EXIF IFD's pointer
    payload[next_directory : next_directory + 4] = struct.pack("<I", len(payload))
    payload += struct.pack("<HHHII", 1, MODEL, 2, 4, 0) + b"\0\0\0\0"
    assert read_exif(bytes(payload)).model == "iPhone 5s"
    (tags,) = seen
    assert sorted(tags) == [
        "EXIF BodySerialNumber", "EXIF DateTimeOriginal", "EXIF ExifImageLength", "EXIF ExifImageWidth",
        "Image DateTime", "Image ExifOffset", "Image Make", "Image Model", "Image Orientation", "Image Software",
    ]  # fmt: skip


def test_whatever_exifread_raises_becomes_the_error(tiff, monkeypatch):
    def fail(*_args, **_options):
        return 1 / 0

    monkeypatch.setattr(exif.exifread, "process_file", fail)
    assert read_exif(tiff(ORDINARY)) == ExifFacts(error="ZeroDivisionError: division by zero")
