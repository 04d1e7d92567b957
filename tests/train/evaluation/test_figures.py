"""Figures of an evaluation: the challenge's score, by camera and device, with intervals that know of devices."""

import numpy as np
import pytest

from corpus.errors import StageError
from train.data.answers import CHALLENGE, Answers
from train.data.manipulations import MANIPULATIONS
from train.evaluation.breakdowns import breakdowns
from train.evaluation.figures import figures
from train.evaluation.pages.evaluation import evaluation_page
from train.evaluation.photo_facts import PhotoFacts

CLASSES = ("a", "b", "c")
CONDITIONS = tuple(condition.name for condition in CHALLENGE)


@pytest.fixture
def answers() -> Answers:
    """Four photographs of a, four of b, two of c.

    Unaltered: one of a is taken for b, one of c for a: 8 of 10 right. JPEG 70: all are taken for a: 4 of 10. All other
    manipulations: 9 of 10, one of c is taken for b.
    """
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    said = np.tile(labels[:, None], (1, len(CONDITIONS)))
    said[0, 0], said[8, 0] = 1, 0
    said[8, 1:] = 1
    said[:, CONDITIONS.index("jpeg_70")] = 0
    probabilities = np.full((10, len(CONDITIONS), 3), 0.1)
    np.put_along_axis(probabilities, said[:, :, None], 0.8, axis=2)
    devices = ("a1", "a1", "a2", "a2", "b1", "b1", "b1", "b1", "c1", "c1")
    logits = np.log(probabilities)[:, :, None].repeat(2, axis=2).astype(np.float32)
    return Answers(tuple("0123456789"), labels, devices, CONDITIONS, logits)


def test_score_is_the_challenges(answers: Answers) -> None:
    result = figures(answers, CLASSES)
    assert result["unaltered"] == pytest.approx(0.8)
    assert result["manipulated"] == pytest.approx((0.4 + 7 * 0.9) / 8)
    assert result["weighted_accuracy"] == pytest.approx(0.7 * 0.8 + 0.3 * (0.4 + 7 * 0.9) / 8)
    assert result["accuracy"]["jpeg_70"] == pytest.approx(0.4)
    assert set(result["accuracy"]) == {"unaltered", *MANIPULATIONS}
    assert (result["photos"], result["devices"], result["chance"]) == (10, 4, 0.4)


def test_each_camera_has_its_recall_and_precision(answers: Answers) -> None:
    first, second, third = figures(answers, CLASSES)["cameras"]
    assert (first["photos"], first["devices"], first["recall"], first["precision"]) == (4, 2, 3 / 4, 3 / 4)
    assert (second["recall"], second["precision"]) == (1.0, 4 / 5)
    assert (third["recall"], third["precision"]) == (1 / 2, 1.0)
    assert second["recall_manipulated"] == pytest.approx(7 / 8)


def test_confusion_counts_true_cameras_in_rows(answers: Answers) -> None:
    confusion = figures(answers, CLASSES)["confusion"]
    assert confusion["unaltered"] == [[3, 1, 0], [0, 4, 0], [1, 0, 1]]
    assert sum(map(sum, confusion["manipulated"])) == 80


def test_a_camera_without_photographs_has_no_recall(answers: Answers) -> None:
    last = figures(answers, (*CLASSES, "d"))["cameras"][3]
    assert (last["photos"], last["recall"], last["precision"]) == (0, None, None)


def test_nothing_to_evaluate_on_is_said(answers: Answers) -> None:
    with pytest.raises(StageError, match="no photographs"):
        figures(answers.of(np.arange(0)), CLASSES)


def test_every_figure_has_an_interval_by_device_and_cameras_of_one_device_have_none_of_their_own(
    answers: Answers,
) -> None:
    result = figures(answers, CLASSES)
    assert result["single_device_cameras"] == ["b", "c"]
    for key in ("weighted_interval", "unaltered_interval", "manipulated_interval"):
        low, high = result[key]
        assert 0 <= low < high <= 1
    low, high = result["unaltered_interval"]
    assert high - low > 0.15  # b and c are one device each, of which one was right and one half
    assert set(result["accuracy_intervals"]) == set(CONDITIONS)
    assert result["cameras"][0]["recall_interval"] is not None
    assert result["cameras"][1]["recall_interval"] is None
    low, high = result["cameras"][1]["precision_interval"]  # of its answers some are of devices of a
    assert low < result["cameras"][1]["precision"] <= high
    alone = figures(answers.of(np.array([8, 9])), CLASSES)
    assert alone["weighted_interval"] is None
    assert alone["calibration"]["error"]["calibrated"]["interval"] is None


