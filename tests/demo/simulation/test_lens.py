"""Lens: each device's own bends the picture, darkens its corners and splits its colours, a little."""

import numpy as np
import pytest

from demo.simulation.lens import Lens, lens_of, through

PLAIN = Lens(distortion=0.0, field_tangent=0.0, red_scale=1.0, blue_scale=1.0)


def dot(x: int, y: int) -> np.ndarray:
    light = np.zeros((120, 160, 3), np.float32)
    light[y - 1 : y + 2, x - 1 : x + 2] = 1.0
    return light


def place(plane: np.ndarray) -> np.ndarray:
    """Return x and y of the light's centre."""
    rows, columns = np.indices(plane.shape)
    return np.array([(columns * plane).sum(), (rows * plane).sum()]) / plane.sum()


def test_a_lens_without_faults_changes_nothing():
    light = np.random.default_rng(1).random((60, 80, 3), np.float32)
    assert np.allclose(through(PLAIN, light), light, atol=1e-6)


def test_distortion_moves_a_point_towards_the_centre_or_away_and_leaves_the_centre():
    barrel, pincushion = (Lens(bend, 0.0, 1.0, 1.0) for bend in (0.05, -0.05))
    centre, point = np.array([79.5, 59.5]), np.array([140, 100])
    distance = np.linalg.norm(point - centre)
    inwards, outwards = (place(through(lens, dot(140, 100))[..., 1]) for lens in (barrel, pincushion))
    assert np.linalg.norm(inwards - centre) < distance - 1
    assert np.linalg.norm(outwards - centre) > distance + 1
    assert place(through(barrel, dot(80, 60))[..., 1]) == pytest.approx([80, 60], abs=0.05)


def test_corners_are_darker_than_the_centre_by_the_fourth_power_of_the_cosine():
    seen = through(Lens(0.0, 0.4, 1.0, 1.0), np.ones((121, 161, 3), np.float32))
    assert seen[60, 80] == pytest.approx(1.0)
    assert seen[0, 0] == pytest.approx(np.cos(np.arctan(0.4)) ** 4, rel=0.02)


def test_red_and_blue_are_enlarged_apart_from_green():
    seen = through(Lens(0.0, 0.0, 1.02, 0.98), dot(140, 60))
    red, green, blue = (place(seen[..., channel])[0] for channel in range(3))
    assert blue < green - 0.5 < green + 0.5 < red


def test_every_device_has_a_lens_of_its_own_that_is_always_the_same():
    lenses = [lens_of(seed) for seed in range(20)]
    assert len(set(lenses)) == 20
    assert lenses == [lens_of(seed) for seed in range(20)]
    assert max(abs(lens.red_scale - 1) for lens in lenses) < 0.002


def test_the_light_of_the_scene_is_not_changed():
    light = dot(40, 40)
    through(lens_of(3), light)
    assert np.array_equal(light, dot(40, 40))
