"""What a rectangle needs of a JPEG is found by its restart markers, and decodes to the pixels of the whole."""

import dataclasses
import io
import shutil
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from shards.restarts import Rectangle, Restarts, byte_range, cut, decode_rectangle, find_restarts, interval

ORIGINALS = Path(__file__).parents[3] / "shared/photos/originals"
MCU_PX = {"grey": (8, 8), "4:4:4": (8, 8), "4:2:2": (16, 8), "4:2:0": (16, 16), "4:4:0": (8, 16), "4:1:1": (32, 8)}
_FACTORS = {"4:4:4": 0x111111, "4:2:2": 0x211111, "4:2:0": 0x221111, "4:4:0": 0x121111, "4:1:1": 0x411111}


def jpeg_of(width_px: int, height_px: int, subsampling: str, mcus: int, seed: int = 0) -> bytes:
    """Return a colourful noisy JPEG with a marker every `mcus` MCUs (0: none)."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3)).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_RST_INTERVAL, mcus]
    if subsampling == "grey":
        return cv2.imencode(".jpg", pixels[:, :, 0], options)[1].tobytes()
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[subsampling]]
    return cv2.imencode(".jpg", pixels, options)[1].tobytes()


def whole_of(jpeg: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=False, fastupsample=False)


def only_needed(jpeg: bytes, restarts: Restarts, rectangle: Rectangle) -> np.ndarray:
    """Return the pixels of a rectangle, given no byte more than `byte_range` says."""
    start, end = byte_range(restarts, rectangle)
    return decode_rectangle(restarts, rectangle, jpeg[start:end], start)


def inside(picture: np.ndarray, rectangle: Rectangle) -> np.ndarray:
    x_px, y_px, width_px, height_px = rectangle
    return picture[y_px : y_px + height_px, x_px : x_px + width_px]


@st.composite
def cases(draw: st.DrawFn) -> tuple[bytes, Rectangle]:
    subsampling = draw(st.sampled_from(sorted(MCU_PX)))
    mcu_width_px, mcu_height_px = MCU_PX[subsampling]
    columns, rows = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    width_px = columns * mcu_width_px - draw(st.integers(0, mcu_width_px - 1))
    height_px = rows * mcu_height_px - draw(st.integers(0, mcu_height_px - 1))
    mcus = draw(st.sampled_from([number for number in range(1, columns + 1) if columns % number == 0]))
    x_px, y_px = draw(st.integers(0, width_px - 1)), draw(st.integers(0, height_px - 1))
    size = draw(st.integers(1, width_px - x_px)), draw(st.integers(1, height_px - y_px))
    return jpeg_of(width_px, height_px, subsampling, mcus, draw(st.integers(0, 3))), (x_px, y_px, *size)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases())
def test_a_rectangle_decodes_as_in_the_whole_picture(case: tuple[bytes, Rectangle]) -> None:
    jpeg, rectangle = case
    assert (only_needed(jpeg, find_restarts(jpeg), rectangle) == inside(whole_of(jpeg), rectangle)).all()


@pytest.mark.parametrize("subsampling", sorted(MCU_PX))
@pytest.mark.parametrize("width_px", [34, 36, 37])
def test_every_column_and_row_of_a_small_picture(subsampling: str, width_px: int) -> None:
    """Narrow pieces at the right edge: libjpeg enlarges the chroma of pictures of up to 4 px otherwise."""
    jpeg = jpeg_of(width_px, 35, subsampling, 1)
    restarts, whole = find_restarts(jpeg), whole_of(jpeg)
    for x_px in range(width_px):
        for y_px in (0, 15, 16, 17, 31, 32, 34):
            pixel = (x_px, y_px, 1, 1)
            assert (only_needed(jpeg, restarts, pixel) == inside(whole, pixel)).all()


@pytest.mark.parametrize("subsampling", sorted(MCU_PX))
def test_a_rectangle_is_made_of_few_of_the_bytes(subsampling: str) -> None:
    mcu_width_px, mcu_height_px = MCU_PX[subsampling]
    jpeg = jpeg_of(16 * mcu_width_px, 16 * mcu_height_px, subsampling, 2)
    restarts = find_restarts(jpeg)
    rectangle = (5 * mcu_width_px, 5 * mcu_height_px, mcu_width_px, mcu_height_px)
    start, end = byte_range(restarts, rectangle)
    assert (end - start) / len(jpeg) < 3 / 16
    piece = cut(restarts, rectangle, jpeg[start:end], start)
    assert len(piece.jpeg) - len(restarts.header) < (3 * 2 / 8 / 16 + 0.02) * len(jpeg)


def test_any_decoder_reads_what_is_cut() -> None:
    jpeg = jpeg_of(200, 120, "4:2:0", 1)
    piece = cut(find_restarts(jpeg), (50, 40, 100, 60), jpeg, 0)
    image = Image.open(io.BytesIO(piece.jpeg))
    image.load()
    assert image.size == (128, 80)  # from the MCU at 32,32 to the end of the one at 144,96
    assert (piece.x_px, piece.y_px) == (18, 8)


def test_the_index_says_what_the_bytes_are() -> None:
    jpeg = jpeg_of(200, 120, "4:2:0", 13)
    restarts = find_restarts(jpeg)
    assert (restarts.width_px, restarts.height_px, restarts.mcu_width_px, restarts.mcu_height_px) == (200, 120, 16, 16)
    assert (restarts.mcus, len(restarts.segment_bytes)) == (13, 8)
    assert len(restarts.header) + int(restarts.segment_bytes.sum()) + 2 * 8 == len(jpeg)
    assert restarts.checksums is not None
    assert (restarts.checksums[0], restarts.checksums[-1]) == (zlib.crc32(restarts.header), zlib.crc32(jpeg))
    assert restarts.segment_bytes.dtype == restarts.checksums.dtype == np.uint32


@pytest.mark.parametrize(
    ("columns", "wish", "mcus"),
    [(64, 8, 8), (64, 0, 0), (64, 100, 64), (60, 8, 10), (252, 8, 9), (255, 8, 5), (7, 8, 7), (11, 2, 1), (1, 8, 1)],
)
def test_an_interval_divides_the_row_and_is_near_the_wish(columns: int, wish: int, mcus: int) -> None:
    assert interval(columns, wish) == mcus


def test_nonsense_has_no_interval() -> None:
    with pytest.raises(ValueError, match="0 columns of MCUs, 8 wanted"):
        interval(0, 8)


@pytest.mark.parametrize(
    ("jpeg", "message"),
    [
        (jpeg_of(64, 64, "4:2:0", 0), "no restart markers: the JPEG has no restart index and must be decoded whole"),
        (jpeg_of(64, 64, "4:2:0", 3), "segments of 3 MCUs do not divide a row of 4"),
        (jpeg_of(64, 64, "4:2:0", 8), "segments of 8 MCUs do not divide a row of 4"),
        (jpeg_of(64, 64, "4:2:0", 2) + b"more", "4 bytes behind the end of the image"),
        (jpeg_of(64, 64, "4:2:0", 2)[:-2], "8 segments of 2 MCUs end with as many markers, found are 7"),
        (jpeg_of(64, 64, "4:2:0", 2).replace(b"\xff\xd3", b"\xff\xd5"), r"marker 0xD5 at byte \d+ where 0xD3 must"),
        (b"GIF89a", "not a JPEG"),
        (b"", "not a JPEG: empty file"),
    ],
)
def test_other_jpegs_have_no_index(jpeg: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_restarts(jpeg)


def test_a_progressive_jpeg_and_one_of_several_scans_have_no_index() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64)).save(stream, "JPEG", progressive=True, restart_marker_blocks=4)
    with pytest.raises(ValueError, match="progressive coding of 8 bits has no restart index"):
        find_restarts(stream.getvalue())


def test_a_huge_frame_without_segments_costs_nothing() -> None:
    jpeg = bytearray(jpeg_of(64, 64, "4:2:0", 2))
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = b"\xff\xff\xff\xe0"
    with pytest.raises(ValueError, match=r"8384512 segments of 2 MCUs end with as many markers, found are 8"):
        find_restarts(bytes(jpeg))


@pytest.mark.parametrize("rectangle", [(-1, 0, 5, 5), (0, 0, 201, 5), (0, 0, 0, 5), (5, 5, 5, -1), (190, 110, 11, 5)])
def test_a_rectangle_must_lie_in_the_picture(rectangle: Rectangle) -> None:
    jpeg = jpeg_of(200, 120, "4:2:0", 1)
    with pytest.raises(ValueError, match="leaves the picture of 200x120 px"):
        decode_rectangle(find_restarts(jpeg), rectangle, jpeg, 0)


@pytest.mark.parametrize("change", [(0, -1), (1, 0)])
def test_too_few_bytes_are_refused(change: tuple[int, int]) -> None:
    jpeg, rectangle = jpeg_of(200, 120, "4:2:0", 1), (50, 40, 100, 60)
    restarts = find_restarts(jpeg)
    start, end = byte_range(restarts, rectangle)
    start, end = start + change[0], end + change[1]
    with pytest.raises(ValueError, match="the JPEG is truncated, or the index is not of it"):
        cut(restarts, rectangle, jpeg[start:end], start)


def test_one_flipped_bit_in_any_byte_that_is_used_is_found_and_its_segment_named() -> None:
    jpeg, rectangle = jpeg_of(100, 60, "4:2:0", 1), (20, 20, 40, 20)
    restarts = find_restarts(jpeg)
    start, end = byte_range(restarts, rectangle)
    used = {7 * row + column for row in range(1, 3) for column in range(1, 4)}
    for place in range(start, end):
        damaged = bytearray(jpeg)
        damaged[place] ^= 1 << place % 8
        number = int(np.searchsorted(restarts.starts, place, side="right")) - 1
        if number in used:
            with pytest.raises(ValueError, match=f"^segment {number} of 28 is damaged: CRC-32"):
                decode_rectangle(restarts, rectangle, bytes(damaged[start:end]), start)
        else:
            decode_rectangle(restarts, rectangle, bytes(damaged[start:end]), start)


def test_one_flipped_bit_in_the_index_is_found() -> None:
    jpeg = jpeg_of(100, 60, "4:2:0", 1)
    restarts = find_restarts(jpeg)
    assert restarts.checksums is not None
    for place in range(0, 8 * len(restarts.header), 11):
        header = bytearray(restarts.header)
        header[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError):
            decode_rectangle(dataclasses.replace(restarts, header=bytes(header)), (20, 20, 40, 20), jpeg, 0)
    lengths, checksums = restarts.segment_bytes.copy(), restarts.checksums.copy()
    lengths[8] ^= 4
    checksums[11] ^= 1 << 31
    for changed in ({"segment_bytes": lengths}, {"checksums": checksums}, {"mcus": 7}):
        with pytest.raises(ValueError):
            decode_rectangle(dataclasses.replace(restarts, **changed), (20, 20, 40, 20), jpeg, 0)


def test_parts_of_an_index_must_fit_each_other() -> None:
    restarts = find_restarts(jpeg_of(100, 60, "4:2:0", 1))
    short = dataclasses.replace(restarts, segment_bytes=restarts.segment_bytes[:-1])
    with pytest.raises(ValueError, match="27 lengths of segments, and the checksums, do not fit 4 rows of 7 segments"):
        byte_range(short, (0, 0, 1, 1))


def test_without_checksums_the_decoder_alone_says_what_is_damaged() -> None:
    jpeg = jpeg_of(100, 60, "4:2:0", 1)
    restarts = find_restarts(jpeg, with_checksums=False)
    assert restarts.checksums is None
    assert (only_needed(jpeg, restarts, (20, 20, 40, 20)) == inside(whole_of(jpeg), (20, 20, 40, 20))).all()
    start, end = byte_range(restarts, (20, 20, 40, 20))
    with pytest.raises(ValueError):
        decode_rectangle(restarts, (20, 20, 40, 20), bytes(end - start), start)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_hostile_bytes_are_refused_or_decoded_and_nothing_else(data: st.DataObject) -> None:
    jpeg = bytearray(jpeg_of(64, 48, data.draw(st.sampled_from(sorted(MCU_PX))), 1))
    for _ in range(data.draw(st.integers(1, 4))):
        jpeg[data.draw(st.integers(0, len(jpeg) - 1))] = data.draw(st.integers(0, 255))
    hostile = bytes(jpeg[: data.draw(st.integers(len(jpeg) // 2, len(jpeg)))])
    try:
        restarts = find_restarts(hostile, with_checksums=False)
        rectangle = (0, 0, min(20, restarts.width_px), min(20, restarts.height_px))
        pixels = only_needed(hostile, restarts, rectangle)
    except ValueError:
        return
    assert pixels.shape == (rectangle[3], rectangle[2], 3)


@pytest.mark.photos
@pytest.mark.skipif(not ORIGINALS.is_dir(), reason="needs the shared photographs")
@pytest.mark.skipif(shutil.which("jpegtran") is None, reason="needs jpegtran")
@pytest.mark.parametrize("camera", ["canon-eos-1100d", "iphone-11", "nikon-d90", "pixel-5"])
def test_rectangles_of_real_photographs(camera: str) -> None:
    photo = min((ORIGINALS / camera).iterdir()).read_bytes()
    header = subprocess.run(["jpegtran", "-copy", "none", "-optimize"], input=photo, capture_output=True, check=True)
    size = Image.open(io.BytesIO(header.stdout)).size
    sampled = 16 if b"\x03\x01\x22" in header.stdout[:1000] or b"\x03\x01\x21" in header.stdout[:1000] else 8
    mcus = interval(-(-size[0] // sampled), 8)
    marked = subprocess.run(
        ["jpegtran", "-copy", "none", "-optimize", "-restart", f"{mcus}B"], input=photo, capture_output=True, check=True
    ).stdout
    restarts, whole = find_restarts(marked), whole_of(marked)
    generator = np.random.default_rng(0)
    for edge_px in (1, 112, 480, 700):
        for _ in range(5):
            x_px, y_px = (int(generator.integers(free - edge_px + 1)) for free in size)
            rectangle = (x_px, y_px, edge_px, edge_px)
            assert (only_needed(marked, restarts, rectangle) == inside(whole, rectangle)).all()
    rest = (size[0] - 333, size[1] - 222, 333, 222)
    assert (only_needed(marked, restarts, rest) == inside(whole, rest)).all()
