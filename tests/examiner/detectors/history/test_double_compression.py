"""What the histograms of coefficients say of an earlier compression, and where it is missing."""

import io

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from examiner.detectors.history.double_compression import doubled, past_map, without_past
from forensics.jpeg.quality import scaled_tables


def photograph(seed: int = 14, side: int = 512) -> Image.Image:
    """A scene of smooth shapes under noise, never compressed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (side // 16, side // 16, 3), np.uint8))
    smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.float64)
    return Image.fromarray(np.clip(smooth * 0.8 + 25 + random.normal(0, 5, (side, side, 1)), 0, 255).astype(np.uint8))


def saved(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return file.getvalue()


def again(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def luma(data: bytes) -> np.ndarray:
    return simplejpeg.decode_jpeg(data, "GRAY", fastdct=False)[..., 0]


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return photograph()


@pytest.mark.parametrize("last", [75, 90, 98])
def test_a_picture_saved_once_gains_nothing_from_a_past(picture: Image.Image, last: int) -> None:
    found = doubled(luma(saved(picture, last)), scaled_tables(last)[0])
    assert found is not None
    assert found.gain < 2e-3


@pytest.mark.parametrize(("first", "last"), [(60, 95), (70, 90), (80, 98), (85, 95)])
def test_an_earlier_harder_compression_is_found_with_its_factor(picture: Image.Image, first: int, last: int) -> None:
    found = doubled(luma(saved(again(saved(picture, first)), last)), scaled_tables(last)[0])
    assert found is not None
    assert found.gain > 2e-3
    assert abs(found.factor - first) <= 2


def test_an_earlier_milder_compression_is_found_as_well(picture: Image.Image) -> None:
    found = doubled(luma(saved(again(saved(picture, 90)), 75)), scaled_tables(75)[0])
    assert found is not None
    assert found.gain > 2e-3


def test_where_the_past_is_missing_is_where_something_was_pasted(picture: Image.Image) -> None:
    montage = again(saved(picture, 65))
    montage.paste(photograph(15).crop((5, 3, 133, 131)), (160, 288))
    data = saved(montage, 95)
    table = scaled_tables(95)[0]
    found = doubled(luma(data), table)
    assert found is not None
    region = without_past(past_map(luma(data), table, found))
    assert region is not None
    assert region.nats > 500
    assert np.abs(np.array(region.cells) - np.array([160, 288, 128, 128]) / 32).max() <= 1


def test_the_past_of_a_whole_picture_is_nowhere_missing(picture: Image.Image) -> None:
    data = saved(again(saved(picture, 65)), 95)
    table = scaled_tables(95)[0]
    found = doubled(luma(data), table)
    assert found is not None
    region = without_past(past_map(luma(data), table, found))
    assert region is None or region.nats < 20


@pytest.mark.parametrize("shape", [(64, 640), (640, 64)])
def test_too_small_a_picture_says_nothing(shape: tuple[int, int]) -> None:
    assert doubled(np.zeros(shape, np.uint8), scaled_tables(90)[0]) is None


def test_of_few_blocks_nothing_is_said_since_chance_gives_them_a_past() -> None:
    small = photograph(side=248)
    assert doubled(luma(saved(small, 88)), scaled_tables(88)[0]) is None


def test_a_flat_picture_says_nothing() -> None:
    assert doubled(np.full((256, 256), 9, np.uint8), scaled_tables(90)[0]) is None


@pytest.mark.parametrize(
    ("array", "table"), [(np.zeros((9, 9, 3), np.uint8), (1,) * 64), (np.zeros((256, 256), np.uint8), (0,) * 64)]
)
def test_what_is_no_luma_or_no_table_is_refused(array: np.ndarray, table: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="has"):
        doubled(array, table)
