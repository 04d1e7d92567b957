"""Findings: the result of one check, and the line that a person reads."""

from dataclasses import dataclass
from typing import Literal

from corpus.text import escaped

SUBJECT_WIDTH = 20


@dataclass(frozen=True)
class Finding:
    """The result of one check: FAIL means a crawl would not work, note is good to know; `cure` says what to do."""

    status: Literal["ok", "FAIL", "note"]
    subject: str
    text: str
    cure: str = ""


def finding_line(finding: Finding) -> str:
    """Return a finding as a line; the columns of all lines are aligned."""
    cure = f" → {finding.cure}" if finding.cure else ""
    return escaped(f"{finding.status:<4}  {finding.subject:<{SUBJECT_WIDTH}}  {finding.text}{cure}")
