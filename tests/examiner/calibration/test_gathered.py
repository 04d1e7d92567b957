"""A calibration says what genuine photographs score, never too rare, and what share of the planted is found."""

import pytest

from corpus.errors import StorageError
from examiner.calibrate import compact, table
from examiner.calibration.combined import INTEGRITY
from examiner.calibration.gathered import (
    SCORES_MAX,
    Part,
    Planted,
    gathered,
    of_kind,
    part_bytes,
    part_of,
    rounded_up,
    thinned,
    with_kind,
)  # fmt: skip
from examiner.calibration.measured import Calibration, calibration_of, completed, with_strength
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


def test_with_too_few_photographs_nothing_is_unusual_and_nothing_is_said_of_the_method() -> None:
    calibration = gathered(parts(98), "a test")
    assert calibration.findings["seen"].detection == ()
    assert table(calibration)[1].endswith("never  fewer than 99 photographs: cannot be told")
    assert gathered(parts(99), "a test").findings["seen"].detection[0].share > 0
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


def pages(number: int) -> Calibration:
    """Genuine pages, on which one finding was measured."""
    return gathered([Part(f"p{each}", "scanner", {"paper": 100.0 + each}) for each in range(number)], "pages")


def test_another_kind_of_picture_leaves_what_photographs_score_as_it_is() -> None:
    photographs = gathered(parts(199), "photographs")
    both = with_kind(photographs, pages(120), "documents")
    assert both.origin == "photographs"
    for name, each in photographs.findings.items():
        assert both.findings[name] == each
    assert both.findings["paper"].origin == both.findings[f"{INTEGRITY}_documents"].origin == "pages"
    # measured again, it takes the place of what was there
    again = with_kind(both, pages(150), "documents")
    assert (len(again.findings["paper"].scores), set(again.findings)) == (150, set(both.findings))


def test_a_score_is_worth_what_its_own_kind_of_genuine_picture_gives() -> None:
    both = with_kind(gathered(parts(199), "photographs"), pages(120), "documents")
    both = calibration_of(compact(both), "as stored")
    for name, score, photographs, origin in (("paper", 219.0, 120, "pages"), ("seen", 219.0, 199, "photographs")):
        strength = with_strength(Finding(name, "scan", "", "expected", score), both).strength
        assert strength is not None
        assert (strength.photographs, strength.origin) == (photographs, origin)


def test_a_picture_of_another_kind_is_ranked_among_its_own_and_the_rest_among_photographs() -> None:
    seen_too = [Part(f"p{each}", "scanner", {"paper": 100.0 + each, "seen": 500.0}) for each in range(120)]
    photographs = [
        Part(one.photo, one.device, one.genuine | {"dates": one.genuine["seen"]}, one.planted) for one in parts(199)
    ]
    both = with_kind(gathered(photographs, "photographs"), gathered(seen_too, "pages"), "documents")
    (scored, of_date), worth = (Finding(each, "scan", "", "expected", 400.0) for each in ("seen", "dates")), {}
    for name, calibration in (("photograph", both), ("page", of_kind(both, "documents"))):
        worth[name] = [with_strength(each, calibration) for each in (scored, of_date)]
    assert [each.level for each in worth["photograph"]] == ["unusual", "unusual"]
    assert [each.level for each in worth["page"]] == ["expected", "unusual"]
    assert worth["page"][0].strength is not None
    assert worth["page"][0].strength.origin == "pages"
    page = of_kind(both, "documents")
    assert page.findings[INTEGRITY].origin == "pages"
    assert page.findings[f"{INTEGRITY}_others"] == both.findings[INTEGRITY]


def test_a_run_s_calibration_is_completed_by_other_kinds_of_pictures_alone() -> None:
    shipped = with_kind(gathered(parts(199), "shipped"), pages(120), "documents")
    own = gathered(parts(30), "the run's")
    whole = completed(own, shipped)
    assert whole.origin == "the run's"
    theirs = {name: shipped.findings[name] for name in ("paper", f"{INTEGRITY}_documents")}
    assert whole.findings == own.findings | theirs
    # photographs that look like a page do not stand for pages
    page_like = gathered([*parts(30), Part("menu", "d0", {"paper": 1.0})], "the run's")
    assert completed(page_like, shipped).findings["paper"] == shipped.findings["paper"]
