"""The compiled loops against what they mean: grid and first quality by their definitions, each block, pixel and
candidate by itself.
"""

import io
from math import comb, log10

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from forensics.jpeg.quality import scaled_tables
from forensics.pixels import first_quality_kernel, grid_kernel
from forensics.pixels.first_quality import _LOW_FREQUENCIES, _ROUNDING, LEAST_GAIN, first_quality
from forensics.pixels.grid import _TRANSFORM, DCT, grid_evidence

F32 = np.float32


def fused(first, second, addend):
    """first * second + addend of 32-bit numbers, rounded once: 64 bits hold their product exactly."""
    return F32(np.float64(first) * np.float64(second) + np.float64(addend))


def along_last(samples, transform):
    """Return the DCT of each 8 samples of the last axis, in 32 bits, term after term."""
    total = F32(samples[..., 0, None] * transform[:, 0])
    for number in range(1, 8):
        total = fused(samples[..., number, None], transform[:, number], total)
    return total


def count_zeros(luma):
    transform = DCT.astype(F32)
    blocks = sliding_window_view(luma.astype(F32), (8, 8))
    of_columns = along_last(blocks.swapaxes(-1, -2), transform).swapaxes(-1, -2)
    is_zero = np.abs(along_last(of_columns, transform)) < F32(0.499)
    is_zero[..., 0, 0] = False
    return is_zero.sum(axis=(-2, -1))


def are_constant(luma):
    blocks = sliding_window_view(luma, (8, 8))
    along_x, along_y = (blocks == blocks[..., :, :1], blocks == blocks[..., :1, :])
    return along_x.all(axis=(-2, -1)) | along_y.all(axis=(-2, -1))


def are_clipped(luma):
    return np.isin(sliding_window_view(luma, (8, 8)), (0, 255)).any(axis=(-2, -1))


def count_votes(zeros, constant):
    """A pixel is inside 64 blocks, which begin at it or up to 7 px above and left of it."""
    votes = np.zeros((8, 8), int)
    around = sliding_window_view(zeros, (8, 8))
    has_most = around == around.max(axis=(-2, -1), keepdims=True)
    for y, x in np.argwhere(has_most.sum(axis=(-2, -1)) == 1):
        down, right = np.argwhere(has_most[y, x])[0]
        votes[(y + down) % 8, (x + right) % 8] += not constant[y + down, x + right]
    return votes


