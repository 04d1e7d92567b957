"""Transductive figures: paired gains beside the ordinary figure, and what is said of the shares that are assumed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import open_store
from shards.index import Index
from train.data.answers import Answers
from train.evaluation.report import csv_of
from train.transductive import figures as transductive
from train.transductive.figures import (
    SENTENCE,
    check_transductive,
    gain_rows,
    share_notes,
    share_rows,
    transductive_notes,
)
from train.transductive.page import transductive_rows, transductive_section, transductive_text

CONDITIONS = ("unaltered", "jpeg_70", "jpeg_90")
CLASSES = ("a", "b")


@pytest.fixture
def answers() -> Answers:
    """Two devices of each of two cameras, two photographs each; the answer is always a."""
    labels = np.repeat([0, 1], 4)
    logits = np.tile(np.float32([1.0, 0.0]), (8, len(CONDITIONS), 1, 1))
    devices = ("a1", "a1", "a2", "a2", "b1", "b1", "b2", "b2")
    return Answers(tuple("01234567"), labels, devices, CONDITIONS, logits)


def test_gains_are_paired_by_device_and_have_the_scores_weights(answers: Answers) -> None:
    balanced = np.zeros((8, 3), int)
    balanced[4:, 0] = 1  # unaltered: every b is found
    balanced[4:6, 1] = 1  # JPEG 70: those of one device of b
    rows = {
        row["figure"]: row for row in gain_rows(answers, balanced, np.zeros((8, 3), int), [1, 1, 0], [0.5, 0.5, None])
    }
    assert list(rows) == ["unaltered", "manipulated", "weighted", "jpeg_70", "jpeg_90"]
    assert [row["ordinary"]["value"] for row in rows.values()] == [0.5] * 5
    gains = {name: row["class_balance_gain_transductive"] for name, row in rows.items()}
    assert gains["unaltered"] == {"value": 0.5, "interval": None}  # all devices of a camera gain alike
    assert gains["jpeg_70"] == {"value": 0.25, "interval": (0.0, 0.5)}  # b's devices do not
    assert gains["weighted"]["value"] == pytest.approx(0.7 * 0.5 + 0.3 * (0.25 + 0) / 2)
    assert rows["weighted"]["class_balance_transductive"]["value"] == pytest.approx(0.5 + gains["weighted"]["value"])
    assert {row["pseudo_labels_gain_transductive"]["value"] for row in rows.values()} == {0.0}
    assert (rows["jpeg_70"]["labelled_right"], rows["jpeg_90"]["labelled_right"]) == (0.5, None)


def test_it_is_said_which_shares_are_assumed_and_how_the_true_ones_differ() -> None:
    [equal] = share_notes(np.array([0, 0, 1]), 2)
    assert "each of the 2 cameras has an equal share" in equal
    assert "as nearly as whole photographs allow" in equal
    [other] = share_notes(np.repeat([0, 1], [80, 20]), 2)
    assert "true shares differ: they are from 0.200 to 0.800, not 0.500" in other
    assert "right for 0.700 of the photographs at most" in other
    [missing] = share_notes(np.repeat([0, 1], 5), 3)
    assert "from 0.000 to 0.500, not 0.333" in missing


def test_without_a_test_split_or_with_too_large_a_one_it_is_refused(
    tmp_path: Path,
    fill: Callable[..., Index],
    settings: Callable[..., Training],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = fill(open_store(str(tmp_path / "without")), {"train": 2, "validation": 2})
    with pytest.raises(StageError, match="the test split has none of use"):
        check_transductive(without, settings())
    index = fill(open_store(str(tmp_path / "with")), {"train": 2, "test": 2})
    check_transductive(index, settings())
    assert not any("train.test_photos" in note for note in transductive_notes(index, settings(), np.arange(6) % 3))
    fewer = settings(test_photos=3)
    assert any("train.test_photos" in note for note in transductive_notes(index, fewer, np.arange(3)))
    monkeypatch.setattr(transductive, "PHOTOS_MAX", 5)
    with pytest.raises(StageError, match="6 test photographs are too many to be assigned at once, 5 are the most"):
        check_transductive(index, settings())


def test_every_table_says_what_it_is_and_why_it_is_no_figure_of_a_photograph(answers: Answers) -> None:
    tricks = np.zeros((8, 3), int)
    figures = {
        "note": SENTENCE,
        "notes": ["n"],
        "shares": share_rows(CLASSES, answers.labels),
        "rows": gain_rows(answers, tricks, tricks, [1, 1, 1], [0.5, 0.5, 0.5]),
    }
    page = transductive_section(figures)
    assert SENTENCE in page
    assert page.count("<table") == 3
    assert all("(transductive)" in part.partition("</thead>")[0] for part in page.split("<table")[1:])
    files = {name: csv_of(rows) for name, rows in transductive_rows(figures).items()}
    assert list(files) == ["transductive", "transductive-shares"]
    for text in files.values():
        header, *lines = text.splitlines()
        assert header.endswith(",note")
        assert all(line.endswith(f'"{SENTENCE}"') for line in lines)
    assert "class_balance_transductive,class_balance_transductive_low" in files["transductive"]
    text = transductive_text(figures)
    assert text.startswith(SENTENCE)
    assert "pseudo-labels (transductive)" in text
