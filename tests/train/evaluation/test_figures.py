import numpy as np
import pytest
import torch

from corpus.errors import StageError
from train.data.manipulations import MANIPULATIONS
from train.evaluation.figures import figures, wilson_interval
from train.evaluation.page import evaluation_page
from train.evaluation.probabilities import CONDITIONS, ProbabilityTable, geometric_mean

CLASSES = ("a", "b", "c")


@pytest.fixture
def table() -> ProbabilityTable:
    """Four photographs of a, four of b, two of c.

    Unaltered: one of a is taken for b, one of c for a: 8 of 10 right. JPEG 70: all are taken for a: 4 of 10. All other
    manipulations: 9 of 10, one of c is taken for b.
    """
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
    answers = np.tile(labels[:, None], (1, len(CONDITIONS)))
    answers[0, 0], answers[8, 0] = 1, 0
    answers[8, 1:] = 1
    answers[:, CONDITIONS.index("jpeg_70")] = 0
    probabilities = np.full((10, len(CONDITIONS), 3), 0.1)
    np.put_along_axis(probabilities, answers[:, :, None], 0.8, axis=2)
    devices = ("a1", "a1", "a2", "a2", "b1", "b1", "b1", "b1", "c1", "c1")
    return ProbabilityTable(tuple("0123456789"), labels, devices, CONDITIONS, probabilities)


def test_score_is_the_challenges(table: ProbabilityTable) -> None:
    result = figures(table, CLASSES)
    assert result["unaltered"] == pytest.approx(0.8)
    assert result["manipulated"] == pytest.approx((0.4 + 7 * 0.9) / 8)
    assert result["weighted_accuracy"] == pytest.approx(0.7 * 0.8 + 0.3 * (0.4 + 7 * 0.9) / 8)
    assert result["accuracy"]["jpeg_70"] == pytest.approx(0.4)
    assert set(result["accuracy"]) == {"unaltered", *MANIPULATIONS}
    assert (result["photos"], result["devices"], result["chance"]) == (10, 4, 0.4)


def test_each_camera_has_its_recall_and_precision(table: ProbabilityTable) -> None:
    first, second, third = figures(table, CLASSES)["cameras"]
    assert (first["photos"], first["devices"], first["recall"], first["precision"]) == (4, 2, 3 / 4, 3 / 4)
    assert (second["recall"], second["precision"]) == (1.0, 4 / 5)
    assert (third["recall"], third["precision"]) == (1 / 2, 1.0)
    assert second["recall_manipulated"] == pytest.approx(7 / 8)


def test_confusion_counts_true_cameras_in_rows(table: ProbabilityTable) -> None:
    confusion = figures(table, CLASSES)["confusion"]
    assert confusion["unaltered"] == [[3, 1, 0], [0, 4, 0], [1, 0, 1]]
    assert sum(map(sum, confusion["manipulated"])) == 80


def test_a_camera_without_photographs_has_no_recall(table: ProbabilityTable) -> None:
    last = figures(table, (*CLASSES, "d"))["cameras"][3]
    assert (last["photos"], last["recall"], last["precision"]) == (0, None, None)


def test_nothing_to_evaluate_on_is_said(table: ProbabilityTable) -> None:
    empty = ProbabilityTable((), table.labels[:0], (), table.conditions, table.probabilities[:0])
    with pytest.raises(StageError, match="no photographs"):
        figures(empty, CLASSES)


def test_wilson_interval_agrees_with_published_values() -> None:
    assert wilson_interval(0.5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson_interval(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson_interval(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_crops_are_joined_by_the_geometric_mean() -> None:
    probabilities = torch.tensor([[0.9, 0.1], [0.4, 0.6]])
    expected = np.sqrt([0.36, 0.06]) / np.sqrt([0.36, 0.06]).sum()
    assert geometric_mean(probabilities.log() + 7.0) == pytest.approx(expected, abs=1e-6)


def test_page_shows_the_figures_and_needs_nothing_else(table: ProbabilityTable) -> None:
    evaluation = {"split": "test", "notes": ["Trained on <shuffled> labels."], **figures(table, CLASSES)}
    history = [
        {"epoch": 1, "loss": 1.0, "accuracy": 0.5, "validation_accuracy": 0.6},
        {"epoch": 2, "loss": 0.5, "accuracy": 0.7},
    ]
    page = evaluation_page("0001-x", evaluation, {"network": "shutter_tiny", "gpus": False}, history)
    assert f"{evaluation['weighted_accuracy']:.3f}" in page
    assert "Trained on &lt;shuffled&gt; labels." in page
    assert page.count("<svg") == 4
    assert not [link for link in ('src="http', 'href="http', "<script", "<image") if link in page]
    assert page == evaluation_page("0001-x", evaluation, {"network": "shutter_tiny", "gpus": False}, history)