def compare_with_mirrors(zeros, clipped):
    found = np.zeros((8, 8, 2), int)
    for y, x in np.ndindex(8, 8):
        for down in range(zeros.shape[0] // 8 - 1):
            for right in range(zeros.shape[1] // 8 - 1):
                own, mirrored = (8 * down + y, 8 * right + x), (8 * down + (8 - y) % 8, 8 * right + (8 - x) % 8)
                if not clipped[own] and not clipped[mirrored]:
                    found[y, x] += (zeros[own] != zeros[mirrored], zeros[own] > zeros[mirrored])
    return found


def log10_tail(trials, successes, of):
    """log10 of the probability of at least so many successes, each of probability 1 / of."""
    ways = sum(comb(trials, count) * (of - 1) ** (trials - count) for count in range(successes, trials + 1))
    return log10(ways) - trials * log10(of)


def grid_by_definition(luma):
    """Return Grid's six figures for luma of at most 512 px a side; None without votes."""
    zeros = count_zeros(luma)
    votes = count_votes(zeros, are_constant(luma))
    if not votes.any():
        return None
    comparisons = compare_with_mirrors(zeros, are_clipped(luma))
    own, other = {}, {}
    for y, x in np.ndindex(8, 8):
        own[y, x] = 2 * log10(64 * luma.size) + log10_tail(luma.size // 64, votes[y, x] // 64, 64)
        if y % 4 or x % 4:
            other[y, x] = log10(60) + log10_tail(*(int(count) for count in comparisons[y, x]), 2)
        elif (y, x) != (0, 0):
            other[y, x] = own[y, x]
    most, least = max(votes.flat), min(other.values())
    main = next(place for place in own if votes[place] == most)
    strange = next(place for place, nfa in other.items() if nfa < least + 1e-9)
    return main[1], main[0], own[main], strange[1], strange[0], other[strange]


def histogram(steps):
    magnitudes = np.minimum(np.abs(np.rint(steps)), 20)
    return np.stack([(magnitudes == size).mean(axis=1) for size in range(21)], axis=1)


def coefficients(luma):
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = [luma[8 * y : 8 * y + 8, 8 * x : 8 * x + 8] for y in range(rows) for x in range(columns)]
    return np.array([(DCT @ block.astype(float) @ DCT.T).ravel()[_LOW_FREQUENCIES] for block in blocks]).T


def gains(luma, table):
    """Return the gain of each factor 30..99 whose table is harder, in a low frequency, for at most 512 px a side."""
    last = np.array(table)[_LOW_FREQUENCIES][:, None]
    seen, uncompressed = histogram(coefficients(luma) / last), coefficients(luma[4:, 4:])
    rare = 0.5 / (64 * 64)

    def likelihood(expected):
        return (seen * np.log((expected + rare) / (1 + 21 * rare))).sum(axis=1).mean()

    found = {}
    for factor in range(30, 100):
        first = np.array(scaled_tables(factor)[0])[_LOW_FREQUENCIES][:, None]
        if (first > last).any():
            decoded = np.rint(uncompressed / first) * first + _ROUNDING[:, : uncompressed.shape[1]]
            found[factor] = likelihood(histogram(decoded / last)) - likelihood(histogram(uncompressed / last))
    return found


def saved(luma, quality):
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def grain(seed, height, width, level=128, deviation=4.0):
    """Return soft shapes with grain on them."""
    random = np.random.default_rng(seed)
    shapes = Image.fromarray(random.normal(size=(height // 8 + 1, width // 8 + 1)).astype(np.float32))
    soft = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC))
    return (level + 25 * soft + random.normal(0, deviation, (height, width))).clip(0, 255).astype(np.uint8)


def patches(seed, height, width):
    """Return flat patches of 9 x 7 px, many of them black or white."""
    colours = np.random.default_rng(seed).choice([0, 1, 128, 254, 255], (height // 9 + 1, width // 7 + 1))
    return np.kron(colours, np.ones((9, 7))).astype(np.uint8)[:height, :width]


PICTURES = {
    "grain": grain(1, 72, 88),
    "coarse grain": grain(2, 64, 67, deviation=40),
    "clipped": grain(3, 71, 90, level=250),
    "saved": saved(grain(4, 80, 64), 80),
    "cropped and saved again": saved(saved(grain(5, 85, 91), 70)[5:, 3:].copy(), 92),
    "noise": np.random.default_rng(6).integers(0, 256, (65, 80), np.uint8),
    "black and white": np.random.default_rng(7).choice(np.array([0, 255], np.uint8), (66, 64)),
    "patches": patches(8, 79, 81).copy(),
    "ramp": np.add.outer(np.arange(70), np.arange(75)).astype(np.uint8),
    "black": np.zeros((64, 64), np.uint8),
}


@pytest.mark.parametrize("luma", PICTURES.values(), ids=PICTURES)
def test_a_grid_is_what_its_definition_says(luma):
    found, expected = grid_evidence(luma), grid_by_definition(luma)
    assert (found is None) == (expected is None)
    if found is not None:
        assert found[:2] + found[3:5] == expected[:2] + expected[3:5]
        assert found[2::3] == pytest.approx(expected[2::3], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("luma", PICTURES.values(), ids=PICTURES)
def test_zeros_are_counted_as_fused_32_bit_sums_to_the_last_one(luma):
    found = np.empty((luma.shape[0] - 7, luma.shape[1] - 7), np.int8)
    grid_kernel.count_zeros(luma.astype(F32), _TRANSFORM, found)
    assert np.array_equal(found, count_zeros(luma))


# levels that are often equal or clipped, so that most examples have constant, clipped and tied blocks
few_levels = st.tuples(st.integers(8, 26), st.integers(8, 26)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 128, 255]), fill=st.sampled_from([0, 7, 255]))
)


@settings(deadline=None, max_examples=60)
@given(few_levels)
def test_constant_and_clipped_blocks_are_those_that_look_so_one_by_one(luma):
    constant, clipped = grid_kernel.constant_and_clipped(luma)
    assert np.array_equal(constant, are_constant(luma))
    assert np.array_equal(clipped, are_clipped(luma))


@settings(deadline=None, max_examples=60)
@given(few_levels, st.integers(0, 3), st.integers(0, 99))
def test_votes_and_comparisons_are_those_of_each_pixel_and_each_pair(shape_of, most_zeros, seed):
    random = np.random.default_rng(seed)
    zeros = random.integers(0, most_zeros * 20 + 1, shape_of.shape).astype(np.int8)
    flags = random.random(shape_of.shape) < 0.3
    assert np.array_equal(grid_kernel.count_votes(zeros, flags), count_votes(zeros, flags))
    assert np.array_equal(grid_kernel.compare_with_mirrors(zeros, flags), compare_with_mirrors(zeros, flags))


def saved_twice(seed, first, last, height=136, width=152):
    return saved(saved(grain(seed, height, width, deviation=6), first), last)


@pytest.mark.parametrize(("first", "last"), [(60, 92), (75, 95), (50, 98)])
def test_a_first_quality_is_the_candidate_of_the_largest_gain(first, last):
    luma = saved_twice(first, first, last)
    expected = gains(luma, scaled_tables(last)[0])
    factor = max(expected, key=lambda each: (expected[each], each))
    assert expected[factor] > LEAST_GAIN
    found = first_quality(luma, scaled_tables(last)[0])
    assert found.factor == factor
    assert found.gain == pytest.approx(expected[factor], rel=1e-9)


def test_where_no_candidate_gains_there_is_no_first_quality():
    luma, table = saved(grain(9, 128, 140), 95), scaled_tables(95)[0]
    assert max(gains(luma, table).values()) < LEAST_GAIN
    assert first_quality(luma, table) is None
    assert gains(luma, (255,) * 64) == {}
    assert first_quality(luma, (255,) * 64) is None


def test_coefficients_are_those_of_each_block_by_itself():
    luma = grain(10, 61, 75)
    found = first_quality_kernel.coefficients(luma.astype(float, order="C"), DCT, _LOW_FREQUENCIES)
    assert np.allclose(found, coefficients(luma), rtol=0, atol=1e-10)


@pytest.mark.parametrize("shape", [(64, 64), (64, 5000), (5000, 64), (512, 513), (65, 127)])
def test_frames_of_any_shape_and_layout_say_the_same(shape):
    luma = np.random.default_rng(11).normal(128, 3, shape).astype(np.uint8)
    wide = np.repeat(luma, 2, axis=1)[:, ::2]
    frozen = luma.copy()
    frozen.flags.writeable = False
    expected = grid_evidence(luma), first_quality(luma, (3,) * 64)
    for other in (wide, frozen, np.asfortranarray(luma)):
        assert (grid_evidence(other), first_quality(other, (3,) * 64)) == expected


def test_entries_of_16_bits_and_the_largest_coefficients_fit_the_histograms():
    checks = (np.indices((128, 128)).sum(axis=0) % 2 * 255).astype(np.uint8)
    stripes = np.repeat(np.array([0, 255], np.uint8), 4)[np.arange(128) % 8][None].repeat(128, axis=0)
    for luma in (checks, stripes, stripes.T):
        for entry in (1, 255, 65535):
            first_quality(luma, (entry,) * 64)
        counts = first_quality_kernel.histograms(
            first_quality_kernel.coefficients(luma.astype(float, order="C"), DCT, _LOW_FREQUENCIES),
            _ROUNDING,
            np.ones((9, 30), np.bool_),
            np.ones(9, np.int64),
        )
        assert (counts.sum(axis=2) == 256).all()
