"""Content: what a report says, in whatever form: the verdict, the strongest evidence, all findings, versions."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from examiner.calibration.measured import Calibration
from examiner.finding import Finding, Level
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

STRONGEST = 3
_BY_WEIGHT: dict[Level, int] = {"unusual": 0, "weak": 1, "expected": 2, "fact": 3, "none": 4}


@dataclass(frozen=True, eq=False)
class Report:
    """All that one file shows."""

    name: str
    size_bytes: int
    sha256: str = ""
    kind: str | None = None
    size_px: tuple[int, int] = (0, 0)
    verdict: str = ""
    """What the findings say together, in one or two sentences."""
    findings: tuple[Finding, ...] = ()
    """In the order in which they were asked."""
    calibration: str = ""
    """On which photographs false alarms were measured."""
    generation: str | None = None
    run: str | None = None
    version: str = version("shutterprint")
    error: str | None = None
    """Why the file could not be examined; everything else is then empty."""

    @property
    def strongest(self) -> tuple[Finding, ...]:
        """The findings that weigh most: the unusual ones first, the rarest among genuine photographs before others."""
        scored = [each for each in self.findings if each.score is not None and each.level in ("unusual", "weak")]
        return tuple(sorted(scored, key=_weight)[:STRONGEST])


def report_of(
    photograph: Photograph, findings: Sequence[Finding], knowledge: Knowledge, calibration: Calibration
) -> Report:
    """Return the report of a photograph with these findings."""
    return Report(
        photograph.name, len(photograph.file), photograph.sha256, photograph.form, _size(photograph), verdict(findings),
        tuple(findings), calibration.origin,
        knowledge.corpus.generation if knowledge.corpus else None, knowledge.run.name if knowledge.run else None,
    )  # fmt: skip


def verdict(findings: Sequence[Finding]) -> str:
    """Return what findings say together.

    Each unusual finding alone is met in up to 1 % of genuine photographs, so of many findings one is met more often.
    """
    unusual = [each for each in findings if each.level == "unusual"]
    asked = sum(each.score is not None for each in findings)
    if not asked:
        return "Nothing was found by which this file could be judged."
    if not unusual:
        return f"Nothing unusual: of {asked} tests none gives what fewer than 1 % of genuine photographs give."
    return f"Unusual in {len(unusual)} of {asked} tests: {unusual[0].statement}"


def _weight(finding: Finding) -> tuple[int, float]:
    return _BY_WEIGHT[finding.level], finding.strength.false_alarm_rate if finding.strength else 0.0


def _size(photograph: Photograph) -> tuple[int, int]:
    try:
        return photograph.size_px
    except ValueError:
        return 0, 0
