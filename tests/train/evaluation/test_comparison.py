"""Comparison of runs: paired by photograph and device, seeds averaged, folds joined."""

from dataclasses import replace

import numpy as np
import pytest

from corpus.errors import StageError
from train.data.answers import Answers
from train.evaluation.comparison import compare, notes_of
from train.evaluation.studies import ensemble, ensemble_rows


def answered(right: np.ndarray) -> Answers:
    """Return answers of which those in `right` (photographs × two conditions) are right; two devices a camera."""
    photos = len(right)
    labels = np.arange(photos) % 2
    logits = np.zeros((photos, 2, 1, 2), np.float32)
    said = np.where(right, labels[:, None], 1 - labels[:, None])
    np.put_along_axis(logits, said[:, :, None, None], 2.0, axis=3)
    devices = tuple(f"d{number // 2 % 4}" for number in range(photos))
    return Answers(
        tuple(f"{number:016x}" for number in range(photos)), labels, devices, ("unaltered", "jpeg_70"), logits
    )


def of(compared: dict, name: str) -> dict:
    return next(row for row in compared["figures"] if row["figure"] == name)


def test_differences_are_of_the_same_photographs() -> None:
    rng = np.random.default_rng(0)
    first = rng.random((40, 2)) < 0.5
    second = first | (rng.random((40, 2)) < 0.5)
    compared = compare([answered(first)], [answered(second)])
    assert (compared["photos"], compared["devices"]) == (40, 8)
    plain = of(compared, "unaltered")
    assert plain["difference"]["value"] == pytest.approx(second[:, 0].mean() - first[:, 0].mean())
    low, high = plain["difference"]["interval"]
    assert 0 < low < plain["difference"]["value"] < high
    weighted = of(compared, "weighted")["difference"]["value"]
    assert weighted == pytest.approx(
        0.7 * plain["difference"]["value"] + 0.3 * of(compared, "jpeg_70")["difference"]["value"]
    )
    assert any("seed" in note for note in notes_of(compared))
    assert of(compare([answered(first)], [answered(first)]), "weighted")["difference"] == {
        "value": 0.0,
        "interval": None,
    }


def test_seeds_are_averaged_and_folds_joined() -> None:
    right = np.ones((8, 2), bool)
    wrong = ~right
    seeds = compare([answered(right), answered(wrong)], [answered(right), answered(right)])
    assert of(seeds, "weighted")["difference"]["value"] == pytest.approx(0.5)
    assert seeds["runs"][0]["standard_deviation"] == pytest.approx(np.sqrt(0.5))
    assert not any("seed" in note for note in notes_of(seeds))
    whole = answered(right)
    folds = compare([whole.of(np.arange(4)), whole.of(np.arange(4, 8))], [whole])
    assert (folds["photos"], folds["left_out"]) == (8, 0)
    assert folds["runs"][0]["standard_deviation"] is None  # they judged other photographs, so they differ for that
    assert any("seed" in note for note in notes_of(folds))
    twice = [whole.of(np.arange(4)), whole.of(np.arange(4, 8))] * 2
    assert not any("seed" in note for note in notes_of(compare(twice, [whole, whole])))


def test_runs_without_a_photograph_in_common_are_refused_and_what_one_alone_has_is_left_out() -> None:
    whole = answered(np.ones((8, 2), bool))
    with pytest.raises(StageError, match="no photograph in common"):
        compare([whole.of(np.arange(4))], [whole.of(np.arange(4, 8))])
    compared = compare([whole.of(np.arange(6))], [whole])
    assert (compared["photos"], compared["left_out"]) == (6, 2)
    with pytest.raises(StageError, match="other conditions"):
        compare([whole], [replace(whole, conditions=("a", "b"))])


def test_runs_that_know_other_numbers_of_cameras_are_refused_also_where_their_labels_agree() -> None:
    two = answered(np.ones((8, 2), bool))
    three = replace(two, logits=np.pad(two.logits, [(0, 0), (0, 0), (0, 0), (0, 1)], constant_values=-9.0))
    assert (three.log_probabilities().argmax(axis=2) == two.log_probabilities().argmax(axis=2)).all()
    with pytest.raises(StageError, match=r"know 2 and 3 cameras.*train\.held_out_cameras"):
        compare([two], [three])


def test_runs_vote_together() -> None:
    right = np.ones((8, 2), bool)
    sure, unsure = answered(right), answered(~right)
    unsure = replace(unsure, logits=unsure.logits / 2)
    assert ensemble([sure, unsure]).right().all()
    rows = ensemble_rows({"sure": sure, "unsure": unsure})
    assert [(row["weights"], row["gain_of_all"]["value"]) for row in rows] == [
        ("sure", 0.0), ("unsure", 1.0), ("together", None),
    ]  # fmt: skip
