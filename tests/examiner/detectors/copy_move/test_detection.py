"""Regions that were copied to another place in a picture, and things that only look alike."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from examiner.detectors.copy_move.detection import Copy, copies_in, region_box, target_box
from examiner.trials.copy_move import with_copy

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def scene() -> Picture:
    """Return a picture with detail of several sizes, and noise."""
    random = np.random.default_rng(3)
    light = np.full((360, 480), 128.0)
    for cell_px, contrast in ((60, 40), (20, 25), (7, 18)):
        coarse = random.normal(0, contrast, (360 // cell_px + 2, 480 // cell_px + 2)).astype(np.float32)
        light += cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)
    picture = light[..., None] + random.normal(0, 2, (360, 480, 3))
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def luma(picture: Picture, quality: int = 95) -> Picture:
    stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)


def off_px(copy: Copy, matrix: NDArray[np.float64]) -> float:
    """Return how far from the truth a copy's middle is, whichever of the two is taken for the original."""
    left, top, width, height = region_box(copy)
    middle = np.array([left + width / 2, top + height / 2, 1.0])
    return min(
        float(np.abs(copy.matrix @ middle - truth @ middle).max())
        for truth in (matrix, cv2.invertAffineTransform(matrix))
    )


@pytest.mark.parametrize(
    ("degrees", "enlargement", "quality", "agreement_from"),
    [(0, 1.0, 95, 0.98), (15, 1.0, 95, 0.98), (-40, 1.0, 95, 0.98), (0, 1.2, 95, 0.98), (0, 1.0, 75, 0.95)],
)
def test_a_copied_region_is_found_where_it_came_from_and_went(
    degrees: float, enlargement: float, quality: int, agreement_from: float, scene: Picture
) -> None:
    picture, matrix = with_copy(scene, 96, degrees, enlargement, np.random.default_rng(5))
    best = copies_in(luma(picture, quality))[0]
    assert off_px(best, matrix) < 1.5
    assert best.agreement > agreement_from
    assert 3000 < best.area_px < 1.4 * 96 * 96


def test_a_copy_that_was_not_compressed_agrees_wholly(scene: Picture) -> None:
    picture, _ = with_copy(scene, 96, 0, 1.0, np.random.default_rng(5))
    assert copies_in(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[0].agreement > 0.97


def test_a_region_of_a_large_picture_is_verified_in_all_its_pixels(scene: Picture) -> None:
    random = np.random.default_rng(9)
    large = cv2.resize(scene, (1920, 1440), interpolation=cv2.INTER_CUBIC) + random.normal(0, 3, (1440, 1920, 1))
    picture, matrix = with_copy(np.clip(large, 0, 255).astype(np.uint8), 384, 0, 1.0, np.random.default_rng(2))
    best = copies_in(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))[0]
    assert off_px(best, matrix) < 0.5
    assert best.agreement > 0.9


def test_a_genuine_picture_has_no_copy(scene: Picture) -> None:
    assert copies_in(luma(scene)) == []


def test_things_that_repeat_differ_at_their_edges(scene: Picture) -> None:
    windows = cv2.GaussianBlur(np.tile(scene[:60, :60], (6, 8, 1)), (0, 0), 2).astype(float)
    front = np.clip(windows + np.random.default_rng(1).normal(0, 4, windows.shape), 0, 255).astype(np.uint8)
    assert max((each.agreement for each in copies_in(luma(front))), default=0) < 0.95


@pytest.mark.parametrize("picture", [np.zeros((63, 500), np.uint8), np.zeros((64, 64), np.uint8),
                                     np.full((300, 300), 255, np.uint8),
                                     np.tile(np.arange(256, dtype=np.uint8), (200, 1)),
                                     np.tile(np.array([[0, 255], [255, 0]], np.uint8), (100, 100))])  # fmt: skip
def test_plain_and_tiny_pictures_have_no_copy(picture: Picture) -> None:
    assert copies_in(picture) == []


def test_the_same_picture_gives_the_same_copies(scene: Picture) -> None:
    picture = luma(with_copy(scene, 96, 15, 1.0, np.random.default_rng(5))[0])
    first, second = copies_in(picture), copies_in(picture)
    assert [(each.box, each.agreement) for each in first] == [(each.box, each.agreement) for each in second]
    assert [target_box(each, (480, 360)) for each in first] == [target_box(each, (480, 360)) for each in second]


def test_boxes_end_where_the_picture_does() -> None:
    turned = cv2.getRotationMatrix2D((50.0, 50.0), 45.0, 1.0)
    copy = Copy((0, 0, 100, 100), np.ones((67, 67), np.bool_), 1.5, turned, 1e4, 0.9, 0.9, 99)
    assert region_box(copy) == (0, 0, 100, 100)
    assert target_box(copy, (100, 110)) == (0, 0, 100, 110)
