"""Where JPEG grids lie in a picture: the frame's own, and one that a crop left behind."""

import io
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from forensics.pixels.grid import MOST_LOG10_NFA, grid_evidence


def texture(seed: int = 1, height: int = 400, width: int = 456) -> np.ndarray:
    """Return a grey picture never compressed: soft shapes and fine grain."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.normal(size=(height // 8, width // 8)).astype(np.float32))
    soft = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(128 + 25 * soft + rng.normal(0, 3, (height, width)), 1, 254).astype(np.uint8)


def saved(luma: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=quality)
    file.seek(0)
    return np.asarray(Image.open(file))


def found_elsewhere(luma: np.ndarray) -> tuple[int, int] | None:
    grid = grid_evidence(luma)
    assert grid is not None
    return (grid.other_x, grid.other_y) if grid.other_log10_nfa <= MOST_LOG10_NFA else None


@pytest.mark.parametrize("quality", [50, 75, 90, 95])
def test_a_picture_saved_once_has_its_own_grid_and_no_other(quality):
    luma = saved(texture(), quality)
    grid = grid_evidence(luma)
    assert (grid.x, grid.y) == (0, 0)
    assert grid.log10_nfa < -50
    assert found_elsewhere(luma) is None


def test_a_picture_never_compressed_has_no_grid_at_all():
    grid = grid_evidence(texture())
    assert grid.log10_nfa > 0
    assert grid.other_log10_nfa > MOST_LOG10_NFA


@pytest.mark.parametrize(("left", "top"), [(3, 5), (1, 0), (0, 6), (4, 4), (7, 2)])
def test_the_main_grid_of_a_picture_cropped_and_not_saved_again_is_where_the_crop_put_it(left, top):
    grid = grid_evidence(saved(texture(), 80)[top:, left:])
    assert (grid.x, grid.y) == (-left % 8, -top % 8) == (grid.other_x, grid.other_y)
    assert grid.log10_nfa < -50
    assert grid.other_log10_nfa < -50


@pytest.mark.parametrize("last", [90, 95, 98])
@pytest.mark.parametrize("first", [70, 85])
def test_a_crop_off_the_grid_saved_again_at_higher_quality_shows_the_first_grid(first, last):
    assert found_elsewhere(saved(saved(texture(), first)[5:, 3:], last)) == (5, 3)


@pytest.mark.parametrize(("left", "top"), [(1, 0), (2, 3), (4, 2), (7, 7)])
def test_the_first_grid_is_told_by_its_place(left, top):
    assert found_elsewhere(saved(saved(texture(), 75)[top:, left:], 92)) == (-left % 8, -top % 8)


@pytest.mark.parametrize(("left", "top"), [(0, 6), (3, 0)])
def test_a_crop_along_one_axis_is_found_on_that_axis(left, top):
    x, y = found_elsewhere(saved(saved(texture(), 75)[top:, left:], 92))
    assert (x == 0, y == 0) == (left == 0, top == 0)


def test_a_crop_on_the_grid_shows_no_other():
    assert found_elsewhere(saved(saved(texture(), 75)[16:, 8:], 92)) is None


def test_origins_of_frames_larger_than_the_crop_are_counted_from_the_frames_corner():
    luma = saved(texture(height=700, width=830), 80)
    own = grid_evidence(luma)
    assert (own.x, own.y) == (0, 0)
    moved = grid_evidence(luma[1:, 2:])
    assert (moved.x, moved.y) == (6, 7)


def test_the_largest_frame_costs_no_more_than_its_middle():
    luma = saved(texture(height=512, width=512), 80)
    framed = np.zeros((2048, 4096), np.uint8)
    framed[768:1280, 1792:2304] = luma
    assert grid_evidence(framed) == grid_evidence(luma)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_casts_no_votes(level):
    assert grid_evidence(np.full((256, 256), level, np.uint8)) is None


def test_stripes_are_constant_along_an_axis_and_cast_no_votes():
    stripes = np.random.default_rng(3).integers(1, 254, 256, np.uint8)
    assert grid_evidence(np.tile(stripes, (256, 1))) is None
    assert grid_evidence(np.tile(stripes[:, None], (1, 256))) is None


def test_where_two_blocks_have_as_many_zeros_no_pixel_votes():
    assert grid_evidence(np.add.outer(np.arange(127), np.arange(127)).astype(np.uint8)) is None


def test_blank_clipped_tiles_on_a_grid_of_their_own_are_no_compressions_doing():
    luma = texture()
    tiles = luma[: 384 + 5, : 448 + 3][5:, 3:].reshape(24, 16, 28, 16)
    tiles[:, :8, :, :8] = 255
    luma[5 : 384 + 5, 3 : 448 + 3] = tiles.reshape(384, 448)
    grid = grid_evidence(luma)
    assert (grid.x, grid.y) != (3, 5)
    assert found_elsewhere(luma) is None


def test_frames_below_64_px_on_a_side_say_nothing():
    luma = saved(texture(), 75)
    assert grid_evidence(luma[:63]) is None
    assert grid_evidence(luma[:, :63]) is None
    assert grid_evidence(luma[:0, :0]) is None
    assert grid_evidence(luma[:64, :64]) is not None


def test_an_array_of_colours_is_refused_in_words():
    with pytest.raises(ValueError, match="2 axes, this array has 3"):
        grid_evidence(np.zeros((64, 64, 3), np.uint8))


@pytest.mark.photos
def test_an_original_has_its_own_grid_only_until_it_is_cropped_and_saved_again(shared_photos: Path):
    path = sorted((shared_photos / "originals" / "nikon-d60").glob("*.jpg"))[0]
    luma = simplejpeg.decode_jpeg(path.read_bytes(), "GRAY")[..., 0]
    grid = grid_evidence(luma)
    assert (grid.x, grid.y, grid.log10_nfa < -100) == (0, 0, True)
    assert found_elsewhere(luma) is None
    assert found_elsewhere(saved(luma[605:1117, 803:1315], 95)) == (5, 3)
