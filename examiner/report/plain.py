"""Plain: a report as text for a terminal, and as plain data for JSON.

The form of the JSON is described in docs/examiner.md; `SCHEMA` counts its versions.
"""

import base64
import math
import textwrap
from dataclasses import asdict, fields
from typing import Any

from corpus.text import clipped, escaped
from examiner.finding import GROUPS, Evidence, Finding, Map, Picture, Table
from examiner.report.content import Report
from examiner.report.words import LEVELS, genuine, sentence, strength_text, what_it_is

SCHEMA = 1
"""Version of the JSON form: it grows when a key changes its meaning or goes, not when one is added."""
WIDTH = 100
"""Columns of the text where no terminal says how many it has."""

_WIDTH_MIN = 40
_ROWS_SHOWN = 12
_CELL_MAX_CHARACTERS = 48
_MARGIN = "  "
_LEVEL_COLUMNS = max(map(len, LEVELS.values()))


def text_of(report: Report, width: int = WIDTH) -> list[str]:
    """Return the lines of a report, at most `width` columns wide but for words that are longer.

    The verdict comes first, then the strongest evidence with its tables, then every finding below the question that it
    helps to answer, each with its level in a column of its own.
    """
    width = max(width, _WIDTH_MIN)
    lines = [escaped(report.name or report.sha256)]
    if report.error is not None:
        return [*lines, *_wrapped(f"could not be examined: {report.error}", width, _MARGIN)]
    lines += _wrapped(what_it_is(report), width, _MARGIN)
    lines += ["", *_wrapped(report.verdict, width, _MARGIN)]
    strongest = report.strongest
    if strongest:
        lines += ["", f"{_MARGIN}Strongest evidence"]
        lines += [line for each in strongest for line in _lines(report, each, width, whole=True)]
    for group, question in GROUPS.items():
        found = [each for each in report.findings if each.group == group and each not in strongest]
        if found:
            lines += ["", f"{_MARGIN}{question}"]
            lines += [line for each in found for line in _lines(report, each, width)]
    if any(each.strength for each in report.findings):
        lines += ["", *_wrapped(genuine(report), width, _MARGIN)]
    return lines


def _lines(report: Report, finding: Finding, width: int, *, whole: bool = False) -> list[str]:
    head = f"{_MARGIN}{LEVELS[finding.level]:{_LEVEL_COLUMNS}}  "
    below = " " * len(head)
    lines = _wrapped(finding.statement, width, head, below)
    if finding.strength is not None:
        lines += _wrapped(f"{sentence(strength_text(finding.strength, report.calibration))}.", width, below)
    if whole:
        lines += [line for each in finding.evidence if isinstance(each, Table) for line in _table(each, width, below)]
        lines += _wrapped(f"Caution: {finding.caution}" if finding.caution else "", width, below)
    return lines


def _table(shown: Table, width: int, margin: str) -> list[str]:
    """Return the first rows of a table with aligned columns; a row too wide is cut."""
    rows = [
        [clipped(escaped(cell), _CELL_MAX_CHARACTERS) for cell in row]
        for row in (shown.header, *shown.rows[:_ROWS_SHOWN])
    ]
    columns = max(map(len, rows))
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(columns)]
    aligned = [_MARGIN.join(f"{cell:{wide}}" for cell, wide in zip(row, widths, strict=False)).rstrip() for row in rows]
    left = len(shown.rows) - _ROWS_SHOWN
    aligned += [f"… and {left:,} more rows"] if left > 0 else []
    return [
        *_wrapped(f"{shown.title}:", width, margin),
        *(margin + clipped(line, max(width - len(margin), 1)) for line in aligned),
    ]


def _wrapped(text: str, width: int, first: str, others: str | None = None) -> list[str]:
    return textwrap.wrap(
        escaped(text), width, initial_indent=first, subsequent_indent=first if others is None else others,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def as_dict(report: Report) -> dict[str, Any]:
    """Return a report as plain data for JSON; pictures in base64, maps as rows of numbers with null for no answer."""
    plain = {each.name: getattr(report, each.name) for each in fields(report) if each.name != "findings"}
    return (
        {"schema": SCHEMA}
        | plain
        | {
            "integrity": None if report.integrity is None else asdict(report.integrity),
            "preview": base64.b64encode(report.preview).decode(),
            "findings": [_finding(each) for each in report.findings],
        }
    )


def _finding(finding: Finding) -> dict[str, Any]:
    plain = {each.name: getattr(finding, each.name) for each in fields(finding)}
    strength = finding.strength
    return plain | {
        "score": None if finding.score is None or not math.isfinite(finding.score) else finding.score,
        "evidence": [_evidence(each) for each in finding.evidence],
        "strength": None if strength is None else asdict(strength),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": type(evidence).__name__.lower()}
    plain |= {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    if isinstance(evidence, Picture):
        plain["data"] = base64.b64encode(evidence.data).decode()
    if isinstance(evidence, Map):
        plain["values"] = [
            [round(float(value), 4) if math.isfinite(value) else None for value in row] for row in evidence.values
        ]
    return plain
