"""What an examination says of files, with nothing but the file."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.calibration.measured import Calibration, Measured, as_dict, calibration_of, upper_bound, with_strength
from examiner.examination import FINDINGS, _said
from examiner.finding import Detection, Finding
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph


def jpeg(picture: Image.Image, quality: int) -> bytes:
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=quality)
    return saved.getvalue()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    random = np.random.default_rng(14)
    coarse = Image.fromarray(random.integers(0, 256, (40, 40, 3), np.uint8)).resize(
        (640, 640), Image.Resampling.BICUBIC
    )
    noise = random.normal(0, 4, (640, 640, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8))


def finding(report: examiner.Report, name: str) -> Finding:
    return next(each for each in report.findings if each.name == name)


def test_a_crop_of_a_jpeg_saved_again_shows_its_earlier_grid(picture: Image.Image) -> None:
    once = Image.open(io.BytesIO(jpeg(picture, 70)))
    report = examiner.examine(jpeg(once.crop((3, 5, 600, 600)), 92))
    assert "begins at (5, 3)" in finding(report, "shifted_grid").statement
    assert (finding(report, "shifted_grid").score or 0) > 6


def test_a_jpeg_saved_once_shows_no_earlier_grid(picture: Image.Image) -> None:
    report = examiner.examine(jpeg(picture, 92))
    assert finding(report, "shifted_grid").statement.startswith(("No second grid", "No clear second grid"))


@pytest.mark.parametrize(("data", "reason"), [(b"", "is empty"), (b"PK\3\4", "is an archive"), (b"\xff\xd8\xff", "")])
def test_what_is_no_picture_gets_a_sentence(data: bytes, reason: str) -> None:
    report = examiner.examine(data)
    assert report.error is not None
    assert reason in report.error
    assert report.findings == ()


def test_a_question_without_an_answer_names_itself_and_the_reason(picture: Image.Image) -> None:
    report = examiner.examine(jpeg(picture, 92)[:-20_000])
    assert report.error is None
    assert finding(report, "resampling").statement.startswith("Nothing can be said of resampling: the file ")


def test_findings_stand_in_the_order_of_the_report_whichever_is_asked_first(picture: Image.Image) -> None:
    names = [each.name for each in examiner.examine(jpeg(picture, 92)).findings]
    asked = [ask.__name__ for _, ask in FINDINGS if ask.__name__ in names]
    assert [name for name in names if name in asked] == asked
    assert asked.index("shifted_grid") < asked.index("copied_region") < asked.index("scanner_or_camera")


def test_opencv_without_memory_is_a_finding_that_says_so(picture: Image.Image) -> None:
    def asks_too_much(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
        cv2.copyMakeBorder(np.zeros((1, 1), np.uint8), *(4 * [1 << 29]), cv2.BORDER_CONSTANT)
        yield Finding("never", "history", "", "fact")

    [found] = _said(("history", asks_too_much), Photograph(jpeg(picture, 90)), Knowledge())
    assert found.level == "none"
    assert found.statement.endswith("it needs more memory than there is.")


def scored(score: float) -> Finding:
    return Finding("shifted_grid", "history", "seen", "expected", score)


def calibration(*shares: float) -> Calibration:
    detection = tuple(Detection("planted", share, 100) for share in shares)
    return Calibration("199 photographs", {"shifted_grid": Measured(tuple(map(float, range(199))), 20, detection)})


def test_a_score_is_worth_what_genuine_photographs_say() -> None:
    strength = with_strength(scored(190), calibration()).strength
    assert strength is not None
    assert strength.false_alarm_rate == pytest.approx((1 + 9) / 200)
    assert (strength.photographs, strength.devices) == (199, 20)


@pytest.mark.parametrize(("as_large", "devices"), [(0, 65), (0, 20), (1, 20), (19, 20)])
def test_at_the_upper_bound_so_few_devices_would_be_met_once_in_twenty(as_large: int, devices: int) -> None:
    bound = upper_bound(as_large, devices)
    so_few = sum(
        math.comb(devices, number) * bound**number * (1 - bound) ** (devices - number) for number in range(as_large + 1)
    )
    assert so_few == pytest.approx(0.05)


@pytest.mark.parametrize(("as_large", "devices"), [(20, 20), (30, 20), (0, 0)])
def test_where_every_device_may_have_such_a_score_there_is_no_bound(as_large: int, devices: int) -> None:
    assert upper_bound(as_large, devices) == 1


@pytest.mark.parametrize(
    ("score", "level"), [(500.0, "unusual"), (198.0, "unusual"), (197.0, "expected"), (0.0, "expected")]
)
def test_at_most_one_genuine_photograph_in_a_hundred_makes_a_score_unusual(score: float, level: str) -> None:
    assert with_strength(scored(score), calibration(0.9)).level == level


def test_a_method_that_finds_less_than_half_is_called_weak() -> None:
    assert with_strength(scored(500), calibration(0.9, 0.05)).level == "weak"


def test_weak_is_said_of_files_saved_like_the_one_at_hand() -> None:
    planted = (Detection("planted", 0.1, 100), Detection("planted", 0.9, 100, lossless=True))
    known = Calibration("x", {"shifted_grid": Measured(tuple(map(float, range(199))), 20, planted)})
    for lossless, level in ((False, "weak"), (True, "unusual")):
        worth = with_strength(scored(500), known, lossless=lossless)
        assert (worth.level, worth.strength and worth.strength.detection) == (level, (planted[lossless],))


def test_where_none_was_saved_like_the_file_at_hand_all_that_was_planted_counts() -> None:
    assert with_strength(scored(500), calibration(0.9, 0.8), lossless=True).level == "unusual"
    assert with_strength(scored(500), calibration(0.3), lossless=True).level == "weak"


def test_a_calibration_is_read_as_it_was_written(tmp_path: Path) -> None:
    import json

    whole = calibration(0.9)
    assert calibration_of(json.dumps(as_dict(whole)).encode(), "x") == whole
