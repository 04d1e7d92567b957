"""A calibration says what genuine photographs score, never too rare, and what share of the planted is found."""

import pytest

from corpus.errors import StorageError
from examiner.calibration.gathered import (
    SCORES_MAX,
    Part,
    Planted,
    gathered,
    part_bytes,
    part_of,
    rounded_up,
    thinned,
)  # fmt: skip
from examiner.calibration.measured import with_strength
from examiner.finding import Finding


def parts(number: int) -> list[Part]:
    """Photographs by devices of ten each, with the scores 0, 1, 2 …; in each one thing is planted."""
    return [
        Part(f"p{each:04}", f"d{each // 10}", {"seen": float(each)}, (Planted("seen", "planted", 2.0 * each),))
        for each in range(number)
    ]


def test_scores_and_devices_are_those_of_the_photographs_that_have_one() -> None:
    calibration = gathered([*parts(30), Part("silent", "d9", {})], "a test")
    seen = calibration.findings["seen"]
    assert calibration.origin == "a test"
    assert seen.scores == tuple(map(float, range(30)))
    assert seen.devices == 3


def test_found_is_what_at_most_one_genuine_photograph_in_a_hundred_has() -> None:
    calibration = gathered(parts(199), "a test")
    (detection,) = calibration.findings["seen"].detection
    # of 199 photographs one may have as much: more than 197 is unusual, and so 2 × 99 … 2 × 198 are
    assert (detection.what, detection.photographs) == ("planted", 199)
    assert detection.share == pytest.approx(100 / 199, abs=1e-4)


def test_a_finding_that_says_nothing_of_the_planted_has_not_found_it() -> None:
    silent = [Part(one.photo, one.device, one.genuine, (Planted("seen", "planted", None),)) for one in parts(120)]
    assert gathered(silent, "a test").findings["seen"].detection[0].share == 0


def test_with_too_few_photographs_nothing_is_unusual() -> None:
    calibration = gathered(parts(98), "a test")
    assert calibration.findings["seen"].detection[0].share == 0
    finding = Finding("seen", "history", "", "expected", 1e9)
    assert with_strength(finding, calibration).level == "expected"


@pytest.mark.parametrize(
    ("score", "rounded"), [(0.0, 0.0), (1.23451, 1.235), (-1.23459, -1.234), (123456.0, 123500.0), (5e-9, 5e-9),
                           (7.0, 7.0), (float("inf"), 1e300)],
)  # fmt: skip
def test_scores_are_rounded_up_so_that_no_genuine_one_looks_rarer_than_it_is(score: float, rounded: float) -> None:
    assert rounded_up(score) == pytest.approx(rounded)
    assert rounded_up(score) >= min(score, 1e300)


def test_of_many_scores_a_bounded_number_is_kept_with_the_largest() -> None:
    kept = thinned([float(each) for each in range(10 * SCORES_MAX)])
    assert len(kept) == SCORES_MAX
    assert kept[-1] == 10 * SCORES_MAX - 1
    assert kept[0] == 9
    assert thinned([1.0, 2.0]) == (1.0, 2.0)


def test_a_part_is_read_as_it_was_written_and_a_damaged_one_is_named() -> None:
    part = parts(8)[7]
    assert part_of(part_bytes(part), "x") == part
    with pytest.raises(StorageError, match=r"parts/x\.json: is damaged"):
        part_of(part_bytes(part)[:-5], "parts/x.json")
