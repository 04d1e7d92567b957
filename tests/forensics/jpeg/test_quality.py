"""Quantisation and Huffman tables, and the quality factor estimated from them."""

import struct

import numpy as np
import pytest
from PIL import Image

from forensics.header import read_facts
from forensics.jpeg.quality import estimate_quality_factor, quality_name, quality_text, scaled_tables
from forensics.jpeg.tables import CHROMA_QUANTISATION, LUMA_QUANTISATION, ZIGZAG_OF_NATURAL


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_estimate_is_the_encoders_quality_from_1_to_100_without_residual(jpeg, mode):
    for quality in range(1, 101):
        facts = read_facts(jpeg(size=(16, 16), mode=mode, quality=quality), whole=True)
        assert (facts.quality_factor, facts.quality_residual) == (quality, 0.0)


def test_tables_are_in_natural_order_luma_first(jpeg, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(quality=50))
    facts = read_facts(path.read_bytes(), whole=True)
    assert facts.quantisation_tables == (LUMA_QUANTISATION, CHROMA_QUANTISATION)
    with Image.open(path) as image:
        assert [tuple(table) for table in image.quantization.values()] == list(facts.quantisation_tables)


def test_tables_of_a_camera_of_its_own_have_the_nearest_factor_and_its_distance():
    luma, chroma = scaled_tables(96)
    off = (tuple(entry + 1 for entry in luma), tuple(entry - 1 for entry in chroma))
    factor, residual = estimate_quality_factor(off)
    assert factor == 96
    assert residual == pytest.approx(1.0)


def test_the_residual_is_the_root_mean_square_over_all_entries():
    luma, chroma = scaled_tables(90)
    changed = (luma[0] + 16, *luma[1:])
    factor, residual = estimate_quality_factor((changed, chroma))
    assert (factor, residual) == (90, pytest.approx((16**2 / 128) ** 0.5))


def test_the_estimate_minimises_over_all_factors():
    rng = np.random.default_rng(7)
    tables = tuple(tuple(int(entry) for entry in rng.integers(1, 60, 64)) for _ in range(2))
    factor, residual = estimate_quality_factor(tables)
    distances = {
        candidate: float(np.sqrt(np.mean((np.array(scaled_tables(candidate)) - np.array(tables)) ** 2)))
        for candidate in range(1, 101)
    }
    assert distances[factor] == min(distances.values()) == pytest.approx(residual)


def test_tables_of_ones_are_factor_100():
    assert estimate_quality_factor(((1,) * 64, (1,) * 64)) == (100, 0.0)


def test_a_third_table_is_compared_with_chroma():
    luma, chroma = scaled_tables(85)
    assert estimate_quality_factor((luma, chroma, chroma)) == (85, 0.0)


def test_tables_of_16_bits_have_no_factor_but_are_read(jpeg):
    data = jpeg(mode="L", quality=50)
    start = data.index(b"\xff\xdb")
    length = struct.unpack(">H", data[start + 2 : start + 4])[0]
    entries = [300 + index for index in range(64)]
    wide = b"\xff\xdb" + struct.pack(">HB64H", 131, 0x10, *entries)
    facts = read_facts(data[:start] + wide + data[start + 2 + length :], whole=True)
    assert (facts.quality_factor, facts.quality_residual) == (None, None)
    assert facts.quantisation_tables == (tuple(entries[place] for place in ZIGZAG_OF_NATURAL),)


def test_a_table_defined_twice_counts_as_last_defined(jpeg, insert, segment):
    early = segment(0xDB, b"\x00" + bytes([7] * 64) + b"\x01" + bytes([9] * 64))
    data = jpeg(quality=80)
    assert read_facts(insert(data, early), whole=True).quality_factor == 80
    frame = data.index(b"\xff\xc0")
    facts = read_facts(data[:frame] + early + data[frame:], whole=True)
    assert facts.quantisation_tables == ((7,) * 64, (9,) * 64)


def test_tables_no_component_uses_are_left_out(jpeg, insert, segment):
    data = insert(jpeg(quality=80), segment(0xDB, b"\x02" + bytes([7] * 64) + b"\x03" + bytes([9] * 64)))
    facts = read_facts(data, whole=True)
    assert (len(facts.quantisation_tables), facts.quality_factor, facts.quality_residual) == (2, 80, 0.0)


def test_luma_comes_first_though_it_is_defined_last_and_in_another_slot(jpeg):
    data = bytearray(jpeg(quality=75))
    frame = data.index(b"\xff\xc0")
    for place in (frame + 12, frame + 15, frame + 18):
        data[place] ^= 1  # components 1, 2, 3 now name tables 1, 0, 0
    for start in (position for position in range(frame) if data[position : position + 2] == b"\xff\xdb"):
        data[start + 4] ^= 1
    assert read_facts(bytes(data), whole=True).quality_factor == 75


def test_huffman_tables_of_the_standard_are_known_from_optimised_ones(jpeg):
    assert read_facts(jpeg(), whole=True).huffman == "standard"
    assert read_facts(jpeg(mode="L"), whole=True).huffman == "standard"
    assert read_facts(jpeg(optimize=True), whole=True).huffman == "optimised"


def test_one_changed_symbol_makes_huffman_tables_optimised(jpeg):
    data = jpeg()
    last = data.rindex(b"\xf9\xfa")
    assert read_facts(data[:last] + b"\xfa\xf9" + data[last + 2 :], whole=True).huffman == "optimised"


def test_a_header_without_huffman_tables_says_none(jpeg):
    data = jpeg()
    first, scan = data.index(b"\xff\xc4"), data.index(b"\xff\xda")
    assert read_facts(data[:first] + data[scan:], whole=True).huffman == "none"


@pytest.mark.parametrize(
    ("factor", "residual", "name", "text"),
    [
        (91, 0.0, "91", "quality 91"),
        (94, 1.51, "94", "quality 94"),
        (94, 2.0, "own", "own tables, nearest 94"),
        (96, 3.75, "own", "own tables, nearest 96"),
        (91, None, "91", "quality 91"),
        (None, None, None, "no factor"),
    ],
)
def test_tables_far_from_all_of_the_ijgs_are_shown_as_own(factor, residual, name, text):
    assert (quality_name(factor, residual), quality_text(factor, residual)) == (name, text)
