"""Folder: reports of many photographs → a folder with an index, the report of each, and a CSV.

The folder is made under a temporary name beside its own and renamed when all photographs are examined: it is whole or
not there. Only rows, thumbnails and texts of an index are kept in memory, no reports.
"""

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from corpus.errors import StageError
from corpus.storage import temporary_beside
from corpus.text import escaped, slug
from examiner.case.index import Entry, entry_of, index_pages
from examiner.case.table import csv_of, row_of
from examiner.report.content import Report
from examiner.report.html import html_of
from examiner.report.verdict import Outcome

CSV = "photographs.csv"


def check_case(folder: str) -> None:
    """Raise StageError, before any work, where a case cannot be made in `folder`."""
    target = Path(folder).absolute()
    if target.exists() or target.is_symlink():
        raise StageError(f"{escaped(folder)}: is there already; name a folder that is not, or remove this one")
    if not target.parent.is_dir():
        raise StageError(f"{escaped(folder)}: there is no folder {escaped(target.parent)} to make it in")


def make_case(reports: Iterable[Report], folder: str) -> Counter[Outcome | None]:
    """Make the folder of a case; returns how many photographs have which outcome, None for those not examined.

    Raises StageError where the folder is there already, and OSError where this machine's disk cannot take it.
    """
    check_case(folder)
    target = Path(folder).absolute()
    temporary = temporary_beside(target)
    temporary.mkdir()
    try:
        entries: list[Entry] = []
        rows = []
        for number, report in enumerate(reports, 1):
            name = page_name(number, report.name)
            (temporary / name).write_bytes(_bytes(html_of(report)))
            entries.append(entry_of(report, name))
            rows.append(row_of(report, name))
        (temporary / CSV).write_bytes(csv_of(rows))
        for name, html in index_pages(entries).items():
            (temporary / name).write_bytes(_bytes(html))
        check_case(folder)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Counter(each.outcome for each in entries)


def page_name(number: int, name: str) -> str:
    """Return the name of a photograph's page: its number, which nobody else has, and what can be kept of its name."""
    kept = slug(Path(name).stem)
    return f"{number:04}-{kept}.html" if kept else f"{number:04}.html"


def _bytes(html: str) -> bytes:
    return html.encode("utf-8", "backslashreplace")
