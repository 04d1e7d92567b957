"""Where the grid of the camera's JPEG lies, and how that is known."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from train.prediction.jpegs import luma_of
from train.prediction.phase import OWN, UNKNOWN, Phase, looked_at, phase_of_jpeg, phase_of_pixels


@pytest.fixture(scope="module")
def compressed(textured: Callable[..., np.ndarray], saved: Callable[..., bytes]) -> np.ndarray:
    """Return the pixels of a picture that was a JPEG."""
    return np.asarray(Image.open(io.BytesIO(saved(textured(456, 400), "JPEG", quality=85))))


def test_a_jpeg_saved_once_has_its_own_grid_and_a_cropped_one_the_earlier(
    compressed: np.ndarray, saved: Callable[..., bytes]
) -> None:
    assert phase_of_jpeg(luma_of(compressed)) == OWN
    again = np.asarray(Image.open(io.BytesIO(saved(compressed[5:, 3:], "JPEG", quality=95))))
    phase = phase_of_jpeg(luma_of(again))
    assert phase == Phase((5, 3), "earlier")
    assert phase.note == "was cropped and saved again: its camera's 8×8 grid begins at (5, 3)"


@pytest.mark.parametrize("origin", [(0, 0), (5, 3), (4, 4)])
def test_in_other_files_the_grid_is_estimated_from_the_pixels(compressed: np.ndarray, origin: tuple[int, int]) -> None:
    x_px, y_px = origin
    luma = luma_of(compressed[-y_px % 8 :, -x_px % 8 :])
    assert phase_of_pixels(luma) == Phase(origin, "estimated")
    assert phase_of_pixels(luma, 4).origin == (origin if origin == (5, 3) else None)


def test_without_a_grid_the_phase_is_unknown_and_the_answer_said_to_be_less_certain(
    textured: Callable[..., np.ndarray],
) -> None:
    phase = phase_of_pixels(luma_of(textured(456, 400)))
    assert phase == UNKNOWN
    assert "less certain" in str(phase.note)
    assert phase_of_pixels(luma_of(textured(40, 40))) == UNKNOWN


def test_the_middle_is_looked_at_on_the_frames_own_grid() -> None:
    assert looked_at(4032, 3023) == (1760, 1248, 512, 512)
    assert looked_at(200, 600) == (0, 40, 200, 512)
