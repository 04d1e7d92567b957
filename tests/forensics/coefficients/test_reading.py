"""Reading coefficients: exactly those in the file, or a refusal that says what is wrong and where."""

import io
import re
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from forensics.coefficients import PHOTO_MAX_PX, Coefficients, read_coefficients, write_rectangle
from forensics.errors import JpegError
from forensics.jpeg.segments import header_segments
from forensics.jpeg.tables import STANDARD_HUFFMAN

SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "grey")
SIZES_PX = [(200, 152), (203, 157), (33, 47), (8, 8), (1, 1)]


def pixels(jpeg):
    return simplejpeg.decode_jpeg(jpeg, "RGB", strict=True)


def whole(photo, **options):
    return write_rectangle(photo, 0, 0, photo.frame.width_px, photo.frame.height_px, **options)


def equal(one, other):
    return all(np.array_equal(*pair) for pair in zip(one.components, other.components, strict=True))


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_coefficients_are_those_that_the_standards_procedures_give(photograph, bit_by_bit, subsampling):
    for size_px in ((40, 24), (51, 37)):
        for optimize in (False, True):
            jpeg = photograph(*size_px, subsampling, optimize=optimize)
            blocks = bit_by_bit(jpeg)
            for ours, expected in zip(read_coefficients(jpeg).components, blocks, strict=True):
                assert np.array_equal(ours, expected[: ours.shape[0], : ours.shape[1]])


