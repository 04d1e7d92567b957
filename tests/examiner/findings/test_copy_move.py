"""What an examination says of a region that was copied within a picture."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.finding import Finding, Map, Regions
from examiner.trials.copy_move import copied, with_copy


@pytest.fixture(scope="module")
def genuine() -> bytes:
    random = np.random.default_rng(3)
    light = np.full((320, 448), 128.0)
    for cell_px, contrast in ((60, 40), (20, 25), (7, 18)):
        coarse = random.normal(0, contrast, (320 // cell_px + 2, 448 // cell_px + 2)).astype(np.float32)
        light += cv2.resize(coarse, (448, 320), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(light[..., None] + random.normal(0, 2, (320, 448, 3)), 0, 255).astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(picture).save(saved, "JPEG", quality=96)
    return saved.getvalue()


def finding(data: bytes) -> Finding:
    return next(each for each in examiner.examine(data).findings if each.name == "copied_region")


def test_a_genuine_photograph_has_the_score_0(genuine: bytes) -> None:
    found = finding(genuine)
    assert found.statement == "No region of 400 pixels or more appears twice in the picture."
    assert (found.score, found.evidence) == (0, ())


def test_a_copy_is_described_with_its_turn_and_drawn_in_both_places(genuine: bytes) -> None:
    found = finding(copied(96, degrees=15)(genuine, b"", np.random.default_rng(4)))
    assert "turned by 15°" in found.statement
    assert (found.score or 0) > 0.5
    regions = next(each for each in found.evidence if isinstance(each, Regions))
    cells = next(each for each in found.evidence if isinstance(each, Map))
    assert cells.values.shape == (20, 28)
    for x, y, width, height in regions.sets[0]:
        part = cells.values[y // 16 : (y + height) // 16, x // 16 : (x + width) // 16]
        assert part.max() == pytest.approx(found.score)
    assert 0.02 < float((cells.values > 0).mean()) < 0.3


def test_a_picture_that_is_too_small_says_nothing(genuine: bytes) -> None:
    small = io.BytesIO()
    Image.new("RGB", (60, 400)).save(small, "PNG")
    assert finding(small.getvalue()).level == "none"


def test_a_planted_copy_is_the_picture_at_another_place() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    changed, matrix = with_copy(picture, 48, 0, 1.0, np.random.default_rng(2))
    across, down = (int(each) for each in matrix[:, 2])
    moved = np.roll(picture, (down, across), axis=(0, 1))
    same = np.all(changed == moved, axis=2) & np.any(changed != picture, axis=2)
    assert 0.6 * 48**2 < same.sum() < 0.9 * 48**2
    with pytest.raises(ValueError, match="too small to copy 128 px"):
        with_copy(picture, 128, 0, 1.0, np.random.default_rng(2))
