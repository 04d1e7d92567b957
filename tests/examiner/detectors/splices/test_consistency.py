"""Maps of a picture's traces: camera, noise, grid of blocks; where there is no answer; the score."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from examiner.detectors.splices.blocks import blocks_of
from examiner.detectors.splices.consistency import (
    CELL_PX,
    LEAST_SHARE,
    Consistency,
    as_pixels,
    consistency_of,
    smoothed,
)
from examiner.detectors.splices.grids import other_grid, windowed
from examiner.detectors.splices.noise import noise_levels, unusual_noise
from examiner.detectors.splices.reliable import reliable_share
from examiner.detectors.splices.windows import WINDOW_CELLS, windows_of
from examiner.knowledge import TrainedRun
from tests.examiner.detectors.splices.pictures import SQUARE, luma, saved
from train.estimation.ranking import auroc
from train.model.loaded import crop_answers

QUALITY = 96


@pytest.fixture(scope="module")
def host(camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    return saved(camera_picture("grainy", 50, 640, 640), QUALITY)


@pytest.fixture(scope="module")
def pasted(host: np.ndarray, camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the host with a square of a picture by another camera, on another grid."""
    result = host.copy()
    result[SQUARE, SQUARE] = saved(camera_picture("smooth", 51, 640, 640), QUALITY)[3:227, 5:229]
    return result


def looked_at(run: TrainedRun, picture: np.ndarray) -> Consistency:
    return consistency_of(luma(picture), windows_of(run.model, picture))


def grid_map(picture: np.ndarray, phase: tuple[int, int] = (0, 0), window_cells: int = 4) -> np.ndarray:
    return other_grid(blocks_of(luma(picture), phase, CELL_PX).signs, window_cells)