@pytest.mark.parametrize("restart", [{}, {"restart_marker_blocks": 3}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("size_px", SIZES_PX)
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_a_photograph_written_again_has_the_same_pixels(photograph, subsampling, size_px, restart):
    jpeg = photograph(*size_px, subsampling, **restart)
    photo = read_coefficients(jpeg)
    assert np.array_equal(pixels(whole(photo)), pixels(jpeg))
    assert equal(read_coefficients(whole(photo, restart_mcus=4)), photo)
    assert equal(read_coefficients(photograph(*size_px, subsampling)), photo)


@pytest.mark.parametrize("restart", [{}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_of_a_few_rectangles_the_mcus_that_they_touch_are_read_and_damage_is_found_anywhere(
    photograph, subsampling, restart
):
    jpeg = photograph(203, 157, subsampling, **restart)
    all_of_it, some = read_coefficients(jpeg), read_coefficients(jpeg, [(65, 33, 30, 12), (195, 150, 8, 7)])
    assert not equal(some, all_of_it)
    for place in ((64, 32, 32, 16), (192, 144, 11, 13)):
        assert write_rectangle(some, *place) == write_rectangle(all_of_it, *place)
    assert not any(component.any() for component in read_coefficients(jpeg, []).components)
    with pytest.raises(JpegError):
        read_coefficients(jpeg[:-40], [(0, 0, 8, 8)])


def test_tables_are_in_natural_order_for_each_component(photograph):
    tables = [list(range(1, 65)), [64 - number for number in range(64)]]
    photo = read_coefficients(photograph(qtables=tables, quality=50))
    assert [table.shape for table in photo.tables] == [(8, 8)] * 3
    written = read_coefficients(whole(photo))
    assert all(np.array_equal(*pair) for pair in zip(photo.tables, written.tables, strict=True))
    assert np.array_equal(photo.tables[1], photo.tables[2])
    assert np.array_equal(pixels(whole(photo)), pixels(photograph(qtables=tables, quality=50)))


def several_scans(jpeg: bytes, groups: str = "0 1 2") -> bytes:
    """Return a photograph with its components in scans of their own, each with the Huffman tables made for it."""
    photo = read_coefficients(jpeg)
    segments = {segment.name: segment for segment in header_segments(whole(photo), whole=True)}
    bare = whole(photo)
    parts = [bare[: segments["SOF0"].end]]
    for number, (blocks, table) in enumerate(zip(photo.components, photo.tables, strict=True)):
        height, width = (8 * size for size in blocks.shape[:2])
        frame = replace(photo.frame, width_px=width, height_px=height, components=(photo.frame.components[number],))
        grey = write_rectangle(Coefficients(frame, (blocks,), (table,)), 0, 0, width, height, restart_mcus=3 * number)
        of_grey = {segment.name: segment for segment in header_segments(grey, whole=True)}
        scan = of_grey["SOS"]
        begin = of_grey["DHT"].offset
        parts.append(grey[begin : scan.payload_start + 1] + bytes((number + 1,)) + grey[scan.payload_start + 2 : -2])
    return b"".join(parts) + b"\xff\xd9"


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS[:3])
@pytest.mark.parametrize("size_px", [(64, 48), (67, 35)])
def test_components_in_scans_of_their_own_are_read(photograph, subsampling, size_px):
    jpeg = photograph(*size_px, subsampling)
    apart = several_scans(jpeg)
    assert np.array_equal(pixels(apart), pixels(jpeg))  # so libjpeg reads it, too
    assert equal(read_coefficients(apart), read_coefficients(jpeg))


def test_a_component_without_a_scan_or_with_two_is_damage(photograph):
    apart = several_scans(photograph(64, 48))
    scans = [found.start() for found in re.finditer(rb"\xff\xc4", apart)]
    with pytest.raises(JpegError, match="2 of 3 components are coded"):
        read_coefficients(apart[: scans[2]] + b"\xff\xd9")
    with pytest.raises(JpegError, match="component 2 is coded in two scans"):
        read_coefficients(apart[: scans[2]] + apart[scans[1] :])


def test_the_extended_process_of_8_bits_is_read(photograph):
    jpeg = photograph()
    assert equal(read_coefficients(jpeg.replace(b"\xff\xc0", b"\xff\xc1", 1)), read_coefficients(jpeg))


def test_the_standards_huffman_tables_are_used_where_a_file_has_none(photograph):
    jpeg = photograph()
    segments = header_segments(jpeg, whole=True)
    assert STANDARD_HUFFMAN[0][0][1] in jpeg
    bare = b"".join(jpeg[each.offset : each.end] for each in segments if each.name != "DHT")
    without = jpeg[:2] + bare + jpeg[segments[-1].end :]
    assert np.array_equal(pixels(without), pixels(jpeg))
    assert equal(read_coefficients(without), read_coefficients(jpeg))


def test_a_cameras_oddities_change_no_coefficient(photograph, odd):
    assert equal(read_coefficients(odd(photograph())), read_coefficients(photograph()))


@pytest.mark.parametrize(
    ("stray", "is_harmless"),
    [
        (b"\x5a" * 12, True),
        (b"\x5a" * 13, False),
        (bytes(65_536), True),
        (bytes(65_549), False),
        (b"\x5a" * 4 + bytes(300), True),
        (b"\x5a" * 13 + bytes(300), False),
    ],
)
def test_a_few_bytes_or_zeros_before_the_end_marker_are_harmless(photograph, stray, is_harmless):
    jpeg = photograph(64, 48)
    padded = jpeg[:-2] + stray + b"\xff\xd9"
    if is_harmless:
        assert equal(read_coefficients(padded), read_coefficients(jpeg))
        return
    with pytest.raises(JpegError, match=f"damaged JPEG: {len(stray)} bytes left over before marker 0xD9"):
        read_coefficients(padded)


def test_threads_do_not_disturb_each_other(photograph):
    jpegs = [photograph(200, 152, subsampling, seed) for seed in range(6) for subsampling in SUBSAMPLINGS]
    alone = [whole(read_coefficients(jpeg), restart_mcus=3) for jpeg in jpegs]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda jpeg: whole(read_coefficients(jpeg), restart_mcus=3), jpegs)) == alone


def test_fill_bytes_before_markers_are_harmless(photograph):
    jpeg = photograph(restart_marker_blocks=3)
    scan = header_segments(jpeg, whole=True)[-1].end
    filled = jpeg[:scan] + re.sub(rb"\xff([\xd0-\xd9])", lambda found: b"\xff\xff" + found[0], jpeg[scan:])
    assert np.array_equal(pixels(filled), pixels(jpeg))
    assert equal(read_coefficients(filled), read_coefficients(jpeg))


def test_damage_is_found_and_its_place_named(photograph, damage, odd):
    for data in (damage(photograph()), odd(damage(photograph()))):
        with pytest.raises(JpegError, match="damaged JPEG") as error:
            read_coefficients(data)
        assert header_segments(data, whole=True)[-1].end <= error.value.offset <= len(data)


def test_the_place_of_damage_is_right(photograph):
    jpeg = photograph(restart_marker_blocks=3)
    scan = header_segments(jpeg, whole=True)[-1].end
    markers = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", jpeg) if found.start() > scan]
    at = markers[4]
    without_last_bytes = jpeg[: at - 6] + jpeg[at:]
    with pytest.raises(JpegError, match=r"in MCU 1[2-4] of 130") as error:
        read_coefficients(without_last_bytes)
    assert markers[3] < error.value.offset <= at - 6


def restarts(change):
    """Return what changes the offsets of the first restart markers of a file, in a list."""

    def changed(jpeg):
        scan = header_segments(jpeg, whole=True)[-1].end
        places = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", jpeg) if found.start() > scan]
        return change(jpeg, places)

    return changed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda jpeg, at: jpeg[: at[2] + 1] + b"\xd5" + jpeg[at[2] + 2 :], "RST5 where RST2 must stand"),
        (lambda jpeg, at: jpeg[: at[2]] + jpeg[at[2] + 2 :], "RST3 where RST2 must stand"),
        (lambda jpeg, at: jpeg[: at[2]] + jpeg[at[3] :], "RST3 where RST2 must stand"),
        (lambda jpeg, at: jpeg[: at[2]] + b"\xff\xd2" + jpeg[at[2] :], "RST2 where RST3 must stand"),
        (lambda jpeg, at: jpeg[: at[9]] + b"\xff\xd9", "10 restart segments, not 44"),
        (lambda jpeg, at: jpeg[: at[2]] + b"\x5a\x5a" + jpeg[at[2] :], "data left over before a restart marker"),
        (lambda jpeg, at: jpeg[: at[9]] + jpeg[at[1] :], "bytes left over before marker 0xD"),
    ],
)
def test_restart_markers_that_are_wrong_missing_or_too_many_are_damage(photograph, change, reason):
    with pytest.raises(JpegError, match=reason):
        read_coefficients(restarts(change)(photograph(restart_marker_blocks=3)))


