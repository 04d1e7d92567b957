"""EXIF: the claim of camera and software, from whole, odd and hostile segments."""

import struct

import pytest

from forensics.header import read_facts
from forensics.metadata.exif.tags import ExifFacts, read_exif

MAKE, MODEL, SOFTWARE, MODIFIED, ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0132, 0x0112
EXIF_IFD, GPS_IFD, TAKEN, WIDTH, HEIGHT, BODY_SERIAL, CAMERA_SERIAL = (
    0x8769, 0x8825, 0x9003, 0xA002, 0xA003, 0xA431, 0xC62F,
)  # fmt: skip
DIGITISED, COLOUR_SPACE, LENS_SERIAL, UNIQUE_ID, MAKER_NOTE = 0x9004, 0xA001, 0xA435, 0xA420, 0x927C
THUMBNAIL_OFFSET, THUMBNAIL_BYTES = 0x0201, 0x0202

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
        endian="little" if endian == "<" else "big",
        counts=(6, 4, -1, -1, -1),
        serial_source="exif",
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


def test_texts_that_are_not_utf_8_are_read_as_latin_1(tiff):
    facts = read_exif(tiff({MAKE: (2, 9, b"Soci\xe9t\xe9 X\0"[:9])}))
    assert (facts.make, facts.error) == ("Société X", None)


def test_texts_of_byte_or_undefined_type_are_read(tiff):
    facts = read_exif(tiff({MAKE: (7, 6, b"Kodak\0"), MODEL: (1, 5, b"Z612\0")}))
    assert (facts.make, facts.model, facts.error) == ("Kodak", "Z612", None)


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


def test_the_second_date_lens_identifier_and_colour_space_are_read(tiff):
    more = {DIGITISED: "2017:08:01 10:11:13", LENS_SERIAL: "L9", UNIQUE_ID: "0123456789abcdef", COLOUR_SPACE: 65535}
    facts = read_exif(tiff(ORDINARY, {**ORDINARY_EXIF, **more}))
    assert (facts.digitised_at, facts.lens_serial_number) == ("2017:08:01 10:11:13", "L9")
    assert (facts.image_unique_id, facts.colour_space) == ("0123456789abcdef", 65535)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_entries_of_all_five_directories_are_counted(tiff, directories, endian):
    whole = directories(
        endian, gps=7, interoperability=2, ifd1={THUMBNAIL_OFFSET: 1, THUMBNAIL_BYTES: 1, ORIENTATION: 1}
    )
    assert read_exif(whole).counts == (len(ORDINARY) + 2, len(ORDINARY_EXIF) + 1, 7, 2, 3)
    assert read_exif(directories(endian, gps=7)).counts == (len(ORDINARY) + 2, len(ORDINARY_EXIF), 7, -1, -1)
    assert read_exif(directories(endian, gps=0)).counts[2] == 0
    assert read_exif(tiff(ORDINARY, None, endian)).counts == (5, -1, -1, -1, -1)


def test_a_directory_that_lies_outside_or_has_absurdly_many_entries_counts_as_none_and_costs_nothing(tiff):
    for pointer in (0, 4, 70000, 2**32 - 1):
        facts = read_exif(tiff({**ORDINARY, GPS_IFD: (4, 1, struct.pack("<I", pointer))}))
        assert (facts.make, facts.counts[2], facts.error) == ("Apple", -1, None)
    absurd = tiff({**ORDINARY, GPS_IFD: (4, 1, struct.pack("<I", 8 + 2 + 12 * 6 + 4))})
    assert read_exif(absurd + b"\xff\xff").counts[2] == -1


@pytest.mark.parametrize(
    ("note", "name"),
    [
        (b"Apple iOS\0\0\1MM\0\x0f", "Apple iOS"),
        (b"Nikon\0\2\x10\0\0MM\0*", "Nikon"),
        (b"SONY DSC \0\0\0\x42\0", "SONY DSC"),
        (b"OLYMP\0\1\0\x0b\0", "OLYMP"),
        (b"FUJIFILM\x0c\0\0\0", "FUJIFILM"),
        (b"GE\0\0\0\0\1\0", "GE"),
        (b"[ae_dbg_info:\1\1", "[ae_dbg_info"),
        (b"Temperature: 0.5C\0Serial Number: 7", "Temperature"),
        (b"\x25\0\1\0\3\0\x31\0\0\0", "present"),
        (b"AB\x01\0\3\0", "present"),
        (b"A" * 5000, "A" * 24),
    ],
)
def test_a_maker_note_is_known_by_the_name_it_begins_with(tiff, note, name):
    facts = read_exif(tiff(ORDINARY, {MAKER_NOTE: (7, len(note), note)}))
    assert (facts.maker_note, facts.maker_note_bytes) == (name, len(note))


def test_a_maker_note_that_lies_outside_is_there_and_costs_no_other_fact(tiff):
    facts = read_exif(tiff(ORDINARY, {MAKER_NOTE: (7, 2**32 - 1, b"Nikon\0"), TAKEN: "2017"}))
    assert (facts.maker_note_bytes, facts.taken_at, facts.error) == (2**31 - 1, "2017", None)
    assert read_exif(tiff(ORDINARY, {MAKER_NOTE: (7, 0, b"")})).maker_note is None
    assert read_exif(tiff(ORDINARY)).maker_note is None


def test_a_loop_of_directories_ends(tiff):
    whole = bytearray(tiff(ORDINARY, ORDINARY_EXIF))
    next_at = 8 + 2 + 12 * 6
    whole[next_at : next_at + 4] = struct.pack("<I", 8)
    assert read_exif(bytes(whole)).counts == (6, 4, -1, -1, -1)


def test_where_a_photo_was_taken_is_never_read(directories):
    facts = read_exif(directories("<", gps=7, secret=b"52 deg N"))
    assert facts.counts[2] == 7
    assert "52" not in str(facts)
