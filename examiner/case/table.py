"""Table: the CSV of a case: one row for each file. What a spreadsheet would take for a formula is made harmless."""

import csv
import io
from collections.abc import Iterable

from corpus.text import as_utf8, escaped
from examiner.report.content import Report

HEADER = (
    "name", "sha256", "kind", "width_px", "height_px", "size_bytes", "outcome", "verdict", "unusual", "weak", "error",
    "report",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
"""How a cell begins that spreadsheets compute (OWASP, CSV injection), with the full-width forms."""


def row_of(report: Report, page: str) -> tuple[str, ...]:
    """Return a report's row; `page`: the name of its own page."""
    width_px, height_px = report.size_px
    levels = [each.level for each in report.findings]
    return (
        report.name, report.sha256, report.kind or "", *(str(each) if each else "" for each in (width_px, height_px)),
        str(report.size_bytes), "" if report.error else report.outcome, report.verdict,
        str(levels.count("unusual")), str(levels.count("weak")), report.error or "", page,
    )  # fmt: skip


def csv_of(rows: Iterable[tuple[str, ...]]) -> bytes:
    """Return rows below `HEADER` as CSV: UTF-8, each row one line."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return written.getvalue().encode()


def harmless(cell: str) -> str:
    """Return a cell as text: an apostrophe before what a spreadsheet would compute, escapes for what is not seen."""
    shown = escaped(as_utf8(cell))
    return f"'{shown}" if cell.lstrip(" ").startswith(_FORMULA) else shown
