"""Simulated cameras: siblings that differ in their processing alone, each device with its own pattern and lens."""

import itertools
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import demo
from corpus.cameras.catalogue import read_catalogue
from demo.simulation import demosaicing, processing
from demo.simulation.cameras import MODELS, take_photograph
from demo.simulation.scenes import Scene, draw_scene
from demo.simulation.sensor import WHITE, expose, fixed_pattern
from forensics.jpeg.quality import estimate_quality_factor

METHODS = (
    demosaicing.bilinear,
    demosaicing.edge_aware,
    demosaicing.gradient_corrected,
    demosaicing.constant_hue,
    demosaicing.edge_directed,
)


@pytest.mark.parametrize("mosaic", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_every_demosaicing_gives_back_the_colours_of_a_smooth_picture(method, mosaic):
    rows, columns = np.mgrid[0:64, 0:80] / 80.0
    truth = np.stack([0.7 - 0.4 * rows, 0.2 + 0.3 * columns, 0.1 + 0.2 * rows], axis=2)
    raw = np.empty((64, 80), np.uint16)
    for site, (row, column) in zip(mosaic, itertools.product((0, 1), (0, 1)), strict=True):
        raw[row::2, column::2] = np.round(truth[row::2, column::2, "RGB".index(site)] * WHITE)
    image = method(raw, mosaic)
    assert image.shape == (64, 80, 3)
    assert image.dtype == np.float32
    assert np.abs(image - truth)[4:-4, 4:-4].max() < 0.02


def test_the_methods_of_demosaicing_differ_at_edges():
    scene = draw_scene(3, 128, 128)
    raw = expose(scene, "RGGB", np.ones((128, 128), np.float32), noise_seed=1)
    images = [method(raw, "RGGB") for method in METHODS]
    for one, other in itertools.combinations(images, 2):
        assert np.abs(one - other).mean() > 1e-4


def test_tone_curves_rise_from_black_to_white_about_the_same_mean():
    curves = [model.curve() for model in MODELS]
    for curve in curves:
        assert curve.shape == (processing.CURVE_ENTRIES,)
        assert (np.diff(curve) >= -1e-6).all()
        assert curve[0] >= 0.0
        assert curve[-1] <= 1.0 + 1e-6
    light = draw_scene(5, 192, 160).light.ravel()
    places = (np.clip(light, 0.0, 1.0) * (processing.CURVE_ENTRIES - 1)).astype(int)
    means = [float(curve[places].mean()) for curve in curves]
    assert max(means) - min(means) < 0.015


def test_unsharp_mask_keeps_its_halos_within_the_limits():
    edge = np.where(np.arange(64) < 32, 0.3, 0.7).astype(np.float32)[None, :].repeat(64, axis=0)
    sharp = processing.unsharp_mask(edge, radius_px=2.0, amount=2.0, bright_limit=0.05, dark_limit=0.2)
    assert sharp.max() == pytest.approx(0.75, abs=1e-3)
    assert 0.08 < sharp.min() < 0.2


def test_noise_reduction_calms_flat_parts_and_keeps_edges():
    rng = np.random.default_rng(2)
    edge = np.where(np.arange(96) < 48, 0.3, 0.7).astype(np.float32)[None, :].repeat(96, axis=0)
    noisy = edge + rng.normal(0, 0.01, edge.shape).astype(np.float32)
    for smoothed in (
        processing.bilateral_smoothing(noisy, 5, 0.08),
        processing.cored(noisy, 1.5, 0.02),
        processing.guided_smoothing(noisy, 3, 0.005),
        processing.median_smoothing(noisy, 5, 0.8),
    ):
        assert smoothed[:, 8:40].std() < 0.7 * noisy[:, 8:40].std()
        assert smoothed[:, 52].mean() - smoothed[:, 43].mean() > 0.38


def test_one_scene_differs_through_every_model_in_its_finest_detail():
    scene = draw_scene(8, 192, 160)
    pictures = [take_photograph(model, 1, scene, 2) for model in MODELS]
    assert all(picture.dtype == np.uint8 and picture.shape == (160, 192, 3) for picture in pictures)
    for one, other in itertools.combinations(pictures, 2):
        assert np.abs(one.astype(int) - other.astype(int)).mean() > 1


def test_reduced_to_64_pixels_the_pictures_of_all_models_are_alike():
    # nothing is left there that a network could learn in place of the camera: the difference to the mean of all
    # models is a twentieth of the difference between two scenes
    small = np.stack(
        [
            [
                cv2.resize(
                    take_photograph(model, 1, draw_scene(seed, 512, 512), 2), (64, 64), None, 0, 0, cv2.INTER_AREA
                )
                for model in MODELS
            ]
            for seed in (21, 22)
        ]
    ).astype(float)
    between_models = np.abs(small - small.mean(axis=1, keepdims=True)).mean()
    between_scenes = np.abs(small[0] - small[1]).mean()
    assert between_models < 0.05 * between_scenes
    assert np.abs(small.mean(axis=(2, 3)) - small.mean(axis=(1, 2, 3))[:, None]).max() < 2


def test_a_photograph_is_the_same_for_the_same_seeds_and_another_for_another_noise():
    scene = draw_scene(8, 96, 96)
    once, again, later = (take_photograph(MODELS[0], 1, scene, noise) for noise in (2, 2, 3))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, later)


