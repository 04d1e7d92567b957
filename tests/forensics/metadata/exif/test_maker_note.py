"""MakerNotes: the serial number of the body, wherever its maker writes it; nothing from notes that are broken."""

import random
import struct

import pytest

from forensics.header import read_facts
from forensics.metadata.exif.maker_note import maker_serial
from forensics.metadata.exif.tags import read_exif

NOTE_AT = 100
ASCII, LONG, UNDEFINED = 2, 4, 7


def directory(endian, at, entries, base=0):
    """Return a directory at offset `at` of a note; texts follow it, their offsets counted from `base` of the note."""
    data, values = struct.pack(endian + "H", len(entries)), b""
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        raw = value if isinstance(value, bytes) else struct.pack(endian + "I", value)
        count = len(raw) // 4 if kind == LONG else len(raw)
        if len(raw) > 4:
            raw, place = b"", values_at + len(values) - base
            values += value
            raw = struct.pack(endian + "I", place)
        data += struct.pack(endian + "HHI", tag, kind, count) + raw.ljust(4, b"\0")
    return data + bytes(4) + values


def note(head, entries, endian="<", base=None):
    """Return a note: its header and a directory; `base`: where offsets count from, None: from the EXIF block."""
    return head + directory(endian, len(head), entries, -NOTE_AT if base is None else base)


def serial(data, make=None, model=None, endian="<"):
    return maker_serial(bytes(NOTE_AT) + data, endian, NOTE_AT, len(data), make, model)


MARKS = {"<": b"II", ">": b"MM"}


@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_nikon_has_it_in_a_tiff_file_of_its_own_after_ten_bytes(endian):
    head = b"Nikon\0\2\x10\0\0" + MARKS[endian] + struct.pack(endian + "HI", 42, 8)
    entries = [(1, UNDEFINED, b"0210"), (0x001D, ASCII, b"6030092\0")]
    for outer in "<>":  # the byte order is the note's own
        assert serial(note(head, entries, endian, base=10), "NIKON CORPORATION", "NIKON D60", outer) == (
            "Nikon", "6030092",
        )  # fmt: skip
    older = [(0x00A0, ASCII, b"NO= 2001f1c0        \0")]
    assert serial(note(head, older, endian, base=10), "NIKON CORPORATION", "NIKON D70") == ("Nikon", "2001f1c0")
    neither = [(0x001D, ASCII, b"NIKON D60\0")]
    assert serial(note(head, neither, endian, base=10), "NIKON CORPORATION", "NIKON D60") is None


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(
    ("model", "number", "shown"),
    [
        ("Canon EOS 300D DIGITAL", 560018150, "0560018150"),
        ("Canon EOS-1D Mark III", 500292, "500292"),
        ("Canon EOS D30", 0x01234 << 16 | 56, "123400056"),
        ("Canon EOS REBEL T2i", 0xFFFFFFFF, "4294967295"),
    ],
)
def test_a_canon_has_a_number_shown_as_it_is_printed_on_the_body(endian, model, number, shown):
    data = note(b"", [(0x000C, LONG, number), (0x0096, ASCII, b"VA0853256\0")], endian)
    assert serial(data, "Canon", model, endian) == ("Canon", shown)


def test_a_canon_without_such_a_number_has_an_internal_one():
    assert serial(note(b"", [(0x0096, ASCII, b"SA0151220\0")]), "Canon", "Canon EOS M3") == ("Canon", "SA0151220")
    for model in ("Canon EOS M3", "Canon PowerShot G10"):
        number = 0 if "EOS" in model else 7000
        data = note(b"", [(0x000C, LONG, number), (0x0096, ASCII, b"SA0151220\0")])
        assert serial(data, "Canon", model) == ("Canon", "SA0151220")


