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
from train.batched.windows import cut, turned
from train.data import crops, manipulations
from train.data.crops import decode

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
ORIGINALS = Path(__file__).parents[4] / "shared" / "photos" / "originals"
Picture = manipulations.Picture


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Tensors here are small, and threads that wait for each other cost more than they bring."""
    torch.set_num_threads(1)


def batch_of(pictures: list[Picture], device: str = "cpu") -> torch.Tensor:
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(device)


def one_after_the_other(pictures: list[Picture], device: str = "cpu") -> tuple[torch.Tensor, torch.Tensor]:
    """Return the pixels of pictures of any sizes, and where each begins and how large it is."""
    pixels = np.concatenate([each.reshape(-1, 3) for each in pictures])
    firsts = np.cumsum([0, *(each.shape[0] * each.shape[1] for each in pictures)])[:-1]
    windows = [(first, *each.shape[:2]) for first, each in zip(firsts.tolist(), pictures, strict=True)]
    return torch.from_numpy(pixels).to(device), torch.tensor(windows, device=device)


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
    assert (
        pictures_of(jpeg.compress(batch_of(pictures, device), torch.tensor(factors, device=device)))
        == np.stack(expected)
    ).all()


@pytest.mark.parametrize("device", DEVICES)
def test_jpeg_is_equal_at_every_quality_factor_in_one_batch(device: str) -> None:
    """Of sizes that fill MCUs, and that leave one, eight and nine pixels in the last."""
    factors = list(range(1, 101))
    for height_px, width_px in ((48, 32), (33, 41), (40, 24)):
        pictures = [drawn(factor, height_px, width_px)[factor % 3] for factor in factors]
        expected = [by_pillow(each, factor) for each, factor in zip(pictures, factors, strict=True)]
        assert (
            pictures_of(jpeg.compress(batch_of(pictures, device), torch.tensor(factors, device=device)))
            == np.stack(expected)
        ).all()


@pytest.mark.skipif(not ORIGINALS.exists(), reason="needs the shared collection of real photographs")
@pytest.mark.photos
def test_crops_of_real_photographs_are_equal_too() -> None:
    for file in [min(folder.glob("*.*")) for folder in sorted(ORIGINALS.iterdir())][:2]:
        whole = decode(file.read_bytes())
        y_px, x_px = whole.shape[0] // 3, whole.shape[1] // 3
        pictures = [whole[y_px + k * 40 :, x_px:][:112, :112] for k in range(3)]
        for factors in ([70, 80, 90], [30, 50, 99]):
            expected = [by_pillow(each, factor) for each, factor in zip(pictures, factors, strict=True)]
            assert (pictures_of(jpeg.compress(batch_of(pictures), torch.tensor(factors))) == np.stack(expected)).all()
        for scale in (0.5, 0.8, 1.5, 2.0):
            assert differences(pictures, scale).max() <= 1


def test_quality_factors_beyond_1_to_100_are_these_and_each_crop_needs_one() -> None:
    batch = batch_of(drawn(0, 16, 24))
    far, near = torch.tensor([0, -5, 101, 999]), torch.tensor([1, 1, 100, 100])
    assert (jpeg.compress(batch, far) == jpeg.compress(batch, near)).all()
    with pytest.raises(ValueError, match="2 quality factors for 4 crops"):
        jpeg.compress(batch, torch.tensor([70, 90]))


@pytest.mark.parametrize("device", DEVICES)
def test_smaller_pictures_are_coded_at_their_own_size_in_one_batch_with_larger_ones(device: str) -> None:
    """Of all sizes, also those that leave one row or column in the last block, in windows with their edges repeated."""
    pictures = [drawn(height_px, height_px, 5 + 7 * height_px % 49)[height_px % 3] for height_px in range(5, 54)]
    pixels, windows = one_after_the_other(pictures, device)
    whole = cut(pixels, windows, torch.zeros_like(windows[:, 1:]), 56, 64)
    factors = [1 + 2 * place for place in range(len(pictures))]
    made = pictures_of(jpeg.compress(whole, torch.tensor(factors, device=device), windows[:, 1:]))
    for picture, factor, square in zip(pictures, factors, made, strict=True):
        assert (square[: picture.shape[0], : picture.shape[1]] == by_pillow(picture, factor)).all()


def differences(pictures: list[Picture], scale: float, device: str = "cpu") -> np.ndarray:
    expected = np.stack([manipulations.resize(each, scale) for each in pictures])
    height_px, width_px = expected.shape[1:3]
    pixels, windows = one_after_the_other(pictures, device)
    sizes = torch.tensor([[height_px, width_px]] * len(pictures), device=device)
    made = bicubic.resize(pixels, windows, sizes, torch.zeros_like(sizes), height_px, width_px)
    return np.abs(pictures_of(made).astype(int) - expected)


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
    tables = torch.from_numpy(np.stack([gamma.gamma_table(each) for each in gammas])).to(device)
    made = pictures_of(gamma.correct_gamma(batch_of([ramp] * len(gammas), device), tables))
    assert (made == np.stack([manipulations.correct_gamma(ramp, each) for each in gammas])).all()
    with pytest.raises(ValueError, match="31 tables for 1 crops"):
        gamma.correct_gamma(batch_of([ramp]), tables)


@pytest.mark.parametrize("device", DEVICES)
def test_windows_of_any_size_give_equal_parts_turned_as_crops_are(device: str) -> None:
    pictures = [drawn(edge_px, edge_px, 90 - edge_px)[0] for edge_px in range(40, 48)]
    pixels, windows = one_after_the_other(pictures, device)
    starts = torch.tensor([[place, 2 * place] for place in range(8)], device=device)
    parts = cut(pixels, windows, starts, 24, 24)
    assert parts.is_contiguous(memory_format=torch.channels_last)
    expected = [picture[place:, 2 * place :][:24, :24] for place, picture in enumerate(pictures)]
    assert (pictures_of(parts) == np.stack(expected)).all()
    ways = [(turn, mirrored) for turn in range(4) for mirrored in (False, True)]
    turns, mirrored = (torch.tensor(each, device=device) for each in zip(*ways, strict=True))
    made = pictures_of(turned(parts, turns, mirrored))
    assert (made == np.stack([crops.turned(each, *way) for each, way in zip(expected, ways, strict=True)])).all()
    beyond = pictures_of(cut(pixels, windows, starts - 3, 60, 60))
    assert (beyond[0, :4, :4] == pictures[0][:1, :1]).all()
    assert (beyond[0, 44:, 53:] == pictures[0][-1, -1]).all()