def test_higher_iso_gives_more_noise():
    flat = np.full((96, 96, 3), 0.18, np.float32)
    low, high = (Scene(flat, (1.0, 1.0, 1.0), iso, exposure_s=Fraction(1, 50)) for iso in (100, 800))
    even = np.ones((96, 96), np.float32)
    assert expose(high, "RGGB", even, 1).std() > 2 * expose(low, "RGGB", even, 1).std()


def test_a_grey_surface_is_grey_under_any_light():
    flat = np.full((96, 96, 3), 0.18, np.float32) * np.array([1.4, 1.0, 0.6], np.float32)
    for model in MODELS:
        scene = Scene(flat, (1.4, 1.0, 0.6), iso=100, exposure_s=Fraction(1, 50))
        red, green, blue = take_photograph(model, 1, scene, 1).reshape(-1, 3).mean(0)
        assert abs(red - green) < 2
        assert abs(blue - green) < 2


def test_photographs_of_one_device_share_a_noise_pattern_and_those_of_two_do_not():
    size = 160
    wall = Scene(np.full((size, size, 3), 0.4, np.float32), (1.0, 1.0, 1.0), iso=64, exposure_s=Fraction(1, 50))

    def fingerprint(device_seed: int, noise_seeds: range) -> np.ndarray:
        # maximum likelihood estimate of PRNU (Chen et al. 2008) from noise residuals of several photographs
        residuals, power = np.zeros((size, size)), np.zeros((size, size))
        for seed in noise_seeds:
            grey = take_photograph(MODELS[0], device_seed, wall, seed)[..., 1].astype(np.float32)
            residuals += (grey - cv2.GaussianBlur(grey, (0, 0), 1.0)) * grey
            power += grey**2
        return (residuals / power).ravel()

    # an exposure's noise is another one than any device's pattern only where their seeds differ
    one, one_later = fingerprint(1, range(100, 110)), fingerprint(1, range(110, 120))
    other = fingerprint(2, range(120, 130))
    within = np.corrcoef(one, one_later)[0, 1]
    across = max(abs(np.corrcoef(pattern, other)[0, 1]) for pattern in (one, one_later))
    assert within > 0.5
    assert across < 0.1


def test_the_fixed_pattern_is_one_per_cent_and_the_devices_own():
    one, again, other = fixed_pattern(1, 200, 100), fixed_pattern(1, 200, 100), fixed_pattern(2, 200, 100)
    assert np.array_equal(one, again)
    assert one.std() == pytest.approx(0.01, rel=0.05)
    assert one.mean() == pytest.approx(1.0, abs=1e-3)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


def test_tables_size_and_subsampling_tell_no_model_from_another():
    assert len({(model.tables, model.subsampling, model.width_px, model.height_px) for model in MODELS}) == 1


def test_every_maker_has_two_models_on_one_sensor_that_differ_in_demosaicing_and_in_every_step_of_luma():
    makers = itertools.groupby(MODELS, key=lambda model: model.make)
    pairs = [list(models) for _, models in makers]
    assert [len(pair) for pair in pairs] == [2] * 6
    for one, other in pairs:
        assert one.mosaic == other.mosaic
        assert one.demosaic != other.demosaic
        assert [str(step) for step in one.luma_steps] != [str(step) for step in other.luma_steps]


def test_every_model_compresses_no_harder_than_quality_factor_95():
    for model in MODELS:
        factor, _ = estimate_quality_factor(model.tables)
        assert factor is not None
        assert factor >= 95


def test_one_maker_writes_no_serial_number():
    assert {model.make for model in MODELS if model.serial_prefix is None} == {"Corvid"}


def test_the_catalogue_knows_every_simulated_camera_and_no_successor():
    catalogue = read_catalogue(Path(demo.__file__).with_name("cameras.yaml"))
    assert {camera.key for camera in catalogue.cameras} == {model.key for model in MODELS}
    for model in MODELS:
        camera = catalogue.identify(model.make, model.model)
        assert camera is not None
        assert camera.key == model.key
        assert camera.is_native_size(model.width_px, model.height_px)
        assert camera.writes_software(model.software)
        assert camera.flickr
        assert camera.commons
        assert catalogue.identify(model.make, f"{model.model}s") is None


def test_scene_and_sensor_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="the sensor 64x64"):
        expose(draw_scene(1, 80, 64), "RGGB", np.ones((64, 64), np.float32), 1)
