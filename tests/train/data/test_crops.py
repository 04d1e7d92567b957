import os
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
    GRID_PX,
    CropPlan,
    Geometry,
    central_rectangle,
    decode,
    fixed_crops,
    fixed_rectangles,
    geometry_of,
    plan_crop,
)
from train.data.manipulations import MANIPULATIONS, Picture


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


def test_a_crop_is_a_square_of_the_tile_on_its_jpeg_grid(coordinates: np.ndarray) -> None:
    geometry = Geometry(outer_px=64, crop_px=32, manipulation_probability=0.0, flips="none", alignment_unknown=0.0)
    crops = [training_crop(coordinates, geometry, np.random.default_rng(seed)) for seed in range(300)]
    assert {crop.shape for crop in crops} == {(32, 32, 3)}
    assert all((np.diff(crop[:, :, 0].astype(int), axis=1) == 1).all() for crop in crops)
    assert {int(crop[0, 0, 0]) for crop in crops} == set(range(0, 65, 8))
    assert {int(crop[0, 0, 1]) for crop in crops} == set(range(0, 65, 8))


def test_a_share_of_the_crops_begins_anywhere(coordinates: np.ndarray) -> None:
    geometry = Geometry(outer_px=64, crop_px=32, manipulation_probability=0.0, flips="none", alignment_unknown=0.5)
    crops = [training_crop(coordinates, geometry, np.random.default_rng(seed)) for seed in range(1000)]
    aligned = [crop[0, 0, 0] % 8 == 0 and crop[0, 0, 1] % 8 == 0 for crop in crops]
    assert 0.46 < np.mean(aligned) < 0.56  # one in 64 of the others is aligned by chance
    assert {int(crop[0, 0, 0]) % 8 for crop in crops} == set(range(8))


@pytest.mark.parametrize("edge_px", [64, 96])
def test_every_manipulation_leaves_a_whole_crop_even_of_the_smallest_outer_crop(edge_px: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (edge_px, edge_px, 3), dtype=np.uint8)
    geometry = Geometry(outer_px=64, crop_px=32, manipulation_probability=1.0, flips="d4", alignment_unknown=0.5)
    crops = [training_crop(picture, geometry, np.random.default_rng(seed)) for seed in range(300)]
    assert {crop.shape for crop in crops} == {(32, 32, 3)}


def test_manipulation_strikes_with_its_probability() -> None:
    picture = np.full((96, 96, 3), 100, np.uint8)  # only gamma shows on it: a quarter of the manipulations
    geometry = Geometry(64, 32, 0.5, "none", 0.25)
    changed = [(training_crop(picture, geometry, np.random.default_rng(seed)) != 100).any() for seed in range(2000)]
    assert 0.09 < np.mean(changed) < 0.16


@pytest.mark.parametrize(("flips", "kinds"), [("none", 1), ("turns", 4), ("d4", 8)])
def test_flips_are_as_many_as_they_say(coordinates: np.ndarray, flips: str, kinds: int) -> None:
    geometry = Geometry(96, 96, 0.0, flips, 0.0)  # type: ignore[arg-type]
    seen = {training_crop(coordinates, geometry, np.random.default_rng(seed)).tobytes() for seed in range(100)}
    assert len(seen) == kinds


def plans_of(geometry: Geometry, edge_px: int, seeds: int = 300) -> list[CropPlan]:
    return [plan_crop(np.random.default_rng(seed), geometry, edge_px, edge_px) for seed in range(seeds)]


@pytest.fixture
def scene() -> Picture:
    """A picture with structure of all sizes, 320×320."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    return cv2.resize(pixels, (320, 320), interpolation=cv2.INTER_CUBIC).astype(np.uint8, copy=False)


@pytest.mark.parametrize("alignment_unknown", [0.0, 1.0])
@pytest.mark.parametrize("crop_px", [95, 112, 128])
def test_a_crop_of_its_window_is_that_of_the_whole_outer_crop_manipulated(
    scene: Picture, crop_px: int, alignment_unknown: float
) -> None:
    """Where the outer crop is the whole tile, its manipulated pixels can be compared with each plan's."""
    kinds = set()
    for plan in plans_of(Geometry(320, crop_px, 0.9, "none", alignment_unknown), 320):
        manipulation, (top, left, _) = plan.finish.manipulation, plan.finish.inner
        scale = manipulation.strength if manipulation is not None and manipulation.kind == "scale" else 1.0
        begins = [plan.rectangle[1] * scale + top, plan.rectangle[0] * scale + left]
        if scale != 1.0 and (alignment_unknown or manipulation not in MANIPULATIONS.values()):
            continue  # their windows begin between the pixels of the whole
        assert begins == [round(begin) for begin in begins]
        y_px, x_px = (round(begin) for begin in begins)
        whole = scene if manipulation is None else manipulation.apply(scene)
        crop = plan.finish(inside(scene, plan.rectangle))
        assert (crop == whole[y_px : y_px + crop_px, x_px : x_px + crop_px]).all()
        kinds.add(manipulation.name if manipulation in MANIPULATIONS.values() else None)
    assert kinds - {None} == {name for name in MANIPULATIONS if not (alignment_unknown and "scale" in name)}


