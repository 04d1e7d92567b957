"""Headers: what is read of a JPEG's structure, and what is refused, with its place."""

import pickle

import pytest

from forensics.errors import HeaderIncomplete, JpegError
from forensics.header import read_facts

FRAME_OFFSET_OF_HEIGHT = 5


def frame_at(data: bytes, marker: int = 0xC0) -> int:
    return data.index(bytes((0xFF, marker)))


def patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def test_a_baseline_photo_is_read_with_its_size_coding_and_grid(jpeg):
    facts = read_facts(jpeg(size=(100, 60), quality=95), whole=True)
    assert (facts.width_px, facts.height_px) == (100, 60)
    assert (facts.coding, facts.precision_bits, facts.components) == ("baseline", 8, 3)
    assert (facts.subsampling, facts.mcu_width_px, facts.mcu_height_px) == ("4:2:0", 16, 16)
    assert facts.segments == ("APP0:JFIF", "DQT", "DQT", "SOF0", "DHT", "DHT", "DHT", "DHT", "SOS")
    assert (facts.is_complete, facts.trailing_bytes) == (True, 0)
    assert facts.editor_marks == ()


@pytest.mark.parametrize(
    ("option", "name", "mcu"), [(0, "4:4:4", (8, 8)), (1, "4:2:2", (16, 8)), (2, "4:2:0", (16, 16))]
)
def test_subsampling_comes_from_the_sampling_factors(jpeg, option, name, mcu):
    facts = read_facts(jpeg(subsampling=option), whole=True)
    assert (facts.subsampling, facts.mcu_width_px, facts.mcu_height_px) == (name, *mcu)


@pytest.mark.parametrize(
    ("factors", "name", "mcu"),
    [
        (b"\x12\x11\x11", "4:4:0", (8, 16)),
        (b"\x41\x11\x11", "4:1:1", (32, 8)),
        (b"\x22\x22\x22", "4:4:4", (16, 16)),
        (b"\x22\x12\x12", "4:2:2", (16, 16)),
        (b"\x22\x21\x11", "2x2,2x1,1x1", (16, 16)),
        (b"\x31\x11\x11", "3x1,1x1,1x1", (24, 8)),
        (b"\x11\x22\x22", "1x1,2x2,2x2", (16, 16)),
    ],
)
def test_rare_sampling_factors_have_their_name_or_stand_as_they_are(jpeg, factors, name, mcu):
    data = jpeg()
    for index, factor in enumerate(factors):
        data = patched(data, frame_at(data) + 11 + 3 * index, bytes((factor,)))
    facts = read_facts(data, whole=True)
    assert (facts.subsampling, facts.mcu_width_px, facts.mcu_height_px) == (name, *mcu)


def test_a_grey_photo_has_units_of_8_whatever_its_factors_say(jpeg):
    data = jpeg(mode="L")
    data = patched(data, frame_at(data) + 11, b"\x22")
    facts = read_facts(data, whole=True)
    assert (facts.subsampling, facts.components, facts.mcu_width_px, facts.mcu_height_px) == ("grey", 1, 8, 8)
    assert len(facts.quantisation_tables) == 1


def test_four_components_show_their_factors(jpeg):
    facts = read_facts(jpeg(mode="CMYK"), whole=True)
    assert (facts.components, facts.subsampling) == (4, "1x1,1x1,1x1,1x1")
    assert "app14: Adobe" in facts.editor_marks


def test_a_progressive_photo_is_walked_over_all_its_scans(jpeg):
    data = jpeg(progressive=True)
    assert data.count(b"\xff\xda") > 3
    facts = read_facts(data, whole=True)
    assert (facts.coding, facts.huffman) == ("progressive", "optimised")
    assert (facts.is_complete, facts.trailing_bytes) == (True, 0)


@pytest.mark.parametrize(
    ("marker", "coding"),
    [(0xC1, "extended"), (0xC3, "lossless"), (0xC9, "arithmetic"), (0xCA, "arithmetic"), (0xCB, "arithmetic")],
)
def test_every_coding_process_has_its_name(jpeg, marker, coding):
    data = jpeg()
    assert read_facts(patched(data, frame_at(data) + 1, bytes((marker,))), whole=True).coding == coding


def test_a_lossless_photo_needs_no_quantisation_table(jpeg):
    data = jpeg()
    without = data[: data.index(b"\xff\xdb")] + data[frame_at(data) :]
    lossless = patched(without, frame_at(without) + 1, b"\xc3")
    facts = read_facts(lossless, whole=True)
    assert (facts.quantisation_tables, facts.quality_factor, facts.quality_residual) == ((), None, None)
    assert (facts.mcu_width_px, facts.mcu_height_px) == (2, 2)


def test_fill_bytes_before_a_marker_are_passed_over(jpeg, insert, segment):
    data = insert(jpeg(), b"\xff\xff\xff" + segment(0xFE, b"hello"))
    assert read_facts(data, whole=True).comments == ("hello",)


