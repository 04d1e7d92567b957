"""The quality factor of a first compression, told from the histograms that a second one leaves."""

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from forensics.header import read_facts
from forensics.jpeg.quality import scaled_tables
from forensics.pixels.first_quality import LEAST_GAIN, first_quality


def texture(seed: int = 1, height: int = 384, width: int = 448) -> np.ndarray:
    """Return a grey picture never compressed: shapes of all sizes and some grain."""
    rng = np.random.default_rng(seed)
    total = rng.normal(0, 2, (height, width))
    for cell in (4, 8, 16, 32):
        coarse = Image.fromarray(rng.normal(size=(height // cell, width // cell)).astype(np.float32))
        total += 1.2 * cell * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(128 + total / 2, 0, 255).astype(np.uint8)


def saved(luma: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=quality)
    file.seek(0)
    return np.asarray(Image.open(file))


def luma_table(quality: int) -> tuple[int, ...]:
    return scaled_tables(quality)[0]


@pytest.mark.parametrize(("first", "last"), [(60, 90), (70, 95), (80, 95), (90, 95), (75, 98)])
def test_the_first_factor_of_a_picture_saved_twice_is_told(first, last):
    found = first_quality(saved(saved(texture(), first), last), luma_table(last))
    assert abs(found.factor - first) <= 1
    assert found.gain > 2 * LEAST_GAIN


@pytest.mark.parametrize("quality", [60, 75, 90, 95, 98])
def test_a_picture_saved_once_has_none(quality):
    assert first_quality(saved(texture(), quality), luma_table(quality)) is None


@pytest.mark.parametrize(("first", "last"), [(95, 80), (90, 90), (98, 95)])
def test_a_first_compression_no_harder_than_the_last_cannot_be_told(first, last):
    assert first_quality(saved(saved(texture(), first), last), luma_table(last)) is None


def test_a_first_compression_on_another_grid_leaves_no_such_trace():
    assert first_quality(saved(saved(texture(), 70)[5:, 3:], 95), luma_table(95)) is None


def test_a_table_of_a_camera_of_its_own_may_come_last():
    own = [max(1, entry - 1 + index % 2) for index, entry in enumerate(luma_table(94))]
    file = io.BytesIO()
    Image.fromarray(saved(texture(), 75)).save(file, "JPEG", qtables=[own])
    file.seek(0)
    found = first_quality(np.asarray(Image.open(file)), read_facts(file.getvalue(), whole=True).quantisation_tables[0])
    assert abs(found.factor - 75) <= 1


def test_frames_larger_than_the_crop_are_looked_at_on_their_own_grid():
    found = first_quality(saved(saved(texture(height=648, width=744), 75), 95), luma_table(95))
    assert abs(found.factor - 75) <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_flat_and_nearly_black_pictures_are_too_plain_to_tell(level):
    assert first_quality(np.full((256, 256), level, np.uint8), luma_table(95)) is None
    noise = np.random.default_rng(4).normal(0, 2, (256, 256))
    faint = np.clip(level + noise, 0, 255).astype(np.uint8)
    assert first_quality(saved(saved(faint, 50), 95), luma_table(95)) is None


def test_frames_below_128_px_on_a_side_say_nothing():
    luma = saved(saved(texture(), 70), 95)
    assert first_quality(luma[:127], luma_table(95)) is None
    assert first_quality(luma[:, :127], luma_table(95)) is None
    assert first_quality(luma[:0], luma_table(95)) is None
    assert first_quality(luma[:128, :128], luma_table(95)) is not None


def test_a_hostile_table_with_zeros_says_nothing():
    assert first_quality(saved(texture(), 90), (0,) * 64) is None


def test_the_answer_is_the_same_each_time():
    luma = saved(saved(texture(), 75), 95)
    assert first_quality(luma, luma_table(95)) == first_quality(luma.copy(), luma_table(95))


def test_arrays_and_tables_of_other_shapes_are_refused_in_words():
    with pytest.raises(ValueError, match="2 axes, this array has 3"):
        first_quality(np.zeros((256, 256, 3), np.uint8), luma_table(90))
    with pytest.raises(ValueError, match="64 entries, this one has 63"):
        first_quality(np.zeros((256, 256), np.uint8), luma_table(90)[:63])


@pytest.mark.photos
def test_an_original_was_compressed_once_and_its_copy_of_a_copy_twice(shared_photos: Path):
    data = sorted((shared_photos / "originals" / "iphone-11").glob("*.jpg"))[0].read_bytes()
    luma = simplejpeg.decode_jpeg(data, "GRAY")[..., 0]
    assert first_quality(luma, read_facts(data, whole=True).quantisation_tables[0]) is None
    twice = saved(saved(luma[800:1312, 800:1312], 80), 95)
    assert abs(first_quality(twice, luma_table(95)).factor - 80) <= 1
