"""From photographs to a pattern: the transform, the residual, the estimate."""

import numpy as np
import pytest

from examiner.detectors.prnu.fingerprint import Estimate
from examiner.detectors.prnu.residual import SATURATED, cleaned, light_weights, noise_residual
from examiner.detectors.prnu.wavelet import analysed, synthesised

from .conftest import TakePhotograph


def test_the_transform_keeps_energy_and_its_inverse_is_exact() -> None:
    plane = np.random.default_rng(1).normal(size=(64, 96)).astype(np.float32)
    bands = analysed(plane)
    assert {each.shape for each in bands} == {(32, 48)}
    assert sum(float(np.sum(each**2)) for each in bands) == pytest.approx(float(np.sum(plane**2)), rel=1e-4)
    assert np.abs(synthesised(bands) - plane).max() < 1e-5


def test_a_smooth_plane_has_no_detail() -> None:
    row = np.cos(np.arange(64) * 2 * np.pi / 64).astype(np.float32)
    bands = analysed(np.tile(row, (64, 1)))
    assert max(float(np.abs(each).max()) for each in bands[1:]) < 1e-3


def test_the_residual_of_noise_is_the_noise_and_of_an_edge_little() -> None:
    noise = np.random.default_rng(1).normal(0, 2, (128, 128))
    flat = np.clip(128 + noise, 0, 255).round().astype(np.uint8)
    residual = noise_residual(flat)
    assert np.corrcoef(residual.ravel(), noise.ravel())[0, 1] > 0.9
    edge = np.full((128, 128), 60, np.uint8)
    edge[:, 64:] = 200
    assert np.abs(noise_residual(edge)).max() < 20


@pytest.mark.parametrize("shape", [(65, 127), (64, 64), (200, 66)])
def test_pictures_of_any_size_have_a_residual_of_their_size(shape: tuple[int, int]) -> None:
    assert noise_residual(np.full(shape, 9, np.uint8)).shape == shape


def test_a_picture_without_noise_has_a_residual_of_zeros() -> None:
    assert not np.any(cleaned(noise_residual(np.full((80, 80), 128, np.uint8))).round(3))


def test_a_picture_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="is 90×63 px"):
        noise_residual(np.zeros((63, 90), np.uint8))


def test_cleaning_takes_away_lines_and_periods_that_a_model_has_in_common() -> None:
    random = np.random.default_rng(1)
    pattern = random.normal(size=(128, 128)).astype(np.float32)
    columns, rows = np.meshgrid(np.arange(128), np.arange(128))
    shared = 2 * np.cos(columns * 2 * np.pi / 8) * np.cos(rows * 2 * np.pi / 8) + random.normal(size=(1, 128))
    clean = cleaned((pattern + shared).astype(np.float32))
    before = np.corrcoef((pattern + shared).ravel(), shared.ravel())[0, 1]
    assert before > 0.7
    assert abs(np.corrcoef(clean.ravel(), shared.ravel())[0, 1]) < 0.2
    assert np.corrcoef(clean.ravel(), pattern.ravel())[0, 1] > 0.9


def test_saturated_pixels_weigh_nothing() -> None:
    weights = light_weights(np.array([[0, 100, SATURATED - 1, SATURATED, 255]], np.uint8))
    assert weights.tolist() == [[0, 100, SATURATED - 1, 0, 0]]


def test_a_fingerprint_is_the_device_s_pattern_and_more_photographs_make_it_surer(
    take_photograph: TakePhotograph,
) -> None:
    truth = np.random.default_rng((1, 7)).normal(1, 0.02, (240, 320))
    estimate = Estimate((320, 240))
    likeness = []
    for scene in range(8):
        estimate.add(take_photograph(7, scene))
        likeness.append(np.corrcoef(estimate.fingerprint().pattern.ravel(), truth.ravel())[0, 1])
    assert likeness[-1] > 0.75
    assert likeness[0] < likeness[3] < likeness[7]


def test_photographs_of_another_size_and_photographs_without_noise_give_no_fingerprint() -> None:
    estimate = Estimate((100, 80))
    with pytest.raises(ValueError, match="is 80×100 px"):
        estimate.add(np.zeros((100, 80), np.uint8))
    estimate.add(np.full((80, 100), 70, np.uint8))
    with pytest.raises(ValueError, match="no noise"):
        estimate.fingerprint()
