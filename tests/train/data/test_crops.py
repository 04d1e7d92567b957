import subprocess
import sys
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from corpus.errors import ConfigurationError
from corpus.sections import Training
from shards.restarts import Rectangle, decode_rectangle, find_restarts
from train.data.crops import (
    Geometry,
    central_rectangle,
    decode,
    fixed_crops,
    fixed_rectangles,
    geometry_of,
    plan_crop,
)
from train.data.manipulations import random_manipulation


def inside(picture: np.ndarray, rectangle: Rectangle) -> np.ndarray:
    x_px, y_px, width_px, height_px = rectangle
    return picture[y_px : y_px + height_px, x_px : x_px + width_px]


def training_crop(tile: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    plan = plan_crop(rng, geometry, tile.shape[1], tile.shape[0])
    return plan.finish(inside(tile, plan.rectangle))


@pytest.fixture
def coordinates() -> np.ndarray:
    """A picture whose pixels tell where they are: red is the column, green the row."""
    column, row = np.meshgrid(np.arange(96, dtype=np.uint8), np.arange(96, dtype=np.uint8))
    return np.stack([column, row, np.zeros_like(row)], axis=2)


def test_a_crop_is_a_square_of_the_tile_anywhere_in_it_and_off_the_jpeg_grid(coordinates: np.ndarray) -> None:
    geometry = Geometry(outer_px=64, crop_px=32, manipulation_probability=0.0, flips="none")
    crops = [training_crop(coordinates, geometry, np.random.default_rng(seed)) for seed in range(300)]
    assert {crop.shape for crop in crops} == {(32, 32, 3)}
    assert all((np.diff(crop[:, :, 0].astype(int), axis=1) == 1).all() for crop in crops)
    columns = {int(crop[0, 0, 0]) for crop in crops}
    assert min(columns) <= 3
    assert max(columns) >= 61
    assert {column % 8 for column in columns} == set(range(8))


@pytest.mark.parametrize("edge_px", [64, 96])
def test_every_manipulation_leaves_a_whole_crop_even_of_the_smallest_outer_crop(edge_px: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (edge_px, edge_px, 3), dtype=np.uint8)
    geometry = Geometry(outer_px=64, crop_px=32, manipulation_probability=1.0, flips="d4")
    crops = [training_crop(picture, geometry, np.random.default_rng(seed)) for seed in range(300)]
    assert {crop.shape for crop in crops} == {(32, 32, 3)}


def test_manipulation_strikes_with_its_probability() -> None:
    picture = np.full((96, 96, 3), 100, np.uint8)  # only gamma shows on it: a quarter of the manipulations
    geometry = Geometry(64, 32, 0.5, "none")
    changed = [(training_crop(picture, geometry, np.random.default_rng(seed)) != 100).any() for seed in range(2000)]
    assert 0.09 < np.mean(changed) < 0.16


@pytest.mark.parametrize(("flips", "kinds"), [("none", 1), ("turns", 4), ("d4", 8)])
def test_flips_are_as_many_as_they_say(coordinates: np.ndarray, flips: str, kinds: int) -> None:
    geometry = Geometry(96, 96, 0.0, flips)  # type: ignore[arg-type]
    seen = {training_crop(coordinates, geometry, np.random.default_rng(seed)).tobytes() for seed in range(100)}
    assert len(seen) == kinds


def in_three_steps(tile: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    """Return a training crop as its definition says, with every step done to all the pixels it is given."""

    def random_square(picture: np.ndarray, edge_px: int) -> np.ndarray:
        top, left = int(rng.integers(picture.shape[0] - edge_px + 1)), int(rng.integers(picture.shape[1] - edge_px + 1))
        return picture[top : top + edge_px, left : left + edge_px]

    outer = random_square(tile, geometry.outer_px)
    if rng.random() < geometry.manipulation_probability:
        manipulation = random_manipulation(rng)
        outer = manipulation.apply(
            random_square(outer, min(manipulation.window_px(geometry.crop_px), geometry.outer_px))
        )
    crop = np.rot90(random_square(outer, geometry.crop_px), int(rng.integers(4)))
    return crop[:, ::-1] if rng.random() < 0.5 else crop


@pytest.mark.parametrize("subsampling", [0x221111, 0x211111, 0x111111])
@pytest.mark.parametrize(("outer_px", "crop_px"), [(256, 128), (200, 95), (240, 120)])
def test_a_planned_crop_of_what_must_be_decoded_is_that_of_the_whole_tile(
    subsampling: int, outer_px: int, crop_px: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    tile = cv2.resize(pixels, (320, 288), interpolation=cv2.INTER_CUBIC)
    options = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, subsampling]
    jpeg = cv2.imencode(".jpg", tile, options)[1].tobytes()
    restarts, whole = find_restarts(jpeg), decode(jpeg)
    geometry = Geometry(outer_px, crop_px, 0.8, "d4")
    kinds = set()
    for seed in range(150):
        plan = plan_crop(np.random.default_rng(seed), geometry, 320, 288)
        crop = plan.finish(decode_rectangle(restarts, plan.rectangle, jpeg, 0))
        assert (crop == in_three_steps(whole, geometry, np.random.default_rng(seed))).all()
        kinds.add(plan.finish.manipulation.kind if plan.finish.manipulation else "none")
    assert kinds == {"none", "jpeg", "scale", "gamma"}


def test_a_plain_crop_needs_its_own_pixels_and_a_manipulated_one_its_windows() -> None:
    plans = [plan_crop(np.random.default_rng(seed), Geometry(960, 480, 0.5, "d4"), 1024, 1024) for seed in range(200)]
    for plan in plans:
        manipulation = plan.finish.manipulation
        edge_px = 480 if manipulation is None else min(manipulation.window_px(480), 960)
        assert plan.rectangle[2:] == (edge_px, edge_px)
        assert all(0 <= start <= 1024 - edge_px for start in plan.rectangle[:2])


def test_a_tile_without_room_for_the_outer_crop_has_no_plan() -> None:
    with pytest.raises(ValueError, match=r"a tile of 1024×959 px holds no outer crop of 960 px"):
        plan_crop(np.random.default_rng(0), Geometry(960, 480, 0.5, "d4"), 1024, 959)


def test_an_outer_crop_that_halved_is_smaller_than_the_crop_is_refused_with_both_cures(
    settings: Callable[..., Training],
) -> None:
    assert geometry_of(settings(outer_crop_px=960, crop_px=480)).outer_px == 960
    with pytest.raises(ConfigurationError, match=r"outer_crop_px: 958 .* set it to 960 or more, or crop_px to 479"):
        geometry_of(settings(outer_crop_px=958, crop_px=480))


def test_fixed_crops_begin_with_the_centre_then_the_corners(coordinates: np.ndarray) -> None:
    places = [(int(crop[0, 0, 1]), int(crop[0, 0, 0])) for crop in fixed_crops(coordinates, 32, 5)]
    assert places == [(32, 32), (0, 0), (0, 64), (64, 0), (64, 64)]
    assert len({crop.tobytes() for crop in fixed_crops(coordinates, 32, 64)}) == 64


def test_the_crops_of_evaluation_say_which_rectangle_must_be_decoded(coordinates: np.ndarray) -> None:
    wide = coordinates[:70]
    rectangles, crops = fixed_rectangles(96, 70, 32, 9), fixed_crops(wide, 32, 9)
    assert len(rectangles) == 9
    assert all((inside(wide, place) == crop).all() for place, crop in zip(rectangles, crops, strict=True))
    assert central_rectangle(96, 70, 48) == (24, 11, 48, 48)
    assert central_rectangle(96, 70, 80) == (13, 0, 70, 70)


def test_fixed_crops_of_a_picture_just_large_enough_are_one(coordinates: np.ndarray) -> None:
    assert len(fixed_crops(coordinates[:32, :32], 32, 5)) == 1
    with pytest.raises(ValueError, match=r"40×31 is smaller than the network's crop of 32 px"):
        fixed_crops(coordinates[:31, :40], 32, 5)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_a_loader_uses_the_memory_of_freed_crops_again() -> None:
    code = (
        "import numpy, resource, sys\n"
        "from train.data.loading import keep_freed_memory\n"
        "if sys.argv[1] == 'keep': keep_freed_memory()\n"
        "def crops(): return [numpy.ones(700_000, numpy.uint8) for _ in range(16)]\n"
        "crops(), crops()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "for _ in range(10): crops()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)\n"
    )
    faults = [
        int(subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "give back")
    ]
    assert faults[0] < 100 < 10_000 < faults[1]
