"""Scenes: the same for a seed, another for another, and with the statistics of photographs."""

import numpy as np
import pytest

from demo.simulation.scenes import draw_scene, fractal


def test_equal_seeds_give_equal_scenes():
    one, other = draw_scene(11, 160, 128), draw_scene(11, 160, 128)
    assert np.array_equal(one.light, other.light)
    assert (one.illuminant, one.iso, one.exposure_s) == (other.illuminant, other.iso, other.exposure_s)


def test_different_seeds_give_different_scenes():
    lights = [draw_scene(seed, 160, 128).light for seed in range(6)]
    for place, light in enumerate(lights):
        for other in lights[:place]:
            assert abs(np.corrcoef(light.ravel(), other.ravel())[0, 1]) < 0.8


def test_light_is_linear_finite_and_exposed_about_mid_grey():
    means = []
    for seed in range(12):
        light = draw_scene(seed, 192, 160).light
        assert light.dtype == np.float32
        assert light.shape == (160, 192, 3)
        assert np.isfinite(light).all()
        assert light.min() >= 0.0
        means.append(np.minimum(light[..., 1], 1.0).mean())
    assert 0.1 < np.median(means) < 0.3


def test_power_falls_with_frequency_as_in_photographs():
    slopes = []
    for seed in range(8):
        grey = np.log(draw_scene(seed, 256, 256).light.mean(axis=2) + 0.01)
        window = np.outer(np.hanning(256), np.hanning(256))
        power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
        radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
        bands = [(low, low * 2) for low in (0.01, 0.02, 0.04, 0.08)]
        levels = [np.log2(power[(radius >= low) & (radius < high)].mean()) for low, high in bands]
        slopes.append(np.polyfit(range(len(levels)), levels, 1)[0])
    # Field 1987 and all since: an exponent about -2, from -1.5 to -3 by scene; out-of-focus ones are steeper
    assert -3.5 < np.median(slopes) < -1.2


def test_rougher_fractals_have_more_fine_detail():
    rng = np.random.default_rng(5)
    smooth, rough = fractal(rng, (96, 96), 0.5), fractal(rng, (96, 96), 0.95)
    assert smooth.std() == pytest.approx(1.0, abs=1e-3)
    assert rough.std() == pytest.approx(1.0, abs=1e-3)
    assert np.diff(rough).std() > 2 * np.diff(smooth).std()


def test_too_small_a_scene_is_refused_with_its_size():
    with pytest.raises(ValueError, match="40x30 px is too small"):
        draw_scene(1, 40, 30)
