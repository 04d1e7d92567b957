"""Writing rectangles: bare JPEGs with the photograph's coefficients, the best Huffman tables, and restart markers."""

import io
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from forensics.coefficients import Coefficients, read_coefficients, write_rectangle
from forensics.coefficients.huffman import codes_for
from forensics.jpeg.frame import Component, Frame
from forensics.jpeg.segments import header_segments

SAMPLINGS = {
    "4:4:4": ((1, 1), (1, 1)),
    "4:2:2": ((2, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1)),
    "4:4:0": ((1, 2), (1, 1)),
    "4:1:1": ((4, 1), (1, 1)),
    "4:4:4, in other terms": ((3, 2), (3, 2)),
    "4:2:0, in other terms": ((4, 2), (2, 1)),
}


def random_photo(sampling, width_px=83, height_px=45, seed=0):
    """Return a photograph of coefficients over their whole range, with runs of all lengths."""
    generator = np.random.default_rng([seed, width_px, height_px])
    luma, chroma = SAMPLINGS[sampling]
    components = tuple(Component(number, *factors, 0) for number, factors in enumerate((luma, chroma, chroma), 1))
    frame = Frame("baseline", 8, width_px, height_px, components)
    blocks = []
    for component in components:
        rows = -(-height_px * component.vertical // (8 * luma[1]))
        columns = -(-width_px * component.horizontal // (8 * luma[0]))
        values = generator.integers(-1023, 1024, (rows, columns, 64)) >> generator.integers(0, 10, (rows, columns, 64))
        values[generator.random((rows, columns, 64)) < generator.random((rows, columns, 1))] = 0
        blocks.append(values.astype(np.int16))
    return Coefficients(frame, tuple(blocks), (np.full((8, 8), 2, np.uint16),) * 3)


@pytest.mark.parametrize("restart_mcus", [0, 1, 3, 65_535])
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_what_is_written_is_read_again_and_by_other_decoders(sampling, restart_mcus):
    photo = random_photo(sampling)
    jpeg = write_rectangle(photo, 0, 0, 83, 45, restart_mcus=restart_mcus)
    again = read_coefficients(jpeg)
    assert again.frame.subsampling == sampling.partition(",")[0]
    for pair in zip(photo.components, again.components, strict=True):
        assert np.array_equal(*pair)
    plain = write_rectangle(photo, 0, 0, 83, 45)
    decoded = [np.asarray(Image.open(io.BytesIO(each))) for each in (plain, jpeg)]
    assert decoded[0].shape == (45, 83, 3)
    assert np.array_equal(*decoded)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_rectangle_has_the_coefficients_at_its_place(sampling):
    photo = random_photo(sampling, 200, 120)
    mcu_x_px, mcu_y_px = photo.frame.mcu_size_px
    x_px, y_px, width_px, height_px = mcu_x_px, 2 * mcu_y_px, 3 * mcu_x_px, mcu_y_px
    tile = read_coefficients(write_rectangle(photo, x_px, y_px, width_px, height_px))
    for component, whole, part in zip(photo.frame.components, photo.components, tile.components, strict=True):
        luma = photo.frame.components[0]
        row, column = (
            place * factor // most // 8
            for place, factor, most in (
                (y_px, component.vertical, luma.vertical),
                (x_px, component.horizontal, luma.horizontal),
            )
        )
        assert np.array_equal(part, whole[row : row + part.shape[0], column : column + part.shape[1]])


def test_nothing_but_the_picture_is_written(photograph):
    photo = read_coefficients(photograph())
    for restart_mcus, expected in ((0, "DQT SOF0 DHT SOS"), (7, "DQT SOF0 DHT DRI SOS")):
        jpeg = write_rectangle(photo, 16, 32, 64, 48, restart_mcus=restart_mcus)
        segments = header_segments(jpeg, whole=True)
        assert " ".join(segment.name for segment in segments) == expected
        assert jpeg.endswith(b"\xff\xd9")


@pytest.mark.parametrize("restart_mcus", [1, 2, 5, 12])
def test_a_restart_marker_follows_each_so_many_mcus(photograph, restart_mcus):
    jpeg = write_rectangle(read_coefficients(photograph()), 0, 0, 64, 48, restart_mcus=restart_mcus)
    data = jpeg[header_segments(jpeg, whole=True)[-1].end :]
    markers = [found[1][0] - 0xD0 for found in re.finditer(rb"\xff([\xd0-\xd7])", data)]
    assert markers == [number & 7 for number in range(-(-12 // restart_mcus) - 1)]


def test_equal_photographs_give_equal_bytes_and_the_best_tables(photograph):
    plain, optimised = photograph(64, 48), photograph(64, 48, optimize=True)
    written = write_rectangle(read_coefficients(plain), 0, 0, 64, 48)
    assert written == write_rectangle(read_coefficients(optimised), 0, 0, 64, 48)
    data, libjpegs = (each[header_segments(each, whole=True)[-1].end :] for each in (written, optimised))
    assert len(data) == len(libjpegs)  # libjpeg makes its tables by the same procedure


def best_bits(counts):
    """Return how many bits the best code without a longest length takes: that of Huffman's own procedure."""
    left, total = sorted(count for count in counts if count), 0
    left.insert(0, 1)  # the code of ones alone
    while len(left) > 1:
        pair = left.pop(0) + left.pop(0)
        total += pair
        left = sorted([*left, pair])
    return total


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.integers(0, 255), st.integers(1, 10**6), min_size=1, max_size=256))
def test_codes_are_a_prefix_code_of_at_most_16_bits_and_never_of_ones_alone(counted):
    counts = np.zeros(256, np.int64)
    for symbol, count in counted.items():
        counts[symbol] = count
    (bits, symbols), codes = codes_for(counts)
    assert sorted(symbols) == sorted(counted)
    lengths = {symbol: int(codes[symbol]) & 31 for symbol in symbols}
    assert max(lengths.values()) <= 16
    assert list(bits) == [sum(length == size for length in lengths.values()) for size in range(1, 17)]
    texts = [f"{int(codes[symbol]) >> 5:0{lengths[symbol]}b}" for symbol in symbols]
    assert not any("0" not in text for text in texts)
    assert sum(2 ** -len(text) for text in texts) < 1
    assert all(not other.startswith(text) for text, other in zip(sorted(texts), sorted(texts)[1:], strict=False))


def test_codes_are_the_best_unless_they_would_be_too_long():
    generator = np.random.default_rng(0)
    counts = np.zeros(256, np.int64)
    counts[:60] = generator.integers(1, 1000, 60)
    _, codes = codes_for(counts)
    ours = int((counts * (codes & 31).astype(np.int64)).sum())
    assert best_bits(counts.tolist()) - 16 <= ours <= best_bits(counts.tolist())
    steep = np.zeros(256, np.int64)
    steep[:40] = [int(1.618**number) for number in range(40)]  # would take 39 bits
    (bits, _), codes = codes_for(steep)
    assert sum(bits) == 40
    assert int((codes & 31).max()) == 16


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ((8, 0, 64, 64), r"64x64\+8\+0 is off the 16x16 grid"),
        ((0, 0, 64, 40), r"64x40\+0\+0 is off the 16x16 grid"),
        ((192, 0, 16, 64), "not within the photograph of 200x152 px"),
        ((-16, 0, 64, 64), "not within"),
        ((0, 0, 0, 64), "not within"),
    ],
)
def test_a_rectangle_off_the_grid_or_the_photograph_is_refused(photograph, place, reason):
    with pytest.raises(ValueError, match=reason):
        write_rectangle(read_coefficients(photograph()), *place)


@pytest.mark.parametrize("restart_mcus", [-1, 65_536])
def test_an_interval_that_no_header_can_state_is_refused(photograph, restart_mcus):
    with pytest.raises(ValueError, match=r"not within 0\.\.65535"):
        write_rectangle(read_coefficients(photograph()), 0, 0, 64, 48, restart_mcus=restart_mcus)


@pytest.mark.parametrize(("index", "value"), [(0, 2048), (0, -2048), (63, 1024), (1, -1024), (5, -32768)])
def test_coefficients_out_of_the_range_of_8_bits_are_refused(index, value):
    photo = random_photo("4:4:4")
    photo.components[0][0, 0, :] = 0
    photo.components[0][0, 0, index] = value
    with pytest.raises(ValueError, match="out of the baseline range"):
        write_rectangle(photo, 0, 0, 8, 8)