def test_restart_markers_without_an_interval_are_damage(photograph):
    jpeg = photograph(restart_marker_blocks=3)
    at = jpeg.index(b"\xff\xdd")
    with pytest.raises(JpegError, match="the data ends too early"):
        read_coefficients(jpeg[:at] + jpeg[at + 6 :])


def test_a_file_cut_anywhere_is_refused(photograph):
    jpeg = photograph(40, 24, quality=60, restart_marker_blocks=2)
    for length in range(len(jpeg)):
        with pytest.raises(JpegError):
            read_coefficients(jpeg[:length])


def test_more_than_64_coefficients_in_a_block_are_damage(photograph):
    jpeg = photograph(8, 8, "grey")
    segments = header_segments(jpeg, whole=True)
    # DC of size 0; run 15, value 1 five times: places 16, 32, 48, 64
    dht = b"\xff\xc4\x00\x14\x00\x01" + bytes(15) + b"\x00" + b"\xff\xc4\x00\x14\x10\x01" + bytes(15) + b"\xf1"
    header = b"".join(jpeg[each.offset : each.end] for each in segments if each.name in ("DQT", "SOF0"))
    sos = jpeg[segments[-1].offset : segments[-1].end]
    with pytest.raises(JpegError, match="more than 64 coefficients in a block in MCU 0 of 1"):
        read_coefficients(b"\xff\xd8" + header + dht + sos + b"\x2a\xaa\xaa" + b"\xff\xd9")


