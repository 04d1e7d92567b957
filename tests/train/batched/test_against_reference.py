"""Batches are equal to what the loaders make of single crops, and their JPEG to what Pillow makes, bit by bit.

Only resizing may differ, by one level.
"""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from train.batched import bicubic, gamma, jpeg
from train.data import manipulations
from train.data.crops import decode

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
ORIGINALS = Path(__file__).parents[4] / "shared" / "photos" / "originals"
Picture = manipulations.Picture


def batch_of(pictures: list[Picture], device: str = "cpu") -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(device)


def pictures_of(batch: torch.Tensor) -> np.ndarray:
    return batch.permute(0, 2, 3, 1).cpu().numpy()


def drawn(seed: int, height_px: int, width_px: int) -> list[Picture]:
    """Noise of all values, of the two extremes, of little contrast, and a flat picture."""
    rng, shape = np.random.default_rng(seed), (height_px, width_px, 3)
    return [
        rng.integers(0, 256, shape, dtype=np.uint8),
        (rng.integers(0, 2, shape) * 255).astype(np.uint8),
        np.clip(rng.normal(rng.integers(256), 9, shape), 0, 255).astype(np.uint8),
        np.full(shape, rng.integers(256), np.uint8),
    ]


def by_pillow(picture: Picture, quality_factor: int) -> Picture:
    """Return the picture saved by Pillow, with its defaults but for the quality, and opened again."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality_factor, subsampling="4:2:0")
    return np.asarray(Image.open(file))


sizes = st.integers(1, 70)


@pytest.mark.parametrize("device", DEVICES)
@given(
    seed=st.integers(0, 2**32),
    height_px=sizes,
    width_px=sizes,
    factors=st.lists(st.integers(1, 100), min_size=4, max_size=4),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_jpeg_is_libjpegs_to_the_bit(device: str, seed: int, height_px: int, width_px: int, factors: list[int]) -> None:
    pictures = drawn(seed, height_px, width_px)
    expected = [by_pillow(each, factor) for each, factor in zip(pictures, factors, strict=True)]
    assert (pictures_of(jpeg.compress(batch_of(pictures, device), factors)) == np.stack(expected)).all()


@pytest.mark.parametrize("device", DEVICES)
def test_jpeg_is_equal_at_every_quality_factor_in_one_batch(device: str) -> None:
    """Of sizes that fill MCUs, and that leave one, eight and nine pixels in the last."""
    factors = list(range(1, 101))
    for height_px, width_px in ((48, 32), (33, 41), (40, 24)):
        pictures = [drawn(factor, height_px, width_px)[factor % 3] for factor in factors]
        expected = [by_pillow(each, factor) for each, factor in zip(pictures, factors, strict=True)]
        assert (pictures_of(jpeg.compress(batch_of(pictures, device), factors)) == np.stack(expected)).all()


@pytest.mark.skipif(not ORIGINALS.exists(), reason="needs the shared collection of real photographs")
@pytest.mark.photos
def test_crops_of_real_photographs_are_equal_too() -> None:
    for file in [min(folder.glob("*.*")) for folder in sorted(ORIGINALS.iterdir())][:2]:
        whole = decode(file.read_bytes())
        y_px, x_px = whole.shape[0] // 3, whole.shape[1] // 3
        pictures = [whole[y_px + k * 40 :, x_px:][:112, :112] for k in range(3)]
        for factors in ([70, 80, 90], [30, 50, 99]):
            expected = [by_pillow(each, factor) for each, factor in zip(pictures, factors, strict=True)]
            assert (pictures_of(jpeg.compress(batch_of(pictures), factors)) == np.stack(expected)).all()
        for scale in (0.5, 0.8, 1.5, 2.0):
            assert differences(pictures, scale).max() <= 1


@pytest.mark.parametrize(("factors", "crops"), [([70], 2), ([0, 70], 2), ([70, 101], 2)])
def test_quality_factors_that_are_none_are_refused(factors: list[int], crops: int) -> None:
    with pytest.raises(ValueError, match=r"quality factors \[.*\] for 2 crops; needed is one of 1 to 100 each"):
        jpeg.compress(torch.zeros(crops, 3, 16, 16, dtype=torch.uint8), factors)


def differences(pictures: list[Picture], scale: float, device: str = "cpu") -> np.ndarray:
    made = pictures_of(bicubic.resize(batch_of(pictures, device), scale))
    return np.abs(made.astype(int) - np.stack([manipulations.resize(each, scale) for each in pictures]))


@pytest.mark.parametrize("device", DEVICES)
@given(seed=st.integers(0, 2**32), height_px=sizes, width_px=sizes, scale=st.floats(0.25, 3.0))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_resizing_is_opencvs_within_one_level(
    device: str, seed: int, height_px: int, width_px: int, scale: float
) -> None:
    assert differences(drawn(seed, height_px, width_px), scale, device).max() <= 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [0.5, 0.8, 1.5, 2.0])
def test_few_values_of_resized_crops_differ_at_all(device: str, scale: float) -> None:
    assert (differences(drawn(1, 112, 120)[:3], scale, device) > 0).mean() < 0.1


@pytest.mark.parametrize("device", DEVICES)
def test_gamma_is_each_crops_own_to_the_bit(device: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    gammas = np.linspace(0.25, 1.75, 31).tolist()
    made = pictures_of(gamma.correct_gamma(batch_of([ramp] * len(gammas), device), gammas))
    assert (made == np.stack([manipulations.correct_gamma(ramp, each) for each in gammas])).all()
    with pytest.raises(ValueError, match="2 gammas for 1 crops"):
        gamma.correct_gamma(batch_of([ramp]), [0.8, 1.2])
