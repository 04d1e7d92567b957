"""Whether a picture is one, as the report says it."""

from collections.abc import Callable

import numpy as np
import pytest

import examiner
from examiner.finding import Finding, Map, Regions
from examiner.knowledge import TrainedRun


def finding(data: bytes, run: TrainedRun | None = None) -> Finding:
    return next(each for each in examiner.examine(data, run=run).findings if each.group == "splices")


@pytest.fixture(scope="module")
def spliced(camera_picture: Callable[..., np.ndarray]) -> np.ndarray:
    picture = camera_picture("grainy", 60, 512, 512)
    picture[200:424, 100:324] = camera_picture("smooth", 61, 512, 512)[:224, :224]
    return picture


def test_the_sentence_names_the_two_cameras_and_the_place(
    run: TrainedRun, spliced: np.ndarray, camera_file: Callable[..., bytes]
) -> None:
    found = finding(camera_file(spliced), run)
    assert found.name == "splices"
    assert "answers Grainy for the picture as a whole, and Smooth where its traces differ" in found.statement
    regions = next(each for each in found.evidence if isinstance(each, Regions))
    x_px, y_px, width_px, height_px = regions.sets[0][0]
    assert x_px < 212 < x_px + width_px
    assert y_px < 312 < y_px + height_px


def test_maps_are_shown_from_nothing_to_the_strongest_with_cells_that_have_no_answer(
    run: TrainedRun, spliced: np.ndarray, camera_file: Callable[..., bytes]
) -> None:
    plain = spliced.copy()
    plain[:128, 320:] = 255
    maps = [each for each in finding(camera_file(plain), run).evidence if isinstance(each, Map)]
    assert [each.title for each in maps] == [
        "All traces together", "Camera", "Noise", "Grid of blocks", "Votes of blocks",
    ]  # fmt: skip
    for each in maps:
        assert np.isnan(each.values[:3, 11:]).all()
        assert 0 <= np.nanmin(each.values) <= np.nanmax(each.values) <= 1


def test_a_cropped_file_without_a_grid_of_its_own_is_looked_at_from_its_camera_s_grid(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    import io

    from PIL import Image

    photograph = np.asarray(Image.open(io.BytesIO(camera_file(camera_picture("smooth", 62, 640, 640)))))
    found = finding(camera_file(photograph[3:, 6:], kind="PNG"), run)
    maps = [each for each in found.evidence if isinstance(each, Map)]
    assert maps[0].origin_px == (2, 5)


def test_without_a_network_noise_and_grids_are_looked_at_and_the_report_says_so(
    spliced: np.ndarray, camera_file: Callable[..., bytes]
) -> None:
    found = finding(camera_file(spliced))
    assert found.name == "splices_without_network"
    assert "no network was used" in found.statement
    assert found.score is not None
    assert [each.title for each in found.evidence if isinstance(each, Map)] == [
        "All traces together", "Noise", "Grid of blocks", "Votes of blocks",
    ]  # fmt: skip


def test_a_plain_picture_gets_no_score_and_the_reason(camera_file: Callable[..., bytes]) -> None:
    found = finding(camera_file(np.full((512, 512, 3), 255, np.uint8)))
    assert found.level == "none"
    assert "saturated, flat or blurred" in found.statement


def test_a_small_picture_gets_the_reason(camera_file: Callable[..., bytes]) -> None:
    found = finding(camera_file(np.full((100, 100, 3), 90, np.uint8)))
    assert found.level == "none"
    assert "is smaller than" in found.statement