def of_size(jpeg: bytes, height_px: int, width_px: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height_px.to_bytes(2) + width_px.to_bytes(2) + jpeg[at + 4 :]


def with_16_bit_table(jpeg: bytes) -> bytes:
    at = jpeg.index(b"\xff\xdb")
    table = b"\xff\xdb\x00\x83\x10" + (300).to_bytes(2) * 64
    return jpeg[:at] + table + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]) :]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda make: make(progressive=True), "progressive coding of 8 bits: only baseline"),
        (lambda make: make().replace(b"\xff\xc0", b"\xff\xc9", 1), "arithmetic coding"),
        (lambda make: make().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"), "extended coding of 12 bits"),
        (lambda make: make(keep_rgb=True, subsampling="4:4:4"), "neither grey nor YCbCr"),
        (lambda make: with_16_bit_table(make()), "quantisation table of 16 bits"),
        (lambda make: of_size(make(), 0xFF00, 0xFF00), f"more than a camera takes .{PHOTO_MAX_PX:,} px"),
        (lambda make: of_size(make(), 168, 200), "the data ends too early"),
        (lambda make: of_size(make(), 128, 200), "bytes left over before marker 0xD9"),
        (lambda make: make().replace(b"\xff\xdb", b"\xff\xfe"), "no quantisation table 0"),
        (lambda make: b"", "empty file"),
    ],
)
def test_what_is_not_read_is_refused_by_name(photograph, make, reason):
    with pytest.raises(ValueError, match=reason):
        read_coefficients(make(photograph))


def test_a_small_file_that_claims_a_huge_picture_takes_no_memory(photograph):
    tracemalloc.start()
    try:
        with pytest.raises(JpegError, match="too few bytes for 16000x16000 px"):
            read_coefficients(of_size(photograph(), 16000, 16000))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000  # its coefficients would be 1.5 GB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bits", [b"\x03" + bytes(15), b"\x02" + bytes(15), b"\x01\x02" + bytes(14)])
def test_huffman_tables_with_more_codes_than_their_lengths_allow_are_damage(photograph, bits):
    jpeg = photograph(optimize=True)
    at = jpeg.index(b"\xff\xc4")
    table = b"\xff\xc4" + (19 + sum(bits)).to_bytes(2) + b"\x00" + bits + bytes(range(sum(bits)))
    with pytest.raises(JpegError, match="more codes than its lengths allow"):
        read_coefficients(jpeg[:at] + jpeg[at:].replace(b"\xff\xda", table + b"\xff\xda", 1))


def test_hostile_bytes_end_in_the_right_coefficients_or_a_refusal(photograph):
    generator = np.random.default_rng(0)
    originals = [photograph(48, 40, subsampling, restart_marker_blocks=2) for subsampling in SUBSAMPLINGS]
    outcomes = {"read": 0, "refused": 0}
    for number in range(600):
        data = bytearray(originals[number % len(originals)])
        header = data.index(b"\xff\xda") if number % 2 else len(data)
        for place in generator.integers(2, header, 1 + number % 3):
            data[place] ^= 1 << generator.integers(8) if number % 5 else generator.integers(256)
        try:
            photo = read_coefficients(bytes(data))
            again = whole(photo)
        except ValueError:
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        try:
            theirs = np.asarray(Image.open(io.BytesIO(data)))
        except OSError:  # libjpeg also looks at segments that say nothing of the coefficients
            continue
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(again))), theirs), number
    assert min(outcomes.values()) > 50


@pytest.mark.slow
@pytest.mark.photos
def test_real_photographs_written_again_have_the_same_pixels(shared_photos):
    folders = sorted(folder for folder in (shared_photos / "originals").iterdir() if folder.is_dir())
    assert folders
    for folder in folders:
        original = min(folder.glob("*.jpg")).read_bytes()
        photo = read_coefficients(original)
        assert np.array_equal(pixels(whole(photo, restart_mcus=8)), simplejpeg.decode_jpeg(original, "RGB"))