def test_an_image_inside_a_segment_is_not_taken_for_the_photo(jpeg, insert, segment):
    data = insert(jpeg(size=(64, 64)), segment(0xE5, b"x" + jpeg(size=(16, 16))))
    facts = read_facts(data, whole=True)
    assert (facts.width_px, facts.is_complete, facts.trailing_bytes) == (64, True, 0)


def test_images_behind_the_first_count_as_trailing_bytes(jpeg):
    second = jpeg(size=(16, 16))
    facts = read_facts(jpeg(size=(64, 64)) + second, whole=True)
    assert (facts.width_px, facts.is_complete, facts.trailing_bytes) == (64, True, len(second))


def test_a_photo_cut_in_its_scan_has_facts_but_is_not_complete(jpeg):
    facts = read_facts(jpeg()[:-20], whole=True)
    assert (facts.is_complete, facts.trailing_bytes) == (False, 0)


def test_a_second_image_where_the_first_broke_off_does_not_make_it_complete(jpeg):
    assert read_facts(jpeg()[:-20] + jpeg(), whole=True).is_complete is False


def test_an_end_marker_inside_a_segment_between_scans_ends_nothing(jpeg, segment):
    data = jpeg(progressive=True)
    second_scan = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    facts = read_facts(data[:second_scan] + segment(0xFE, b"\xff\xd9\xff\xd8") + data[second_scan:], whole=True)
    assert (facts.is_complete, facts.trailing_bytes) == (True, 0)


def test_restart_markers_and_stuffed_bytes_do_not_end_a_scan(jpeg):
    data = jpeg(size=(256, 256), quality=100, restart_marker_blocks=1)
    assert b"\xff\xd0" in data
    assert b"\xff\x00" in data
    assert read_facts(data, whole=True).is_complete is True


def test_a_prefix_with_the_whole_header_gives_the_facts_of_the_file_but_its_end(jpeg):
    data = jpeg()
    facts = read_facts(data, whole=True)
    prefix = read_facts(data[: facts.scan_offset_bytes], whole=False)
    assert (prefix.is_complete, prefix.trailing_bytes) == (None, None)
    assert (prefix.segments, prefix.quantisation_tables) == (facts.segments, facts.quantisation_tables)
    assert data[facts.scan_offset_bytes - 3 : facts.scan_offset_bytes] == b"\x00\x3f\x00"  # Ss, Se, AhAl of the SOS


def test_every_shorter_prefix_asks_for_more_bytes_than_it_has_and_never_for_too_many(jpeg, insert, segment):
    data = insert(jpeg(), segment(0xE4, b"z" * 300))
    scan = read_facts(data, whole=True).scan_offset_bytes
    for length in range(1, scan):
        with pytest.raises(HeaderIncomplete) as caught:
            read_facts(data[:length], whole=False)
        assert length < caught.value.needed_bytes <= scan


def test_following_needed_bytes_leads_to_the_facts(jpeg, insert, segment):
    data = insert(jpeg(), segment(0xE1, b"q" * 65000), segment(0xE2, b"r" * 65000))
    length, rounds = 1, 0
    while True:
        try:
            facts = read_facts(data[:length], whole=False)
            break
        except HeaderIncomplete as more:
            length, rounds = more.needed_bytes, rounds + 1
    assert facts.width_px == 48
    assert rounds < 20


def test_a_whole_file_that_ends_in_its_header_is_truncated_at_its_last_segment(jpeg):
    data = jpeg()
    frame = frame_at(data)
    with pytest.raises(JpegError, match=f"truncated inside SOF0 at offset {frame}") as caught:
        read_facts(data[: frame + 8], whole=True)
    assert caught.value.offset == frame
    assert not isinstance(caught.value, HeaderIncomplete)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG bytes"),
        (b"GIF89a\x01\0", "GIF bytes"),
        (b"\n <!DOCTYPE HTML><html>", "an HTML page"),
        (b"<?xml version='1.0'?>", "XML or HTML text"),
        (b'{"stat":"fail"}', "JSON text"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "WebP"),
        (b"II*\0\x08\0\0\0", "TIFF bytes"),
        (b"\0\0\0\x18ftypheic", "HEIC bytes"),
        (b"\0\0\0\x18ftypavif", "AVIF bytes"),
        (b"\0\0\0\x18ftypwhat", "HEIF or MP4 bytes"),
        (b"Shopping list:\n- b\xc3\xb6rek\n", "plain text"),
        ("ö".encode() * 400, "plain text"),
        (bytes(64), "nothing but zero bytes"),
        (b"\x01\x02\x03\x04", "it begins with 01 02 03 04"),
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_what_is_no_jpeg_is_refused_by_its_name(data, what, whole):
    with pytest.raises(JpegError, match="not a JPEG") as caught:
        read_facts(data, whole=whole)
    assert what in str(caught.value)
    assert caught.value.offset == 0


