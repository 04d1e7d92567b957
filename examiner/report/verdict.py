"""Verdict: what all findings say together, with how often a genuine photograph would be judged alike.

Each unusual finding alone is met in up to 1 % of genuine photographs, so of many findings one is met more often. The
verdict therefore rests on the combined score (`examiner.calibration.combined`), whose false alarms were measured, and
where they were not, on a bound that holds for any tests (Bonferroni's).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from corpus.text import count
from examiner.calibration.combined import INTEGRITY, combined
from examiner.calibration.measured import UNUSUAL, Calibration, with_strength
from examiner.finding import Finding, Strength

Outcome = Literal["unusual", "doubtful", "ordinary", "unknown"]
"""`unusual`: at most 1 % of genuine photographs have anything as rare in any test. `doubtful`: a test is unusual, but
with so many tests this is no rarity. `ordinary`: no test is unusual. `unknown`: nothing could be asked, or compared."""

_NO_METHOD = "No verdict: no method that finds at least half of what it looks for gave an answer for this file."
CONTRADICTION = "camera_claim"
"""Name of the finding that compares the camera of the pixels with that of the metadata."""


@dataclass(frozen=True)
class Verdict:
    """What findings say together."""

    outcome: Outcome
    text: str
    """One to three sentences."""
    integrity: Strength | None = None
    """How many genuine photographs have a finding as rare in any of the tests; None where this was not measured."""


def verdict_of(findings: Sequence[Finding], calibration: Calibration) -> Verdict:
    """Return what findings, which have their strength, say together."""
    compared = [
        each for each in findings if each.strength is not None and each.level in ("unusual", "weak", "expected")
    ]
    if not compared:
        return Verdict("unknown", _nothing_compared(findings))
    unusual = sorted((each for each in compared if each.level == "unusual"), key=_rate)
    weak = [each for each in compared if each.level == "weak"]
    if not unusual:
        return _without_unusual(len(compared) - len(weak), weak)
    tests = count(len(compared), "test")
    integrity, families = _integrity(compared, calibration)
    rarest = unusual[0]
    found = f"{len(unusual)} of {tests} {'is' if len(unusual) == 1 else 'are'} unusual"
    if integrity is None:
        bound = min(1.0, _rate(rarest) * len(compared))
        outcome: Outcome = "unusual" if bound <= UNUSUAL else "doubtful"
        worth = f"with that many tests, up to {percent(bound)} of genuine photographs have a result as rare"
    else:
        # each family alone calls up to 1 % of genuine pictures unusual
        outcome = "unusual" if integrity.false_alarm_rate * families <= UNUSUAL else "doubtful"
        worth = (
            f"{_of_genuine(integrity, calibration)} a result as rare in any of these tests, and at most "
            f"{bound_text(integrity)}"
        )
    opening = "Unusual" if outcome == "unusual" else "In doubt"
    text = f"{opening}: {rarest.statement} {found}; {worth}.{_contradiction(unusual, rarest)}{_weak(weak)}"
    return Verdict(outcome, text, integrity)


def _without_unusual(reliable: int, weak: Sequence[Finding]) -> Verdict:
    if not reliable:
        return Verdict("unknown", f"{_NO_METHOD}{_weak(weak)}")
    where = "it" if reliable == 1 else "each"
    said = (
        f"Nothing unusual in {count(reliable, 'test')}: in {where}, more than 1 % of genuine photographs score as high."
    )
    return Verdict("ordinary", said + _weak(weak))


def as_many(strength: Strength) -> int:
    """Return how many genuine photographs have a score as large."""
    return round(strength.false_alarm_rate * (1 + strength.photographs)) - 1


def _of_genuine(strength: Strength, calibration: Calibration) -> str:
    number = as_many(strength)
    shown = f"{number:,}" if number else "none"
    kind = "photographs" if strength.origin == calibration.origin else f"pictures ({strength.origin})"
    return f"{shown} of {strength.photographs:,} genuine {kind} {'has' if number == 1 else 'have'}"


def bound_text(strength: Strength) -> str:
    """Return the upper bound of a false-alarm rate, in words."""
    return f"{percent(strength.upper_bound)} of those by other devices, at 95 % confidence"


def _integrity(compared: Sequence[Finding], calibration: Calibration) -> tuple[Strength | None, int]:
    """Return what the rarest combined score is worth, and how many families of findings have one.

    A family are the findings that were measured on the same genuine pictures.
    """
    scores = {each.name: each.score for each in compared if each.score is not None and each.level != "weak"}
    found = []
    for name, measured in calibration.findings.items():
        if name.startswith(INTEGRITY):
            score = combined(scores, calibration.findings, origin=measured.origin)
            if score is not None:
                finding = with_strength(Finding(name, "file", "", "expected", score), calibration)
                found += [finding.strength] if finding.strength is not None else []
    return min(found, key=lambda each: each.false_alarm_rate, default=None), len(found)


def _nothing_compared(findings: Sequence[Finding]) -> str:
    asked = sum(each.score is not None for each in findings)
    if not asked:
        return "No verdict: no test could be applied to this file."
    return (
        f"No verdict: {count(asked, 'test')} gave a score, but it was not measured how often genuine photographs score "
        "as high."
    )


def _contradiction(unusual: Sequence[Finding], said: Finding) -> str:
    """Name a contradiction between the claim and the camera, which weighs more than any single trace."""
    return "".join(
        f" Metadata and pixels disagree about the camera: {each.statement}"
        for each in unusual
        if each.name == CONTRADICTION and each is not said
    )


def _weak(weak: Sequence[Finding]) -> str:
    if not weak:
        return ""
    if len(weak) == 1:
        return " 1 weak sign, by a method that finds less than half of what it looks for, does not count on its own."
    return (
        f" {len(weak)} weak signs, by methods that find less than half of what they look for, do not count on their "
        "own."
    )


def _rate(finding: Finding) -> float:
    return finding.strength.false_alarm_rate if finding.strength else 1.0


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.1f} %"