def inside(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of cells wholly in the square, and of those two cells or more beside it."""
    near = np.zeros(values.shape, np.bool_)
    first, last = SQUARE.start // CELL_PX, SQUARE.stop // CELL_PX
    near[first - 2 : last + 2, first - 2 : last + 2] = True
    return values[first + 1 : last - 1, first + 1 : last - 1], values[~near]


def test_the_camera_s_map_shows_a_square_of_another_camera(run: TrainedRun, pasted: np.ndarray) -> None:
    found = looked_at(run, pasted)
    assert found.camera is not None
    there, elsewhere = inside(found.camera)
    assert there.min() > elsewhere.max()
    assert found.own is not None
    assert found.strongest is not None
    assert [run.model.classes[int(each.argmax())] for each in (found.own, found.strongest)] == ["grainy", "smooth"]


def test_the_score_of_a_splice_is_above_that_of_its_host(run: TrainedRun, host: np.ndarray, pasted: np.ndarray) -> None:
    alone, spliced = looked_at(run, host).score, looked_at(run, pasted).score
    assert alone is not None
    assert spliced is not None
    assert spliced > 2 * alone


def test_windows_of_tiles_are_those_of_the_whole_picture(
    run: TrainedRun, host: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = windows_of(run.model, host).log_shares
    monkeypatch.setattr("examiner.detectors.splices.windows.TILE_PX", 256)
    tiled = windows_of(run.model, host).log_shares
    assert tiled.shape == whole.shape
    assert np.abs(np.exp(tiled) - np.exp(whole)).mean() < 0.01


def test_windows_say_what_crops_at_the_same_places_say(run: TrainedRun, host: np.ndarray) -> None:
    found = windows_of(run.model, host)
    edge_px = found.step_px * WINDOW_CELLS
    corners = [(row, column) for row in range(2, 14, 4) for column in range(2, 14, 4)]
    crops = np.stack([
        host[row * found.step_px :, column * found.step_px :][:edge_px, :edge_px] for row, column in corners
    ])  # fmt: skip
    logits, _ = crop_answers(
        run.model.network, run.model.device, torch.from_numpy(crops).permute(0, 3, 1, 2), len(crops)
    )
    same = [found.log_shares[place].argmax() == each.argmax() for place, each in zip(corners, logits, strict=True)]
    assert np.mean(same) == 1


def test_a_network_of_one_size_of_input_judges_crops(run: TrainedRun, pasted: np.ndarray) -> None:
    run.model.network.size_px = run.model.settings.crop_px
    try:
        found = looked_at(run, pasted)
    finally:
        run.model.network.size_px = None
    assert found.camera is not None
    assert found.camera.shape == found.noise.shape
    there, elsewhere = inside(found.camera)
    assert there.mean() > elsewhere.max()


def test_where_a_picture_is_saturated_or_flat_there_is_no_answer(run: TrainedRun, host: np.ndarray) -> None:
    spoilt = host.copy()
    spoilt[:128, :128] = 255
    spoilt[512:, 512:] = 90
    found = looked_at(run, spoilt)
    for values in (found.joined, found.camera, found.noise, found.grid, found.votes):
        assert values is not None
        assert np.isnan(values[:4, :4]).all()
        assert np.isnan(values[16:, 16:]).all()
        assert np.isfinite(values[6:14, 6:14]).all()
    assert found.answered == pytest.approx(1 - 32 / 400)


def test_a_blurred_region_has_no_traces(host: np.ndarray) -> None:
    blurred = luma(host).copy()
    blurred[:192, :192] = cv2.GaussianBlur(blurred, (0, 0), 12)[:192, :192]
    shares = reliable_share(blurred, CELL_PX)
    assert shares[:5, :5].max() < LEAST_SHARE
    assert shares[8:, 8:].min() > 0.9


def test_the_score_of_a_uniform_picture_does_not_grow_with_its_size() -> None:
    random = np.random.default_rng(6)
    coarse = cv2.resize(
        random.integers(80, 160, (45, 60)).astype(np.float32), (1920, 1440), interpolation=cv2.INTER_CUBIC
    )
    picture = np.clip(coarse + random.normal(0, 5, coarse.shape), 0, 255).astype(np.uint8)
    small = [
        consistency_of(picture[top : top + 480, left : left + 640], None).score
        for top in range(0, 1440, 480) for left in range(0, 1920, 640)
    ]  # fmt: skip
    whole = consistency_of(picture, None).score
    assert whole is not None
    assert whole < np.mean([each for each in small if each is not None])


def test_too_few_cells_with_traces_give_no_score(host: np.ndarray) -> None:
    plain = np.full((640, 640), 90, np.uint8)
    plain[:128, :128] = luma(host)[:128, :128]
    assert consistency_of(plain, None).score is None


def test_another_grid_is_seen_in_the_square_alone(host: np.ndarray, pasted: np.ndarray) -> None:
    alone, found = (grid_map(each) for each in (host, pasted))
    there, elsewhere = inside(found)
    assert there.min() > 7
    assert elsewhere.max() < 6
    assert alone.max() < 6


def test_the_grid_is_looked_for_from_the_picture_s_own(host: np.ndarray) -> None:
    assert grid_map(host[5:, 3:], (5, 3)).max() < 6
    assert grid_map(host[5:, 3:]).min() > 7


def test_of_a_large_picture_rows_of_blocks_are_left_out_and_the_square_is_still_seen(
    pasted: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examiner.detectors.splices.blocks.BLOCKS_MAX", 2000)
    there, elsewhere = inside(grid_map(pasted, window_cells=6))
    assert there.mean() > elsewhere.max()


def test_noise_is_told_in_levels() -> None:
    random = np.random.default_rng(3)
    picture = np.clip(120 + random.normal(0, 5, (256, 256)), 0, 255).astype(np.uint8)
    assert np.median(noise_levels(picture, 64)) == pytest.approx(5, rel=0.1)


def test_noise_that_grows_with_brightness_is_usual_and_other_noise_is_not() -> None:
    random = np.random.default_rng(4)
    brightness = np.linspace(40, 200, 400).reshape(20, 20)[random.permutation(20)]
    levels = 1 + brightness / 50 + random.normal(0, 0.05, (20, 20))
    levels[5:8, 5:8] *= 2
    found = unusual_noise(levels.astype(np.float32), brightness.astype(np.float32))
    others = np.ones((20, 20), np.bool_)
    others[5:8, 5:8] = False
    assert auroc(found[~others], found[others]) > 0.99


def test_a_window_at_the_border_is_smaller() -> None:
    cells = np.ones((4, 5), np.float32)
    assert windowed(cells, 3)[1, 1] == 9
    assert windowed(cells, 3)[0, 0] == 4
    cells[0, 0] = np.nan
    assert smoothed(cells, 3)[0, 0] == 1


def test_a_map_at_pixels_has_the_cells_values_at_their_centres() -> None:
    cells = np.arange(12, dtype=np.float32).reshape(3, 4)
    pixels = as_pixels(cells, 128, 96)
    assert pixels[47:49, 79:81].mean() == pytest.approx(cells[1, 2], abs=0.01)


def test_a_cell_without_an_answer_is_drawn_as_what_surrounds_it() -> None:
    cells = np.full((9, 9), 2.0, np.float32)
    cells[:, 5:] = 6.0
    cells[2:5, 1:3] = cells[4, 7] = np.nan
    pixels = as_pixels(cells, 288, 288)
    assert pixels[32 * 3 + 16, 32 * 2] == pytest.approx(2.0)
    assert pixels[32 * 4 + 16, 32 * 7 + 16] == pytest.approx(6.0)
    assert as_pixels(np.full((3, 4), np.nan, np.float32), 128, 96).max() == 0


def test_a_picture_smaller_than_a_window_is_refused(run: TrainedRun) -> None:
    with pytest.raises(ValueError, match="is smaller than"):
        consistency_of(np.zeros((100, 640), np.uint8), None)
    with pytest.raises(ValueError, match="smaller than the network's crop"):
        windows_of(replace(run.model), np.zeros((40, 640, 3), np.uint8))