@pytest.mark.parametrize(("size", "text"), [(b"\0\0\0\x30", "48x0"), (b"\0\x20\0\0", "0x32")])
def test_a_frame_without_a_size_is_refused(jpeg, size, text):
    data = jpeg()
    with pytest.raises(JpegError, match=f"SOF0 states a size of {text}"):
        read_facts(patched(data, frame_at(data) + FRAME_OFFSET_OF_HEIGHT, size), whole=True)


def test_broken_structure_is_refused_with_its_place(jpeg, insert, segment):
    data = jpeg()
    frame = frame_at(data)
    sof = data[frame : frame + 19]
    scan = data.index(b"\xff\xda")
    cases = {
        "byte 0x41 where a marker must stand": insert(data, b"A"),
        "second start of image": insert(data, b"\xff\xd8"),
        "end of image before the first scan": data[:2] + b"\xff\xd9",
        "reserved marker 0x05": insert(data, b"\xff\x05\0\x02"),
        "stuffed zero byte": insert(data, b"\xff\0"),
        "COM of impossible length 1": insert(data, b"\xff\xfe\0\x01"),
        "second frame header SOF0": data[:frame] + sof + data[frame:],
        "no frame header": data[:frame] + data[frame + 19 :],
        "differential frame": patched(data, frame + 1, b"\xc5"),
        "sampling factors of 0x1": patched(data, frame + 11, b"\x01"),
        "sampling factors of 5x1": patched(data, frame + 11, b"\x51"),
        "states 0 components": data[:frame] + segment(0xC0, b"\x08\0\x20\0\x30\0") + data[frame + 19 :],
        "SOF0 has 8 bytes": data[:frame] + segment(0xC0, b"\x08\0\x20\0\x30\x03\0\0") + data[frame + 19 :],
        "no quantisation table 3": patched(data, frame + 12, b"\x03"),
        "which the frame does not have": patched(data, scan + 5, b"\x63"),
        "SOS of": data[:scan] + segment(0xDA, b"\x09") + data[scan:],
        "DQT of precision 5": insert(data, segment(0xDB, b"\x50" + bytes(64))),
        "DQT ends inside table 1": insert(data, segment(0xDB, b"\x01" + bytes(63))),
        "DHT of class 3": insert(data, segment(0xC4, b"\x30" + bytes(16))),
        "DHT ends inside table 0": insert(data, segment(0xC4, b"\x00" + b"\x02" * 16)),
        "more than 4096 segments": insert(data, segment(0xFE, b"") * 4097),
    }
    for text, broken in cases.items():
        for whole in (True, False):
            with pytest.raises(JpegError, match=text) as caught:
                read_facts(broken, whole=whole)
            assert not isinstance(caught.value, HeaderIncomplete)
            assert 0 < caught.value.offset < len(broken)
            assert str(caught.value).endswith(f"at offset {caught.value.offset}")


def test_comments_are_cleaned_cut_and_counted(jpeg, insert, segment):
    comments = [b"  one\0\x07\nline \0", b"\xe9t\xe9", b"x" * 1000, b"\0\0", b"  one\0\x07\nline \0"]
    many = [segment(0xFE, b"number %d" % index) for index in range(30)]
    facts = read_facts(insert(jpeg(), *(segment(0xFE, comment) for comment in comments), *many), whole=True)
    assert facts.comments[:3] == ("one line", "été", "x" * 256)
    assert len(facts.comments) == 16


def test_segments_carry_the_names_of_what_is_in_them(jpeg, insert, segment):
    payloads = [
        (0xE1, b"Exif\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0"),
        (0xE2, b"ICC_PROFILE\0\x01\x01"),
        (0xE2, b"MPF\0II*\0"),
        (0xEB, b"\x00\x01binary"),
        (0xEC, b"Ducky\0\x01"),
        (0xED, b"Photoshop 3.0\x008BIM"),
        (0xDD, b"\0\x04"),
    ]
    names = read_facts(insert(jpeg(), *(segment(*payload) for payload in payloads)), whole=True).segments
    assert names[:9] == (
        "APP1:Exif", "APP1:XMP", "APP1:XMP-extension", "APP2:ICC", "APP2:MPF", "APP11", "APP12:Ducky",
        "APP13:Photoshop", "DRI",
    )  # fmt: skip


def test_errors_survive_the_way_back_from_a_worker_process():
    error = pickle.loads(pickle.dumps(JpegError("no such thing", 7)))
    assert (str(error), error.offset) == ("no such thing at offset 7", 7)
    more = pickle.loads(pickle.dumps(HeaderIncomplete("ends early", 3, 99)))
    assert (type(more), more.offset, more.needed_bytes) == (HeaderIncomplete, 3, 99)
