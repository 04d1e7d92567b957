"""Plain: a report as text for a terminal, and as plain data for JSON."""

import base64
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from corpus.text import escaped
from examiner.finding import GROUPS, Evidence, Finding, Map, Picture, Strength
from examiner.report.content import Report

_MARKS = {"unusual": "!", "weak": "?", "expected": " ", "fact": " ", "none": "-"}


def text_of(report: Report) -> list[str]:
    """Return the lines of a report: the verdict, then each finding below the question that it helps to answer."""
    lines = [escaped(report.name or report.sha256)]
    if report.error is not None:
        return [*lines, f"  could not be examined: {escaped(report.error)}"]
    lines.append(f"  {escaped(report.verdict)}")
    for group, question in GROUPS.items():
        found = [each for each in report.findings if each.group == group]
        if found:
            lines += ["", f"  {question}"]
            lines += [line for each in found for line in _lines(each)]
    return lines


def _lines(finding: Finding) -> list[str]:
    lines = [f"  {_MARKS[finding.level]} {escaped(finding.statement)}"]
    if finding.strength is not None:
        lines.append(f"      {strength_text(finding.strength)}")
    return lines


def strength_text(strength: Strength) -> str:
    """Return what a score is worth, in words."""
    as_many = round(strength.false_alarm_rate * (1 + strength.photographs)) - 1
    return (
        f"as much in {as_many:,} of {strength.photographs:,} genuine photographs by {strength.devices:,} devices "
        f"({strength.origin})"
    )


def as_dict(report: Report) -> dict[str, Any]:
    """Return a report as plain data for JSON; pictures in base64, maps as rows of numbers with null for no answer."""
    plain = {each.name: getattr(report, each.name) for each in fields(report) if each.name != "findings"}
    return plain | {"findings": [_finding(each) for each in report.findings]}


def _finding(finding: Finding) -> dict[str, Any]:
    plain = {each.name: getattr(finding, each.name) for each in fields(finding)}
    strength = finding.strength
    return plain | {
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
            [None if np.isnan(value) else round(float(value), 4) for value in row] for row in evidence.values
        ]
    return plain
