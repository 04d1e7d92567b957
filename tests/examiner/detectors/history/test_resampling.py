"""Traces of interpolation, and the factors that expect them."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from examiner.detectors.history.resampling import resampled


def grain(side: int = 512) -> Image.Image:
    random = np.random.default_rng(7)
    levels = random.normal(120, 12, (side, side)) + 60 * np.sin(np.arange(side) / 90)[:, None]
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


def in_jpeg(picture: Image.Image, quality: int) -> np.ndarray:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return simplejpeg.decode_jpeg(file.getvalue(), "GRAY", fastdct=False)[..., 0]


@pytest.mark.parametrize("factor", [0.95, 1.1, 1.3, 1.5, 1.7])
def test_a_resized_picture_has_the_traces_that_its_factor_expects(factor: float) -> None:
    side = round(600 * factor)
    found = resampled(in_jpeg(grain(600).resize((side, side), Image.Resampling.BICUBIC), 95))
    assert found is not None
    assert found.evidence > 14
    assert min(abs(each - factor) for each in found.factors) < 0.01


@pytest.mark.parametrize("quality", [75, 90, 98])
def test_blocks_of_a_jpeg_are_not_taken_for_traces(quality: int) -> None:
    found = resampled(in_jpeg(grain(), quality))
    assert found is not None
    assert found.evidence < 14


def test_the_colour_filter_of_a_sensor_is_not_taken_for_traces() -> None:
    levels = np.asarray(grain()).copy()
    levels[::2, ::2] = (levels[::2, ::2].astype(int) + levels[1::2, 1::2]) // 2
    found = resampled(levels)
    assert found is not None
    assert found.evidence < 14


def test_a_regular_pattern_in_one_place_of_the_scene_says_little() -> None:
    levels = np.asarray(grain()).astype(np.float64)
    levels[100:180, 60:200] += 50 * np.sin(np.arange(140) * 2 * np.pi * 0.31)
    found = resampled(np.clip(levels, 0, 255).astype(np.uint8))
    assert found is not None
    assert found.evidence < 14


def test_too_small_a_picture_says_nothing() -> None:
    assert resampled(np.zeros((255, 900), np.uint8)) is None


def test_a_flat_picture_has_no_traces() -> None:
    found = resampled(np.full((300, 300), 200, np.uint8))
    assert found is not None
    assert found.evidence < 1


def test_what_is_no_luma_is_refused() -> None:
    with pytest.raises(ValueError, match="axes"):
        resampled(np.zeros((300, 300, 3), np.uint8))