@pytest.mark.parametrize(
    ("make", "data", "expected"),
    [
        ("Panasonic", note(b"Panasonic\0\0\0", [(0x0025, UNDEFINED, b"S010604030293\0\0\0")]),
         ("Panasonic", "S010604030293")),
        ("LEICA", note(b"LEICA\0\0\0", [(0x0025, UNDEFINED, b"F540908070012\0\0\0")]), ("Leica", "F540908070012")),
        ("FUJIFILM", note(b"FUJIFILM\x0c\0\0\0", [(0x0010, ASCII, b"FPX 20495643     592D313335310701318AD01\0")],
                          base=0), ("Fujifilm", "FPX 20495643     592D313335310701318AD01")),
        ("PENTAX", note(b"PENTAX \0MM", [(0x0229, ASCII, b"4512345\0")], ">", base=0), ("Pentax", "4512345")),
        ("PENTAX", note(b"AOC\0MM", [(0x0229, ASCII, b"4512345\0")], ">"), ("Pentax", "4512345")),
        ("PENTAX", note(b"AOC\0MM", [(0x0229, ASCII, b" \0"), (0x0215, LONG, struct.pack(">5I", 1, 2, 3, 4, 132352))],
                        ">"), ("Pentax", "132352")),
        ("RICOH", note(b"RICOH\0II", [(0x0229, ASCII, b"0012345\0")], base=0), ("Pentax", "0012345")),
        ("SONY", note(b"SONY DSC \0\0\0", [(0x2031, ASCII, b"78563412\0")]), ("Sony", "12345678")),
        ("Motorola", note(b"MOT\0\1\1\1\1", [(0x5501, ASCII, b"NX0A3S0075\0")], base=0), ("Motorola", "NX0A3S0075")),
        ("SIGMA", note(b"SIGMA\0\0\0\1\0", [(0x0002, ASCII, b"02000019\0")]), ("Sigma", "02000019")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_other_makers_have_it_behind_a_header_of_their_own(make, data, expected):
    # a note that says its own byte order does not depend on the block's
    assert serial(data, make) == expected


@pytest.mark.parametrize(
    ("head", "base"), [(b"OLYMPUS\0II\3\0", 0), (b"OM SYSTEM\0\0\0II\4\0", 0), (b"OLYMP\0\2\0", None)]
)
def test_an_olympus_has_it_in_a_directory_inside_the_note(head, base):
    inner_at = len(head) + 2 + 12 + 4
    counted_from = -NOTE_AT if base is None else base

    def built(*entries):
        pointer = [(0x2010, LONG, inner_at - counted_from)]
        return head + directory("<", len(head), pointer) + directory("<", inner_at, entries, counted_from)

    equipment = (0x0101, ASCII, b"BGW609865                      \0"), (0x0102, ASCII, b"0261309003474001\0")
    assert serial(built(*equipment), "OLYMPUS IMAGING CORP.") == ("Olympus", "BGW609865")
    blank = (0x0101, ASCII, b"               \0")
    assert serial(built(blank, equipment[1]), "OLYMPUS CORPORATION") == ("Olympus", "0261309003474001")
    assert serial(built(blank)) is None


def test_an_older_olympus_has_it_in_the_note_itself():
    assert serial(note(b"OLYMP\0\1\0", [(0x0404, ASCII, b"315412345\0")])) == ("Olympus", "315412345")


def test_a_kodak_has_it_in_the_first_of_its_directories():
    inner_at = 2 + 12 + 4
    data = directory(">", 0, [(0xFC00, LONG, NOTE_AT + inner_at)])
    data += directory(">", inner_at, [(0xFA19, ASCII, b"KCTFY62401197\0\0\0")], -NOTE_AT)
    assert serial(data, "EASTMAN KODAK COMPANY", endian=">") == ("Kodak", "KCTFY62401197")


def test_trail_cameras_have_it_at_a_fixed_place():
    number = "H500EE06130468"
    wide = number.encode("utf-16-le").ljust(30, b"\0")
    assert serial(b"\x01\xf1\3\0".ljust(42, b"\x11") + wide + bytes(90)) == ("Reconyx", number)
    assert serial(b"RECONYXUF\0".ljust(75, b"\x11") + number.encode() + bytes(9)) == ("Reconyx", number)
    assert serial(b"RECONYXH2\0".ljust(126, b"\x11") + wide) == ("Reconyx", number)
    assert serial(b"RECONYXH2\0".ljust(126, b"\x11") + wide[:8]) is None
    assert serial(b"\x01\xf1\3\0".ljust(90, b"\0"), "RECONYX") is None


def test_a_tag_is_found_by_its_place_not_by_its_bytes_alone():
    # the first value, too, has the bytes of tag 0x0025
    entries = [(0x0001, LONG, 0x25), (0x0002, UNDEFINED, b"\x25\0\x25\0"), (0x0025, UNDEFINED, b"S010604030293\0\0\0")]
    assert serial(note(b"Panasonic\0\0\0", entries)) == ("Panasonic", "S010604030293")
    assert serial(note(b"Panasonic\0\0\0", entries[:2])) is None


def test_a_fujifilm_note_is_little_endian_in_any_block():
    data = note(b"FUJIFILM\x0c\0\0\0", [(0x0010, ASCII, b"FPX20017035 592D3131\0")], base=0)
    assert serial(data, endian=">") == serial(data, endian="<") == ("Fujifilm", "FPX20017035 592D3131")


def test_a_note_that_was_moved_or_rewritten_has_none():
    panasonic = note(b"Panasonic\0\0\0", [(0x0025, UNDEFINED, b"S010604030293\0\0\0")])
    # where the pointers lead now, another text happens to look like a number
    before = bytes(NOTE_AT + panasonic.index(b"S01")) + b"S990101010001\0\0\0" + bytes(400)
    assert maker_serial(before + panasonic, "<", len(before), len(panasonic), "Panasonic", None) is None
    stated_shorter = bytes(NOTE_AT) + panasonic
    assert maker_serial(stated_shorter, "<", NOTE_AT, len(panasonic) - 4, "Panasonic", None) is None
    shifted = bytes(NOTE_AT - 4) + panasonic
    assert maker_serial(shifted, "<", NOTE_AT - 4, len(panasonic), "Panasonic", None) is None
    cut = bytes(NOTE_AT) + panasonic[:-16]
    assert maker_serial(cut, "<", NOTE_AT, len(panasonic), "Panasonic", None) is None


@pytest.mark.parametrize("text", [b"\xff" * 16, b"                ", b"OLYMPUS DIGITAL ", b"S01060\x01030293\0\0\0"])
def test_what_does_not_look_like_the_makers_numbers_is_none(text):
    assert serial(note(b"Panasonic\0\0\0", [(0x0025, UNDEFINED, text)]), "Panasonic") is None


def test_notes_of_makers_that_are_not_known_have_none():
    for head in (b"", b"Apple iOS\0\0\1MM", b"SEMC MS\0", b"\0" * 8, b"Sams"):
        assert serial(note(head, [(0x0025, ASCII, b"S010604030293\0")]), "Somebody") is None


def test_hostile_notes_have_none_and_raise_nothing():
    heads = [b"Nikon\0\2\x10\0\0MM\0*\0\0\0\x08", b"OLYMPUS\0II\3\0", b"OLYMP\0", b"FUJIFILM\x0c\0\0\0", b"AOC\0MM",
             b"\x01\xf1\2\0", b"RECONYXUF\0", b"", b"SONY DSC \0\0\0", b"MOT\0"]  # fmt: skip
    generator = random.Random(1)
    for number in range(4000):
        head = heads[number % len(heads)]
        # few different bytes: counts and offsets that make sense now and then
        rest = bytes(generator.choices((0, 0, 0, 1, 2, 4, 12, 0x10, 0x20, 0x25, 0xFF), k=generator.randrange(200)))
        data = bytes(generator.randrange(40)) + head + rest
        for endian in "<>":
            start = data.index(head) if head else generator.randrange(len(data) + 1)
            for size in (0, 3, len(rest), 2**32 - 1):
                maker_serial(data, endian, start, size, "Canon", "Canon EOS 10D")
                maker_serial(data, endian, 2**32 - 5, size, "NIKON", "D1")


MAKE, CAMERA_SERIAL, BODY_SERIAL, MAKER_NOTE, TAKEN = 0x010F, 0xC62F, 0xA431, 0x927C, 0x9003
OF_FUJI = (7, 0, b"")


@pytest.fixture
def told(tiff):
    """Return what reads EXIF with a note by a Fujifilm camera, and other tags in IFD0 and in the EXIF IFD."""
    data = note(b"FUJIFILM\x0c\0\0\0", [(0x0010, ASCII, b"FPX20017035 592D3131\0")], base=0)

    def read(ifd0=None, exif=None):
        fields = {TAKEN: "x", MAKER_NOTE: (7, len(data), data)} | (exif or {})
        facts = read_exif(tiff({MAKE: "FUJIFILM"} | (ifd0 or {}), fields))
        return facts.serial_source, facts.serial_number

    return read


def test_exifs_own_serial_numbers_come_before_the_notes(told):
    assert told() == ("maker note: Fujifilm", "FPX20017035 592D3131")
    assert told(exif={BODY_SERIAL: "88"}) == ("exif", "88")
    assert told(ifd0={BODY_SERIAL: "99"}) == ("exif", "99")  # where some programs write it
    assert told(ifd0={CAMERA_SERIAL: "77"}) == ("exif", "77")
    assert told(ifd0={CAMERA_SERIAL: "77", BODY_SERIAL: "99"}, exif={BODY_SERIAL: "88"}) == ("exif", "88")


@pytest.mark.parametrize("filler", ["0", "0000000000", "000-00", "----"])
def test_a_serial_number_of_zeros_gives_way_to_another(told, tiff, filler):
    assert told(exif={BODY_SERIAL: filler}) == ("maker note: Fujifilm", "FPX20017035 592D3131")
    assert told(exif={BODY_SERIAL: filler}, ifd0={CAMERA_SERIAL: "77"}) == ("exif", "77")
    assert read_exif(tiff({MAKE: "x"}, {BODY_SERIAL: filler})).serial_number == filler


def test_numbers_of_lens_and_picture_and_the_owners_name_are_no_serial_number_of_the_body(tiff):
    others = {0xA420: "UNIQUE123456", 0xA430: "Jane Owner", 0xA435: "LENS123456", 0xA434: "EF 50mm"}
    facts = read_exif(tiff({MAKE: "Canon", 0x013B: "Jane Owner"}, others))
    assert (facts.serial_number, facts.serial_source) == (None, None)


def test_source_and_number_arrive_in_the_facts_of_the_photo(with_exif):
    facts = read_facts(with_exif({MAKE: "x"}, {BODY_SERIAL: "C0FFEE"}), whole=True)
    assert (facts.serial_number, facts.serial_source) == ("C0FFEE", "exif")