def test_varied_interpolation_comes_from_the_settings_and_needs_no_more_than_the_window(
    scene: Picture, settings: Callable[..., Training]
) -> None:
    changes = {"outer_crop_px": 320, "crop_px": 112, "manipulation_probability": 1.0, "alignment_unknown": 0.0}
    seen = set()
    for plan in plans_of(geometry_of(settings(**changes, interpolation="varied")), 320):
        manipulation, (top, left, _) = plan.finish.manipulation, plan.finish.inner
        assert manipulation is not None
        if manipulation.kind != "scale" or manipulation.strength not in (0.5, 0.8, 1.5, 2.0):
            continue  # their windows begin between the pixels of the whole
        y_px, x_px = (round(at * manipulation.strength) for at in plan.rectangle[1::-1])
        whole = manipulation.apply(scene)[y_px + top : y_px + top + 112, x_px + left : x_px + left + 112]
        crop = plan.finish(inside(scene, plan.rectangle))
        assert (crop == whole).all()
        seen.add((manipulation.interpolation, manipulation.strength))
    assert len({name for name, _ in seen}) == 4
    assert {each.finish.manipulation.interpolation for each in plans_of(geometry_of(settings(**changes)), 320)} == {
        "cubic"
    }


@pytest.mark.parametrize(("outer_px", "crop_px"), [(960, 480), (512, 112), (256, 128), (224, 112)])
def test_an_aligned_crop_begins_on_the_grid_of_the_photograph_as_nearly_as_pixels_allow(
    outer_px: int, crop_px: int
) -> None:
    off_px: dict[str, list[float]] = {"jpeg": [], "scale": [], "gamma": [], "none": []}
    for plan in plans_of(Geometry(outer_px, crop_px, 0.8, "none", 0.0), 1024, 500):
        manipulation = plan.finish.manipulation
        scale = manipulation.strength if manipulation is not None and manipulation.kind == "scale" else 1.0
        for start, inner in zip(plan.rectangle[1::-1], plan.finish.inner[:2], strict=True):
            assert start % GRID_PX == 0  # of a JPEG, so is its own grid
            begins = start + inner / scale  # in pixels of the photograph
            off_px[manipulation.kind if manipulation else "none"].append(abs(begins - round(begins / 8) * 8) * scale)
        if manipulation in MANIPULATIONS.values() and outer_px > 2.5 * crop_px:
            assert off_px[manipulation.kind][-2:] == pytest.approx([0, 0], abs=1e-9)
    assert {kind: max(values) for kind, values in off_px.items() if kind != "scale"} == {
        "jpeg": 0,
        "gamma": 0,
        "none": 0,
    }
    assert max(off_px["scale"]) <= 0.5
    assert np.mean(np.array(off_px["scale"]) < 0.15) > 0.7


@pytest.mark.parametrize("name", list(MANIPULATIONS))
def test_places_of_evaluation_are_on_the_grid_whatever_was_done_to_the_picture(name: str) -> None:
    """Of a picture whose pixel (0, 0) was on the grid before it was manipulated, without knowing how."""
    manipulation = MANIPULATIONS[name]
    scale = manipulation.strength if manipulation.kind == "scale" else 1.0
    for outer_px, crop_px in ((960, 480), (512, 112), (224, 112)):
        edge_px = manipulation.size_px(outer_px)
        places = fixed_rectangles(edge_px, edge_px, crop_px, 5)
        assert len(places) == (1 if edge_px == crop_px else 4 if crop_px == 480 else 5)
        if (crop_px, scale) == (480, 1.5):  # two places 96 px apart have no room in the square
            assert all(start % 32 == 0 for place in places for start in place[:2])
            continue
        assert all(round(start / scale, 6) % 8 == 0 for place in places for start in place[:2])


@pytest.mark.parametrize("subsampling", [0x221111, 0x211111, 0x111111])
@pytest.mark.parametrize(("outer_px", "crop_px"), [(256, 128), (200, 95), (240, 120)])
def test_a_planned_crop_of_what_must_be_decoded_is_that_of_the_whole_tile(
    scene: Picture, subsampling: int, outer_px: int, crop_px: int
) -> None:
    options = [cv2.IMWRITE_JPEG_RST_INTERVAL, 2, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, subsampling]
    jpeg = cv2.imencode(".jpg", scene[:288], options)[1].tobytes()
    restarts, whole = find_restarts(jpeg), decode(jpeg)
    kinds = set()
    for seed in range(150):
        plan = plan_crop(np.random.default_rng(seed), Geometry(outer_px, crop_px, 0.8, "d4", 0.5), 320, 288)
        crop = plan.finish(decode_rectangle(restarts, plan.rectangle, jpeg, 0))
        assert (crop == plan.finish(inside(whole, plan.rectangle))).all()
        kinds.add(plan.finish.manipulation.kind if plan.finish.manipulation else "none")
    assert kinds == {"none", "jpeg", "scale", "gamma"}


