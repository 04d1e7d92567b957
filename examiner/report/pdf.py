"""PDF: a report on pages of A4, for printing and for files; by fpdf2, which needs no programs or fonts of a system.

The same report gives the same bytes: its date is that of EPOCH, and its identifier a digest of its content. Tables are
cut after a few rows, since the JSON form has them whole.
"""

from corpus.text import count
from examiner.finding import GROUPS, Evidence, Finding, Level, Map, Picture, Table
from examiner.report.content import Report
from examiner.report.page_a4 import Colour, PageA4
from examiner.report.pictures import heat_scale, map_picture, regions_picture, upright
from examiner.report.verdict import Outcome
from examiner.report.words import (
    AS_STORED,
    LEVELS,
    LEVELS_EXPLAINED,
    METHOD_HEADER,
    OUTCOMES,
    PLANTED_HEADER,
    PLANTED_TITLE,
    RATES_HEADER,
    TURNED,
    caption,
    detection_rows,
    genuine,
    heading_of,
    map_caption,
    method_rows,
    nothing_strong,
    provenance_rows,
    rate_rows,
    regions_caption,
    sentence,
    strength_text,
    what_it_is,
)

ROWS_SHOWN = 40

_ALARM, _CAUTION, _CALM, _PLAIN = Colour(179, 38, 30), Colour(138, 83, 0), Colour(31, 107, 58), Colour(91, 102, 117)
_COLOURS: dict[Level, Colour] = {
    "unusual": _ALARM, "weak": _CAUTION, "expected": _CALM, "fact": _PLAIN, "estimated": _PLAIN, "none": _PLAIN,
}  # fmt: skip
_OUTCOME_COLOURS: dict[Outcome, Colour] = {
    "unusual": _ALARM, "doubtful": _CAUTION, "ordinary": _CALM, "unknown": _PLAIN,
}  # fmt: skip
_METHOD_CHARACTERS = 1_000
_PHOTOGRAPH_MM, _EVIDENCE_MM = 74.0, 76.0
"""Largest heights of the photograph and of a picture of evidence."""


def pdf_of(report: Report) -> bytes:
    """Return a report as the bytes of a PDF; raises StageError where no font can be found."""
    page = PageA4(heading_of(report), f"SHA-256 {report.sha256}" if report.sha256 else "")
    if report.error is not None:
        page.notice(_PLAIN, "Not examined", f"The file could not be examined: {report.error}")
        return page.data()
    page.soft(what_it_is(report))
    page.notice(_OUTCOME_COLOURS[report.outcome], OUTCOMES[report.outcome], report.verdict)
    photograph = upright(report.preview, report.orientation)
    page.picture(photograph, TURNED if report.orientation != 1 else AS_STORED, _PHOTOGRAPH_MM)
    strongest = report.strongest
    page.heading("Strongest evidence")
    if not strongest:
        page.text(nothing_strong(report))
    for finding in strongest:
        _finding(page, report, finding)
    for group, question in GROUPS.items():
        found = [each for each in report.findings if each.group == group]
        if found:
            page.heading(question)
        for finding in found:
            _finding(page, report, finding, short=finding in strongest)
    _appendix(page, report)
    return page.data()


def _finding(page: PageA4, report: Report, finding: Finding, *, short: bool = False) -> None:
    """Draw a finding; where `short`, without what the strongest evidence shows before."""
    page.statement(_COLOURS[finding.level], LEVELS[finding.level], finding.statement)
    if finding.strength is not None:
        page.soft(f"{sentence(strength_text(finding.strength, report.calibration))}.")
    if short:
        page.soft("Its evidence is shown above, with the strongest.")
        return
    for each in finding.evidence:
        _evidence(page, report, each)
    if finding.caution:
        page.soft(f"Caution: {finding.caution}")


def _evidence(page: PageA4, report: Report, evidence: Evidence) -> None:
    if isinstance(evidence, Table):
        left = len(evidence.rows) - ROWS_SHOWN
        more = f" ({count(left, 'more row')} in the JSON form)" if left > 0 else ""
        page.table(evidence.header, evidence.rows[:ROWS_SHOWN], evidence.title + more)
    elif isinstance(evidence, Picture):
        page.picture(evidence.data, caption(evidence.title, evidence.caption), _EVIDENCE_MM)
    elif isinstance(evidence, Map):
        drawn = map_picture(evidence, report.preview, report.size_px, report.orientation)
        page.picture(drawn, map_caption(evidence), _EVIDENCE_MM, heat_scale(40))
    else:
        drawn = regions_picture(evidence, report.preview, report.size_px, report.orientation)
        page.picture(drawn, regions_caption(evidence), _EVIDENCE_MM)


def _appendix(page: PageA4, report: Report) -> None:
    page.heading("Methods")
    page.table(METHOD_HEADER, method_rows(report.findings), most=_METHOD_CHARACTERS)
    page.heading("Error rates")
    page.text(f"{LEVELS_EXPLAINED} {genuine(report)}".rstrip())
    page.table(RATES_HEADER, rate_rows(report.findings))
    if report.integrity is not None:
        page.text(f"All tests together: {strength_text(report.integrity, report.calibration)}.")
    planted = detection_rows(report.findings)
    if planted:
        page.table(PLANTED_HEADER, planted, PLANTED_TITLE)
    page.heading("How to repeat this")
    page.table(("", ""), provenance_rows(report))
