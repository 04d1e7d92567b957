"""Which camera the pixels say, and whether the file names the same one."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

import examiner
from examiner.detectors.camera.judging import log10_odds_against, share_of
from examiner.finding import Finding, Table
from examiner.knowledge import TrainedRun
from train.prediction.answers import Answer


def findings(data: bytes, run: TrainedRun) -> dict[str, Finding]:
    return {each.name: each for each in examiner.examine(data, run=run).findings if each.group == "camera"}


def test_the_likeliest_camera_is_named_with_its_probability(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    for camera in ("grainy", "smooth", "striped"):
        found = findings(camera_file(camera_picture(camera, 90)), run)["camera"]
        assert f"like those of {camera.title()} (" in found.statement
        table = found.evidence[0]
        assert isinstance(table, Table)
        assert table.rows[0][0] == camera.title()


def test_a_file_that_names_the_camera_of_its_pixels_agrees_with_them(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    found = findings(camera_file(camera_picture("smooth", 91), "smooth"), run)["camera_claim"]
    assert "names Smooth, which is also the camera that the pixels look like most" in found.statement
    assert found.score is not None
    assert found.score < 0


def test_a_file_that_names_another_camera_is_contradicted_and_scores_higher(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    found = findings(camera_file(camera_picture("smooth", 91), "grainy"), run)["camera_claim"]
    assert "names Grainy, to which the network gives" in found.statement
    assert "the network's own answer is Smooth" in found.statement
    assert found.score is not None
    assert found.score > 1


@pytest.mark.parametrize(("claim", "said"), [(None, "names no camera"), ("unheard", "which the network does not know")])
def test_without_a_claim_that_the_network_knows_nothing_is_said_of_it(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes],
    claim: str | None, said: str,
) -> None:  # fmt: skip
    found = findings(camera_file(camera_picture("smooth", 92), claim), run)["camera_claim"]
    assert found.level == "none"
    assert found.score is None
    assert said in found.statement


def test_a_picture_that_was_turned_is_said_to_be(
    run: TrainedRun, camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    turned = cv2.rotate(camera_picture("striped", 93), cv2.ROTATE_90_CLOCKWISE)
    assert "; turned by 90°" in findings(camera_file(turned), run)["camera"].statement


def test_without_a_network_nothing_is_asked(
    camera_picture: Callable[..., np.ndarray], camera_file: Callable[..., bytes]
) -> None:
    report = examiner.examine(camera_file(camera_picture("smooth", 94)))
    assert all(each.group != "camera" for each in report.findings)


def test_what_the_network_cannot_judge_gets_the_reason(run: TrainedRun, camera_file: Callable[..., bytes]) -> None:
    report = examiner.examine(camera_file(np.full((40, 40, 3), 90, np.uint8)), run=run)
    found = next(each for each in report.findings if each.group == "camera")
    assert found.level == "none"
    assert "smaller than the network's crop" in found.statement


def test_that_it_may_be_none_of_these_counts_against_each_camera() -> None:
    sure = Answer("", cameras=(("a", 0.9), ("b", 0.1)))
    unsure = replace(sure, none_probability=0.5)
    assert share_of(unsure, "a") == pytest.approx(0.45)
    assert log10_odds_against(sure, "a") == pytest.approx(np.log10(0.1 / 0.9))
    assert log10_odds_against(unsure, "a") > log10_odds_against(sure, "a")
    assert log10_odds_against(sure, "c") == pytest.approx(9, abs=1e-3)