def test_a_plain_crop_needs_its_own_pixels_and_a_manipulated_one_hardly_more_than_its_kernel_reaches() -> None:
    for plan in plans_of(Geometry(960, 480, 0.5, "d4", 0.5), 1024):
        manipulation, (x_px, y_px, width_px, height_px) = plan.finish.manipulation, plan.rectangle
        scale = manipulation.strength if manipulation is not None and manipulation.kind == "scale" else 1.0
        spare_px = (
            0 if manipulation is None or manipulation.kind == "gamma" else 32 if scale == 1.0 else 85
        )  # blocks before and behind
        for start, length in ((x_px, width_px), (y_px, height_px)):
            assert 480 / scale - 1 <= length <= min(480 / scale + spare_px + 1, 960)
            assert 0 <= start <= 1024 - length


def test_a_tile_without_room_for_the_outer_crop_has_no_plan() -> None:
    with pytest.raises(ValueError, match=r"a tile of 1024×959 px holds no outer crop of 960 px"):
        plan_crop(np.random.default_rng(0), Geometry(960, 480, 0.5, "d4", 0.5), 1024, 959)


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


def test_fixed_places_begin_where_the_grid_is_or_anywhere_where_that_is_unknown(coordinates: np.ndarray) -> None:
    for phase in ((0, 0), (3, 5), (7, 0)):
        places = fixed_rectangles(96, 96, 32, 9, phase)
        assert len(places) == 9
        assert {(x_px % 8, y_px % 8) for x_px, y_px, _, _ in places} == {phase}
        assert all(0 <= start <= 64 for place in places for start in place[:2])
        assert [tuple(crop[0, 0, :2]) for crop in fixed_crops(coordinates, 32, 9, phase)] == [
            place[:2] for place in places
        ]
    free = fixed_rectangles(97, 96, 32, 9, None)
    assert free[0] == (32, 32, 32, 32)
    assert (65, 64, 32, 32) in free
    assert fixed_rectangles(34, 34, 32, 5, (3, 1)) == [(1, 1, 32, 32), (0, 1, 32, 32), (2, 1, 32, 32)]


def test_the_crops_of_evaluation_say_which_rectangle_must_be_decoded(coordinates: np.ndarray) -> None:
    wide = coordinates[:70]
    rectangles, crops = fixed_rectangles(96, 70, 32, 9), fixed_crops(wide, 32, 9)
    assert len(rectangles) == 9
    assert all((inside(wide, place) == crop).all() for place, crop in zip(rectangles, crops, strict=True))


def test_the_central_square_begins_on_the_grid_nearest_to_the_centre() -> None:
    assert central_rectangle(96, 70, 48) == (24, 8, 48, 48)
    assert central_rectangle(96, 70, 48, (1, 6)) == (25, 14, 48, 48)
    assert central_rectangle(96, 70, 48, None) == (24, 11, 48, 48)
    assert central_rectangle(96, 70, 80) == (16, 0, 70, 70)
    assert central_rectangle(96, 70, 80, (2, 2)) == (10, 0, 70, 70)  # of this height there is one square only
    assert central_rectangle(4032, 3024, 512) == (1760, 1256, 512, 512)


@pytest.mark.parametrize("phase", [(0, 0), (3, 5), None])
@pytest.mark.parametrize("crop_px", [112, 480, 512])
def test_fixed_places_are_in_the_central_square_of_the_challenge(crop_px: int, phase: tuple[int, int] | None) -> None:
    for width_px, height_px in ((4032, 3024), (600, 3000), (512, 512)):
        places = np.array(fixed_rectangles(width_px, height_px, crop_px, 25, phase))
        for axis, size_px in enumerate((width_px, height_px)):
            first, last = places[:, axis].min(), places[:, axis].max() + crop_px
            assert last - first <= 512
            assert abs((first + last) / 2 - size_px / 2) <= 48 + 16
    assert len(fixed_rectangles(4032, 3024, 112, 25, phase)) == 25


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
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    faults = [
        int(
            subprocess.run(
                [sys.executable, "-c", code, how], capture_output=True, text=True, check=True, env=environ
            ).stdout
        )
        for how in ("keep", "give back")
    ]
    assert faults[0] < 100 < 10_000 < faults[1]
