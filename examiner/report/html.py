"""HTML: a report as one page that needs nothing beside it: no other file, no network, no script.

The same report gives the same bytes: nothing of the clock or of this machine stands in it.
"""

from collections.abc import Sequence

from corpus.page import (
    Tone,
    card,
    contents_of,
    details,
    notice,
    page,
    paragraph,
    picture,
    remark,
    scale,
    section,
    subheading,
    table,
    terms,
)
from corpus.text import clipped, count, size
from examiner.finding import GROUPS, Evidence, Finding, Level, Map, Picture, Table
from examiner.report.content import Report
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

ROWS_SHOWN = 1_000
FOLDED_FROM_ROWS = 6
CELL_MAX_CHARACTERS = 1_000
"""Most of a table that is shown: strangers write metadata, and its length is theirs to choose."""

_TONES: dict[Level, Tone] = {
    "unusual": "alarm", "weak": "caution", "expected": "calm", "fact": "plain", "estimated": "plain", "none": "plain",
}  # fmt: skip
_OUTCOME_TONES: dict[Outcome, Tone] = {
    "unusual": "alarm", "doubtful": "caution", "ordinary": "calm", "unknown": "plain",
}  # fmt: skip
_UNSHOWN = "This picture cannot be decoded."


def html_of(report: Report) -> str:
    """Return a report as a whole HTML page."""
    if report.error is not None:
        return page(
            heading_of(report),
            size(report.size_bytes) if report.size_bytes else "",
            [notice("plain", "Not examined", f"The file could not be examined: {report.error}")],
        )
    strongest = report.strongest
    groups = [_group(report, question, group, strongest) for group, question in GROUPS.items()]
    sections = [_strongest(report, strongest), *(each for each in groups if each), _methods(report), _rates(report),
                _provenance(report)]  # fmt: skip
    photograph = picture(
        upright(report.preview, report.orientation), TURNED if report.orientation != 1 else AS_STORED, _UNSHOWN
    )
    verdict = notice(_OUTCOME_TONES[report.outcome], OUTCOMES[report.outcome], report.verdict)
    return page(heading_of(report), what_it_is(report), [verdict, photograph, contents_of(sections), *sections])


def _strongest(report: Report, strongest: Sequence[Finding]) -> str:
    if not strongest:
        return section("Strongest evidence", paragraph(nothing_strong(report)))
    return section("Strongest evidence", *(_card(report, each) for each in strongest))


def _group(report: Report, question: str, group: str, strongest: Sequence[Finding]) -> str:
    found = [each for each in report.findings if each.group == group]
    return section(question, *(_card(report, each, short=each in strongest) for each in found)) if found else ""


def _card(report: Report, finding: Finding, *, short: bool = False) -> str:
    """Return a finding; where `short`, without what the strongest evidence shows above."""
    parts = (
        []
        if finding.strength is None
        else [remark(f"{sentence(strength_text(finding.strength, report.calibration))}.")]
    )
    if short:
        parts.append(remark("Its evidence is shown above, with the strongest."))
    else:
        parts += [_evidence(report, each, folded=finding.level == "fact") for each in finding.evidence]
        about = [("Method", finding.method), ("Source", finding.source), ("Caution", finding.caution)]
        if any(text for _, text in about):
            parts.append(details("Method, source, and what else looks the same", terms(about)))
    return card(_TONES[finding.level], LEVELS[finding.level].capitalize(), finding.statement, *parts)


def _evidence(report: Report, evidence: Evidence, *, folded: bool) -> str:
    """Return a piece of evidence; a longer table is hidden behind its title where `folded`."""
    if isinstance(evidence, Table):
        rows = table_part(evidence)
        is_long = len(evidence.rows) > FOLDED_FROM_ROWS
        return details(f"{evidence.title}: {count(len(evidence.rows), 'row')}", rows) if folded and is_long else rows
    if isinstance(evidence, Picture):
        return picture(evidence.data, caption(evidence.title, evidence.caption), _UNSHOWN)
    if isinstance(evidence, Map):
        drawn = map_picture(evidence, report.preview, report.size_px, report.orientation)
        legend = scale(heat_scale(24), "nothing", "strongest", "no answer")
        return picture(drawn, map_caption(evidence), _UNSHOWN, legend)
    drawn = regions_picture(evidence, report.preview, report.size_px, report.orientation)
    return picture(drawn, regions_caption(evidence), _UNSHOWN)


def table_part(shown: Table) -> str:
    """Return a table, bounded; a caption says what is left out."""
    rows = [
        [clipped(cell, CELL_MAX_CHARACTERS) for cell in (*row, *[""] * len(shown.header))[: len(shown.header)]]
        for row in shown.rows[:ROWS_SHOWN]
    ]
    left = len(shown.rows) - len(rows)
    title = f"{shown.title} ({count(left, 'more row')} in the JSON form)" if left else shown.title
    return table(shown.header, rows, title)


def _methods(report: Report) -> str:
    return section("Methods", table(METHOD_HEADER, method_rows(report.findings)))


def _rates(report: Report) -> str:
    parts = [
        paragraph(f"{LEVELS_EXPLAINED} {genuine(report)}".rstrip()),
        table(RATES_HEADER, rate_rows(report.findings)),
    ]
    if report.integrity is not None:
        parts.append(paragraph(f"All tests together: {strength_text(report.integrity, report.calibration)}."))
    planted = detection_rows(report.findings)
    if planted:
        parts += [subheading(PLANTED_TITLE), table(PLANTED_HEADER, planted)]
    return section("Error rates", *parts)


def _provenance(report: Report) -> str:
    return section("How to repeat this", terms(provenance_rows(report)))
