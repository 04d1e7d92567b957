"""Votes of blocks: another grid in a part of a picture, or none at all."""

from collections.abc import Callable, Collection

import cv2
import numpy as np
import pytest

from examiner.detectors.splices import blocks
from examiner.detectors.splices.consistency import CELL_PX, consistency_of
from examiner.detectors.splices.grids import windowed
from examiner.detectors.splices.votes import WINDOW_CELLS, lacking_origin, other_origin, unusual_votes
from examiner.detectors.splices.windows import windows_of
from examiner.knowledge import TrainedRun
from forensics.pixels import grid_kernel
from forensics.pixels.grid import DCT
from tests.examiner.detectors.splices.pictures import SQUARE, luma, saved

QUALITY = 90
THERE = (slice(7, 12), slice(7, 12))
"""Cells of the square whose windows lie in it."""


@pytest.fixture(scope="module")
def host(camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    return saved(camera_picture("grainy", 50, 640, 640), QUALITY)


@pytest.fixture(scope="module")
def moved(host: np.ndarray, camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the host with a square of a photograph by the same camera, saved alike, 3 and 5 px off its grid."""
    result = host.copy()
    result[SQUARE, SQUARE] = saved(camera_picture("grainy", 51, 640, 640), QUALITY)[3:227, 5:229]
    return result


@pytest.fixture(scope="module")
def resized(host: np.ndarray, camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    """Return the host with a square that was enlarged after it was saved, so that it has no grid."""
    result = host.copy()
    donor = saved(camera_picture("grainy", 51, 640, 640), QUALITY)
    result[SQUARE, SQUARE] = cv2.resize(donor, None, fx=1.3, fy=1.3, interpolation=cv2.INTER_CUBIC)[:224, :224]
    return result


def counted(picture: np.ndarray) -> np.ndarray:
    return blocks.blocks_of(luma(picture), (0, 0), CELL_PX).votes


def maps(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the maps of another origin and of the missing one."""
    near = windowed(counted(picture), WINDOW_CELLS)
    return other_origin(near, 0), lacking_origin(near, 0)


def evidence(picture: np.ndarray) -> np.ndarray:
    votes = counted(picture)
    return unusual_votes(votes, np.ones(votes.shape[1:], np.bool_))


def outside(values: np.ndarray) -> np.ndarray:
    """Return the values of cells two or more beside the square."""
    far = np.ones(values.shape, np.bool_)
    far[4:15, 4:15] = False
    return values[far]


def expected_votes(pixels: np.ndarray, only_rows: Collection[int] | None = None) -> np.ndarray:
    """Return the votes by origin and cell, one pixel at a time."""
    zeros = np.empty((pixels.shape[0] - 7, pixels.shape[1] - 7), np.int8)
    grid_kernel.count_zeros(pixels.astype(np.float32), DCT.astype(np.float32), zeros)
    down, across = (each // CELL_PX for each in pixels.shape)
    votes = np.zeros((64, down, across))
    height, width = (
        8 * min(cells * 4, (side - 7) // 8) for cells, side in zip((down, across), pixels.shape, strict=True)
    )
    for y in range(7, height):
        for x in range(7, width):
            around = zeros[y - 7 : y + 1, x - 7 : x + 1]
            above, left = divmod(int(around.argmax()), 8)
            if (around == around.max()).sum() == 1 and (only_rows is None or y in only_rows):
                votes[(y - 7 + above) % 8 * 8 + (x - 7 + left) % 8, y // CELL_PX, x // CELL_PX] += 1
    return votes


@pytest.mark.parametrize(("height", "width"), [(96, 128), (100, 140), (104, 103)])
def test_each_pixel_votes_for_the_block_around_it_with_most_zeros(moved: np.ndarray, height: int, width: int) -> None:
    part = luma(moved)[160 : 160 + height, 160 : 160 + width]
    found = blocks.blocks_of(part, (0, 0), CELL_PX).votes
    np.testing.assert_array_equal(found * blocks.VOTES_OF_ALL, expected_votes(part))


@pytest.mark.parametrize(("blocks_max", "step"), [(100, 2), (60, 3), (1, 4)])
def test_where_rows_of_blocks_are_left_out_one_row_of_pixels_votes(
    moved: np.ndarray, monkeypatch: pytest.MonkeyPatch, blocks_max: int, step: int
) -> None:
    monkeypatch.setattr(blocks, "BLOCKS_MAX", blocks_max)
    part = luma(moved)[160:260, 160:300]  # 11 rows of 16 blocks
    found = blocks.blocks_of(part, (0, 0), CELL_PX).votes
    rows = {8 * row + 7 for row in range(0, 11, step)}
    np.testing.assert_allclose(found * blocks.VOTES_OF_ROWS, expected_votes(part, rows), rtol=1e-6)


def test_a_square_off_the_grid_has_votes_for_its_own_origin(moved: np.ndarray) -> None:
    other, _ = maps(moved)
    assert other[THERE].min() > 10 * max(1, outside(other).max())
    origins = counted(moved)[(slice(None), *THERE)].sum(axis=(1, 2))
    assert divmod(int(origins.argmax()), 8) == (5, 3)


def test_a_resized_square_lacks_the_picture_s_grid_and_has_no_other(resized: np.ndarray) -> None:
    other, lack = maps(resized)
    assert lack[THERE].min() > 10 * max(1, outside(lack).max())
    assert other[THERE].mean() < 2


def test_both_squares_are_seen_where_rows_of_blocks_are_left_out(
    moved: np.ndarray, resized: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCKS_MAX", 1)
    for picture in (moved, resized):
        found = evidence(picture)
        assert found[THERE].mean() > 3 * max(0.1, outside(found).max())


@pytest.mark.parametrize("quality", [98, 90, 75])
def test_a_genuine_picture_has_next_to_nothing(camera_picture: Callable[..., np.ndarray], quality: int) -> None:
    for seed in range(52, 55):
        assert evidence(saved(camera_picture("grainy", seed, 640, 640), quality)).max() < 0.3


def test_a_picture_that_never_was_compressed_says_nothing() -> None:
    random = np.random.default_rng(7)
    noise = random.integers(60, 190, (640, 640, 3)).astype(np.uint8)
    assert evidence(noise).max() < 1  # chance alone: some of 25,000 tests
    assert evidence(noise).mean() < 0.1
    assert evidence(np.full((640, 640, 3), 90, np.uint8)).max() == 0  # all blocks tie


def test_cells_without_traces_do_not_vote(moved: np.ndarray) -> None:
    votes = counted(moved)
    reliable = np.ones(votes.shape[1:], np.bool_)
    reliable[6:13, 6:13] = False
    found = unusual_votes(votes, reliable)
    assert np.isnan(found[~reliable]).all()
    assert np.nanmax(found) < 0.3


def test_tails_are_those_of_the_binomial_distribution() -> None:
    near = np.zeros((64, 5, 5), np.float32)
    near[0] = 20
    near[9, 2, 2] = 3
    near[0, 2, 2] = 17
    near[0, 4, 4], near[10:30, 4, 4] = 0, 1
    other, lack = other_origin(near, 0), lacking_origin(near, 0)
    tail = 1 - sum(_probability(20, successes, 1 / 64) for successes in range(3))
    assert other[2, 2] == pytest.approx(-np.log10(tail), rel=1e-4)
    assert other[0, 0] == 0
    assert lack[4, 4] == pytest.approx(-np.log10((1 - 0.75 * 0.98) ** 20), rel=1e-4)
    assert lack[0, 0] == 0


def _probability(trials: int, successes: int, share: float) -> float:
    from math import comb

    return comb(trials, successes) * share**successes * (1 - share) ** (trials - successes)


def test_votes_are_added_to_the_other_traces(run: TrainedRun, moved: np.ndarray, resized: np.ndarray) -> None:
    for picture in (moved, resized):
        alone = consistency_of(luma(picture), None)
        assert alone.votes[THERE].min() > 1
        np.testing.assert_allclose(alone.joined, np.fmax(alone.noise, alone.grid) + alone.votes, rtol=1e-5)
        found = consistency_of(luma(picture), windows_of(run.model, picture))
        assert found.camera is not None
        beside = np.maximum(found.noise - 1, 0) + np.maximum(found.grid - 1, 0)
        np.testing.assert_allclose(found.joined, found.camera + beside + found.votes, rtol=1e-4)
        assert found.score is not None
        assert alone.score is not None
        assert min(found.score, alone.score) > 2
