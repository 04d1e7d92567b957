"""Findings: what a check has seen in, a line for a person out."""

from dataclasses import dataclass
from typing import Literal

from corpus.text import escaped

SUBJECT_WIDTH = 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; FAIL: a crawl would not work, note: good to know. `cure`: what to do about it."""

    status: Literal["ok", "FAIL", "note"]
    subject: str
    text: str
    cure: str = ""


def finding_line(finding: Finding) -> str:
    """Return a finding as a line; lines below each other are aligned."""
    cure = f" → {finding.cure}" if finding.cure else ""
    return escaped(f"{finding.status:<4}  {finding.subject:<{SUBJECT_WIDTH}}  {finding.text}{cure}")
