"""Alarms of splices: a threshold is that of other devices, and no threshold says more than its photographs can."""

import math

import pytest

pytest.importorskip("torch", reason="needs the extra train")

from benchmarks.examiner.splices import Result, alarms_of


def genuine(device: str, *scores: float) -> list[Result]:
    return [Result("examiner", device, "genuine", 0, "png", score) for score in scores]


def test_a_threshold_is_what_one_in_a_hundred_of_the_other_devices_has() -> None:
    results = [*genuine("a", *map(float, range(199))), *genuine("b", *(1000.0 + each for each in range(199)))]
    thresholds, alarms = alarms_of(results)
    # of 199 scores and the one at hand two may be as large
    assert thresholds == {"a": 1197.0, "b": 197.0}
    assert alarms == 0.5


@pytest.mark.parametrize(("number", "threshold"), [(99, 98.0), (98, math.inf)])
def test_fewer_than_99_scores_of_other_devices_raise_no_alarm(number: int, threshold: float) -> None:
    thresholds, _ = alarms_of([*genuine("a", *map(float, range(number))), *genuine("b", 5000.0)])
    assert thresholds["b"] == threshold
