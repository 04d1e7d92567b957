"""Digests: equal for what is equal, different for what differs, and the same tomorrow."""

import hashlib
import struct

import pytest

from forensics.header import read_facts
from forensics.jpeg.segments import FORM_MAX, segments_form, software_marks
from forensics.jpeg.tables import huffman_digest, tables_digest

SCAN = b"\xff\xda"


def test_quantisation_tables_are_digested_with_their_number_in_natural_order(jpeg):
    facts = read_facts(jpeg(quality=90), whole=True)
    numbers = [2, *facts.quantisation_tables[0], *facts.quantisation_tables[1]]
    assert facts.tables_digest == hashlib.sha256(struct.pack(">129H", *numbers)).hexdigest()[:16]
    assert facts.tables_digest == tables_digest(facts.quantisation_tables)
    assert facts.tables_digest == tables_digest([list(table) for table in facts.quantisation_tables])
    assert facts.tables_digest == tables_digest(
        read_facts(jpeg(quality=90, mode="YCbCr"), whole=True).quantisation_tables
    )


def test_other_tables_another_order_or_another_number_of_them_have_another_digest(jpeg):
    luma, chroma = read_facts(jpeg(quality=90), whole=True).quantisation_tables
    digests = [tables_digest(tables) for tables in ((luma, chroma), (chroma, luma), (luma,), (luma, luma), ())]
    assert len({*digests, read_facts(jpeg(quality=91), whole=True).tables_digest}) == 6


def test_huffman_tables_are_digested_by_class_and_destination_whatever_their_order(jpeg):
    facts = read_facts(jpeg(), whole=True)
    assert facts.huffman_digest == "532fd667aa554143"  # of the four tables of Annex K.3
    tables = {(0, 1): (bytes(16), b""), (1, 0): (b"\1" + bytes(15), b"\7")}
    assert huffman_digest(tables) == huffman_digest(dict(reversed(tables.items())))
    assert huffman_digest(tables) != huffman_digest({(0, 0): tables[0, 1], (1, 0): tables[1, 0]})
    assert read_facts(jpeg(optimize=True), whole=True).huffman_digest != facts.huffman_digest


def test_a_lossless_photo_without_tables_has_no_digest_of_them(jpeg):
    data = jpeg()
    start, frame, huffman, scan = (data.index(bytes((0xFF, marker))) for marker in (0xDB, 0xC0, 0xC4, 0xDA))
    without = data[:start] + b"\xff\xc3" + data[frame + 2 : huffman] + data[scan:]
    facts = read_facts(without, whole=True)
    assert (facts.tables_digest, facts.huffman_digest) == (None, None)


def test_the_form_of_a_header_is_its_segments_names_with_runs_counted_once(jpeg, insert, segment):
    flash = segment(0xE2, b"FPXR\0\1")
    comment = segment(0xFE, b"x")
    once = read_facts(insert(jpeg(), flash, comment), whole=True).segments_form
    assert once == "APP2:FPXR COM APP0:JFIF DQT SOF0 DHT SOS"
    assert read_facts(insert(jpeg(), flash, flash, flash, comment), whole=True).segments_form == once
    assert read_facts(insert(jpeg(), comment, flash), whole=True).segments_form != once
    assert read_facts(insert(jpeg(), flash, comment, flash), whole=True).segments_form != once


def test_two_photos_by_one_iphone_with_and_without_faces_have_one_form():
    plain = ["APP1:Exif", "DQT", "DRI", "SOF0", "DHT", "SOS"]
    with_faces = ["APP1:Exif", "APP1:XMP", "DQT", "DQT", "SOF0", "DHT", "DHT", "DHT", "DHT", "DRI", "SOS"]
    with_second_image = ["APP1:Exif", "APP2:MPF", "APP2:ICC", "DQT", "DRI", "SOF0", "DHT", "SOS"]
    assert {segments_form(each) for each in (plain, with_faces, with_second_image)} == {"APP1:Exif DQT SOF0 DHT SOS"}


def test_a_form_of_thousands_of_segments_is_short_and_still_tells_them_apart():
    names = [f"APP{number % 16}:{number}" for number in range(4000)]
    forms = {segments_form(names), segments_form(names[:-1])}
    assert {len(form) for form in forms} == {FORM_MAX}
    assert len(forms) == 2


def test_marks_of_software_in_a_form_are_segments_of_programs_and_jfif_before_exif():
    assert software_marks(["APP1:Exif", "APP0:JFIF", "DQT", "SOF0", "DHT", "SOS"]) == frozenset()
    assert software_marks(["APP0:JFIF", "DQT", "SOF0", "DHT", "SOS"]) == frozenset()
    assert software_marks(["APP0:JFIF", "APP1:Exif", "DQT", "SOF0", "DHT", "SOS"]) == {"JFIF before Exif"}
    assert software_marks(["APP1:Exif", "APP12:Ducky", "APP13:Photoshop", "APP14:Adobe", "SOS"]) == {
        "APP12:Ducky", "APP13", "APP14:Adobe",
    }  # fmt: skip


def test_a_restart_interval_is_read_and_one_of_0_is_none(jpeg, insert, segment):
    assert read_facts(jpeg(restart_marker_blocks=3), whole=True).restart_interval == 3
    assert read_facts(jpeg(), whole=True).restart_interval is None
    taken_back = insert(jpeg(), segment(0xDD, b"\1\2"), segment(0xDD, b"\0\0"))
    assert read_facts(taken_back, whole=True).restart_interval is None
    assert read_facts(insert(jpeg(), segment(0xDD, b"\1\2")), whole=True).restart_interval == 258


def test_copies_with_other_metadata_share_the_digest_of_the_coded_image(jpeg, insert, segment):
    data = jpeg()
    digest = read_facts(data, whole=True).scan_digest
    start = read_facts(data, whole=True).scan_offset_bytes
    assert digest == hashlib.sha256(data[start:]).hexdigest()[:32]
    assert read_facts(insert(data, segment(0xFE, b"other")) + b"trailing", whole=True).scan_digest == digest
    assert read_facts(jpeg(quality=76), whole=True).scan_digest != digest


@pytest.mark.parametrize("progressive", [False, True])
def test_a_cut_photo_has_a_digest_of_what_is_there_unless_that_is_hardly_anything(jpeg, progressive):
    data = jpeg(size=(256, 256), progressive=progressive)
    start = read_facts(data, whole=True).scan_offset_bytes
    for there, has_one in ((0, False), (63, False), (64, True), (len(data) - start - 2, True)):
        facts = read_facts(data[: start + there], whole=True)
        assert (facts.is_complete, facts.scan_digest is not None) == (False, has_one)


def test_a_scan_without_a_byte_has_no_digest(jpeg):
    data = jpeg()
    header = data[: read_facts(data, whole=True).scan_offset_bytes]
    facts = read_facts(header + b"\xff\xd9", whole=True)
    assert (facts.is_complete, facts.scan_digest) == (True, None)
    assert read_facts(header + b"\0\xff\xd9", whole=True).scan_digest is not None


def test_headers_read_alone_have_no_digest_of_the_coded_image(jpeg):
    assert read_facts(jpeg(), whole=False).scan_digest is None