def test_balanced_and_macro_count_every_camera_alike(answers: Answers) -> None:
    result = figures(answers, CLASSES)
    assert result["balanced"]["unaltered"]["value"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    macro = result["macro"]["unaltered"]
    assert macro["recall"]["value"] == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert macro["precision"]["value"] == pytest.approx((3 / 4 + 4 / 5 + 1) / 3)
    assert macro["f1"]["value"] == pytest.approx((6 / 8 + 8 / 9 + 2 / 3) / 3)


def test_among_the_likeliest_two_counts_the_second_but_not_what_is_as_likely_as_another(answers: Answers) -> None:
    """Two of ten are wrong, and of each the two other cameras are equally likely: neither is the second."""
    assert figures(answers, CLASSES)["top_k"]["2"]["unaltered"]["value"] == pytest.approx(0.8)
    logits = answers.logits.copy()
    logits[0, 0, :, 0] += 1.0  # the photograph of a taken for b: a is now second, before c
    other = Answers(answers.photos, answers.labels, answers.devices, answers.conditions, logits)
    assert figures(other, CLASSES)["top_k"]["2"]["unaltered"]["value"] == pytest.approx(0.9)
    assert set(figures(other, CLASSES)["top_k"]) == {"2"}


def test_permuted_labels_show_what_chance_reaches(answers: Answers) -> None:
    found = figures(answers, CLASSES)["permuted"]
    assert found["value"] < 0.5
    assert found["interval"][0] < found["value"] < found["interval"][1]
    assert found["reached"] == pytest.approx(2 / 24, abs=0.02)  # of four devices, two of a, which may change places
    assert figures(answers.of(np.arange(4)), CLASSES)["permuted"] is None


def test_devices_have_their_own_rows(answers: Answers) -> None:
    rows = figures(answers, CLASSES)["by_device"]
    assert [(row["camera"], row["device"], row["photos"], row["unaltered"]) for row in rows] == [
        ("a", "a1", 2, 0.5), ("a", "a2", 2, 1.0), ("b", "b1", 4, 1.0), ("c", "c1", 2, 0.5),
    ]  # fmt: skip


def test_more_crops_vote_for_more(answers: Answers) -> None:
    logits = answers.logits.copy()
    logits[0, 0, 1, 0] += 9.0  # its second crop knows better
    other = Answers(answers.photos, answers.labels, answers.devices, answers.conditions, logits)
    first, second = figures(other, CLASSES)["votes"]
    assert (first["crops"], first["unaltered"]["value"]) == (1, 0.8)
    assert (second["crops"], second["unaltered"]["value"]) == (2, 0.9)


def test_calibration_says_what_the_temperature_mends(answers: Answers) -> None:
    calibration = figures(answers, CLASSES, temperature=0.5)["calibration"]
    assert set(calibration["by_condition"]) == set(CONDITIONS)
    raw, mended = (calibration["by_condition"]["gamma_0.8"][key]["value"] for key in ("uncalibrated", "calibrated"))
    assert raw == pytest.approx(0.9 - 0.8, abs=1e-6)
    assert mended == pytest.approx(0.64 / 0.66 - 0.9, abs=1e-6)
    assert sum(row["photos"] for row in calibration["bins"]) == 90


def test_what_is_known_of_photographs_divides_the_scores(answers: Answers) -> None:
    facts = [PhotoFacts(quality_factor=97 - number % 2, year="2019", iso=150) for number in range(9)] + [PhotoFacts()]
    found = breakdowns(answers, facts)
    assert [(row["value"], row["photos"]) for row in found["by_quality"]] == [("96", 4), ("97", 5), ("unknown", 1)]
    assert [row["value"] for row in found["by_iso"]] == ["101–200", "unknown"]
    assert found["by_year"][0]["unaltered"]["value"] == pytest.approx(7 / 9)
    assert found["by_year"][1]["unaltered"]["interval"] is None
    assert found["by_owner"] == []


def test_page_shows_the_figures_and_needs_nothing_else(answers: Answers) -> None:
    evaluation = {"split": "test", "notes": ["Trained on <shuffled> labels."], **figures(answers, CLASSES)}
    history = [
        {"epoch": 1, "loss": 1.0, "accuracy": 0.5, "validation_accuracy": 0.6},
        {"epoch": 2, "loss": 0.5, "accuracy": 0.7},
    ]
    page = evaluation_page("0001-x", evaluation, {"network": "shutter_tiny", "gpus": False}, history)
    assert f"{evaluation['weighted_accuracy']:.3f}" in page
    assert "Trained on &lt;shuffled&gt; labels." in page
    assert page.count("<svg") == 6
    assert not [link for link in ('src="http', 'href="http', "<script", "<image") if link in page]
    assert page == evaluation_page("0001-x", evaluation, {"network": "shutter_tiny", "gpus": False}, history)
