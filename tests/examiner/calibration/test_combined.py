"""All tests taken together: of genuine photographs as many are called unusual as the verdict says."""

import math

import numpy as np
import pytest

from examiner.calibration.combined import combined, combined_of_genuine, rarity
from examiner.calibration.measured import Measured
from examiner.finding import Detection

TESTS, GENUINE = 12, 300


def scores_of(photographs: int, seed: int) -> list[dict[str, float]]:
    """Return scores of genuine photographs, some tests with heavy tails, some nearly always 0, some alike."""
    random = np.random.default_rng(seed)
    common = random.normal(size=photographs)
    columns = {}
    for test in range(TESTS):
        own = random.normal(size=photographs)
        columns[str(test)] = [
            common + 0.3 * own, np.exp(2 * own), np.maximum(0, own - 2), own,
        ][test % 4]  # fmt: skip
    return [{name: float(values[number]) for name, values in columns.items()} for number in range(photographs)]


def measured(rows: list[dict[str, float]]) -> dict[str, Measured]:
    return {name: Measured(tuple(sorted(row[name] for row in rows)), 20) for name in rows[0]}


def test_a_genuine_photograph_is_called_unusual_as_rarely_as_stated() -> None:
    genuine = scores_of(GENUINE, 1)
    findings = measured(genuine)
    known = np.array(combined_of_genuine(genuine, findings, 20).scores)
    new = np.array([combined(each, findings) for each in scores_of(2_000, 2)], float)
    rates = (1 + (known[None] >= new[:, None]).sum(1)) / (1 + GENUINE)
    for stated in (0.01, 0.05, 0.2):
        assert (rates <= stated).mean() == pytest.approx(stated, abs=2.5 * math.sqrt(stated / GENUINE))


def test_one_test_alone_would_call_far_more_of_them_unusual() -> None:
    findings = measured(scores_of(GENUINE, 1))
    rarest = np.array([combined(each, findings) for each in scores_of(2_000, 2)], float)
    assert (rarest >= 2).mean() > 0.05


def test_scores_beyond_the_largest_are_told_apart() -> None:
    scores = tuple(map(float, range(100)))
    assert rarity(99.5, scores) < rarity(120, scores) < rarity(500, scores)
    assert rarity(50, scores) == pytest.approx(math.log10(101 / 51))


def test_a_score_far_beyond_is_rare_also_beside_tests_with_heavy_tails() -> None:
    """Six deviations in one of 12 tests: an exponential tail for all would find about half of them."""
    genuine = scores_of(200, 3)
    findings = measured(genuine)
    known = np.array(combined_of_genuine(genuine, findings, 20).scores)
    new = [each | {"3": each["3"] + 6} for each in scores_of(300, 4)]
    rates = [(1 + (known >= (combined(each, findings) or 0)).sum()) / 201 for each in new]
    assert np.mean(np.array(rates) <= 0.01) > 0.6


def test_where_all_genuine_scores_are_equal_nothing_is_extrapolated() -> None:
    assert rarity(1e300, (0.0,) * 199) == pytest.approx(math.log10(200))
    assert math.isfinite(rarity(1e300, (*(0.0,) * 198, 1e300), own=True))


def test_an_own_score_is_compared_with_the_other_ones() -> None:
    scores = (1.0, 2.0, 3.0)
    assert rarity(2.0, scores, own=True) == pytest.approx(math.log10(3 / 2))
    assert rarity(5.0, (1.0, 1.0, 1.0, 5.0), own=True) == pytest.approx(math.log10(4))


def test_weak_findings_and_what_was_not_measured_count_for_nothing() -> None:
    weak = Measured((0.0, 1.0), 2, (Detection("planted", 0.3, 10),))
    assert combined({"other": 9.0}, {"weak": weak}) is None
    assert combined_of_genuine([{"weak": 1.0}], {"weak": weak}, 2).scores == ()


def test_a_finding_that_is_weak_in_one_kind_of_file_alone_counts_among_genuine_photographs() -> None:
    either = (Detection("planted", 0.3, 10), Detection("planted", 0.9, 10, lossless=True))
    known = {"either": Measured((0.0, 1.0), 2, either), "sure": Measured((0.0, 1.0), 2)}
    genuine = [{"either": 1.0, "sure": 0.0}, {"either": 0.0, "sure": 0.0}]
    assert max(combined_of_genuine(genuine, known, 2).scores) > max(
        combined_of_genuine(genuine, {"sure": known["sure"]}, 2).scores
    )
