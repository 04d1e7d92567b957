"""Content: what a report says, in whatever form: the verdict, the strongest evidence, all findings, versions.

Pictures are drawn anew here, where the file is decoded, so that no form of a report decodes a stranger's bytes, and
nothing but their pixels (no place in the EXIF of a thumbnail) gets into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from examiner.calibration.measured import Calibration
from examiner.finding import Finding, Picture, Strength
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.report.pictures import drawn_anew, preview_of
from examiner.report.verdict import Outcome, verdict_of

STRONGEST = 3


@dataclass(frozen=True, eq=False)
class Report:
    """All that one file shows."""

    name: str
    size_bytes: int
    sha256: str = ""
    kind: str | None = None
    size_px: tuple[int, int] = (0, 0)
    """Width and height of the stored frame, in which maps and regions are given."""
    verdict: str = ""
    """What the findings say together, in one to three sentences."""
    findings: tuple[Finding, ...] = ()
    """In the order in which they were asked."""
    calibration: str = ""
    """On which photographs false alarms were measured."""
    generation: str | None = None
    run: str | None = None
    version: str = version("shutterprint")
    error: str | None = None
    """Why the file could not be examined; everything else is then empty."""
    outcome: Outcome = "unknown"
    """The verdict in one word."""
    integrity: Strength | None = None
    """How many genuine photographs have a finding as rare in any of the tests."""
    preview: bytes = b""
    """The picture as a small JPEG, as stored: EXIF turns nothing. Empty where it does not decode."""
    orientation: int = 1
    """How a person turns the picture: 1 to 8, as EXIF counts."""

    @property
    def strongest(self) -> tuple[Finding, ...]:
        """The findings that weigh most: the unusual ones first, the rarest among genuine photographs before others."""
        scored = [each for each in self.findings if each.score is not None and each.level in ("unusual", "weak")]
        return tuple(sorted(scored, key=_weight)[:STRONGEST])


def report_of(
    photograph: Photograph, findings: Sequence[Finding], knowledge: Knowledge, calibration: Calibration
) -> Report:
    """Return the report of a photograph with these findings."""
    verdict = verdict_of(findings, calibration)
    return Report(
        photograph.name, len(photograph.file), photograph.sha256, photograph.form, _size(photograph), verdict.text,
        tuple(_with_safe_pictures(each) for each in findings), calibration.origin,
        knowledge.corpus.generation if knowledge.corpus else None, knowledge.run.name if knowledge.run else None,
        outcome=verdict.outcome, integrity=verdict.integrity,
        preview=preview_of(photograph), orientation=_orientation(photograph),
    )  # fmt: skip


def _with_safe_pictures(finding: Finding) -> Finding:
    if not any(isinstance(each, Picture) for each in finding.evidence):
        return finding
    return replace(
        finding,
        evidence=tuple(
            replace(each, data=drawn_anew(each.data)) if isinstance(each, Picture) else each
            for each in finding.evidence
        ),
    )


def _weight(finding: Finding) -> tuple[bool, float]:
    return finding.level == "weak", finding.strength.false_alarm_rate if finding.strength else 0.0


def _size(photograph: Photograph) -> tuple[int, int]:
    try:
        return photograph.size_px
    except ValueError:
        return 0, 0


def _orientation(photograph: Photograph) -> int:
    """Return how EXIF turns a JPEG; other kinds are shown as stored."""
    try:
        stated = photograph.facts.orientation if photograph.facts else None
    except ValueError:
        return 1
    return stated if stated is not None and 1 <= stated <= 8 else 1
