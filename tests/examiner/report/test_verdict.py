"""The verdict: right also when many tests are asked."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from examiner.calibration.combined import INTEGRITY
from examiner.calibration.measured import Calibration, Measured, with_strength
from examiner.finding import Detection, Finding
from examiner.report.verdict import CONTRADICTION, Verdict, verdict_of

GENUINE = tuple(map(float, range(199)))


def calibration(tests: int = 14, share: float = 0.9, integrity: Sequence[float] | None = None) -> Calibration:
    measured = Measured(GENUINE, 20, (Detection("planted", share, 50),))
    findings = {f"test_{number}": measured for number in range(tests)} | {CONTRADICTION: measured}
    if integrity is not None:
        findings[INTEGRITY] = Measured(tuple(integrity), 20)
    return Calibration("199 photographs", findings)


def found(*scores: float, name: str = "test_{}", known: Calibration) -> list[Finding]:
    return [
        with_strength(Finding(name.format(number), "history", f"Seen {number}.", "expected", score), known)
        for number, score in enumerate(scores)
    ]


def verdict(*scores: float, known: Calibration) -> Verdict:
    return verdict_of(found(*scores, known=known), known)


def test_without_an_unusual_finding_nothing_is_unusual() -> None:
    said = verdict(*[10.0] * 14, known=calibration())
    assert said.outcome == "ordinary"
    assert said.text == ("Nothing unusual in 14 tests: in each, more than 1 % of genuine photographs score as high.")


def test_one_unusual_test_of_many_is_a_doubt_where_genuine_photographs_often_have_one() -> None:
    many = [each / 80 for each in range(199)]  # up to 2.5: 16 % have a finding as rare as 1 in 200
    said = verdict(198.5, *[10.0] * 13, known=calibration(integrity=many))
    assert said.outcome == "doubtful"
    assert said.integrity is not None
    assert said.integrity.false_alarm_rate == pytest.approx(0.08, abs=0.03)
    assert said.text.startswith("In doubt: Seen 0. 1 of 14 tests is unusual; 14 of 199 genuine photographs have")


def test_a_finding_rarer_than_any_genuine_photograph_has_is_unusual() -> None:
    said = verdict(5000.0, *[10.0] * 13, known=calibration(integrity=[each / 80 for each in range(199)]))
    assert said.outcome == "unusual"
    # none of 20 devices: 1 - 0.05 ** (1 / 20)
    assert (
        "none of 199 genuine photographs have a result as rare in any of these tests, and at most 14 % of those by "
        "other devices, at 95 % confidence" in said.text
    )


def test_where_tests_were_not_measured_together_the_verdict_rests_on_a_bound() -> None:
    many, two = verdict(500.0, *[10.0] * 13, known=calibration()), verdict(500.0, 10.0, known=calibration())
    assert (many.outcome, two.outcome) == ("doubtful", "unusual")
    assert "up to 7.0 % of genuine photographs" in many.text
    assert many.integrity is None


def test_weak_findings_never_make_the_verdict() -> None:
    said = verdict(*[900.0] * 14, known=calibration(share=0.2))
    assert said.outcome == "unknown"
    assert (
        "14 weak signs, by methods that find less than half of what they look for, do not count on their own"
        in said.text
    )


def test_a_contradiction_between_claim_and_camera_is_named() -> None:
    known = calibration(integrity=[each / 80 for each in range(199)])
    rarest = found(5000.0, known=known)
    contradiction = replace(
        found(198.0, name=CONTRADICTION, known=known)[0], statement="Its EXIF says A, its pixels say B."
    )
    said = verdict_of([contradiction, *rarest], known)
    assert said.text.startswith("Unusual: Seen 0.")
    assert "Metadata and pixels disagree about the camera: Its EXIF says A, its pixels say B." in said.text


def test_what_was_not_measured_gives_no_verdict() -> None:
    unknown = Calibration("nothing was measured yet", {})
    assert verdict(500.0, known=unknown).text.startswith("No verdict: 1 test gave a score, but it was not measured")
    assert verdict(known=unknown).outcome == "unknown"


def with_pages(genuine: int) -> Calibration:
    """Return a calibration with a finding that was measured on pages alone."""
    known = calibration(integrity=[each / 80 for each in range(199)])
    scores = tuple(map(float, range(genuine)))
    own = Measured(scores, 6, (Detection("planted", 0.9, 50),), "pages")
    together = Measured(tuple(each / 80 for each in range(genuine)), 6, (), "pages")
    return replace(known, findings={**known.findings, "paper": own, f"{INTEGRITY}_documents": together})


def test_a_finding_about_pages_is_judged_by_genuine_pages() -> None:
    known = with_pages(240)
    said = verdict_of([*found(*[10.0] * 14, known=known), *found(900.0, name="paper", known=known)], known)
    assert said.outcome == "unusual"
    assert "none of 240 genuine pictures (pages) have a result as rare in any of these tests" in said.text


def test_two_kinds_of_genuine_pictures_must_both_be_many() -> None:
    known = with_pages(120)  # 1 of 121 is below 1 %, but either kind alone calls so many unusual
    said = verdict_of([*found(*[10.0] * 14, known=known), *found(900.0, name="paper", known=known)], known)
    assert said.outcome == "doubtful"


def test_a_photograph_is_judged_as_without_pages() -> None:
    known = with_pages(240)
    scores = (5000.0, *[10.0] * 13)
    without = calibration(integrity=[each / 80 for each in range(199)])
    assert verdict(*scores, known=known) == verdict(*scores, known=without)
