"""Index: the pages of a case: how many photographs are unusual, a contact sheet, a table; unusual ones first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from corpus.page import Tile, contents_of, file_link, jpeg_address, page, paragraph, section, table, tiles, totals
from corpus.text import clipped, count
from examiner.report.content import Report
from examiner.report.pictures import thumbnail_of
from examiner.report.verdict import Outcome
from examiner.report.words import OUTCOMES

PAGE_PHOTOGRAPHS = 500
"""Photographs of one page: their thumbnails take about 3 MB."""

_EDGE_PX = 144
_NAME_CHARACTERS = 60
_VERDICT_CHARACTERS = 300
_ORDER: tuple[Outcome | None, ...] = ("unusual", "doubtful", "unknown", "ordinary", None)
_NOT_EXAMINED = "Not examined"


@dataclass(frozen=True)
class Entry:
    """What the index says of one photograph."""

    name: str
    page: str
    """Name of its own page, beside the index."""
    outcome: Outcome | None
    """None where it could not be examined."""
    text: str
    """The verdict, or why there is none."""
    unusual: int
    sha256: str
    thumbnail: bytes


def entry_of(report: Report, page: str) -> Entry:
    """Return what the index says of a report whose page has the name `page`."""
    outcome = None if report.error is not None else report.outcome
    drawn = thumbnail_of(report.preview, report.orientation, _EDGE_PX)
    unusual = sum(each.level == "unusual" for each in report.findings)
    return Entry(report.name, page, outcome, _text(report), unusual, report.sha256, drawn)


def _text(report: Report) -> str:
    return report.verdict if report.error is None else f"The file could not be examined: {report.error}"


def index_pages(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the pages of the index by their names, `index.html` first."""
    ordered = sorted(entries, key=lambda each: (_ORDER.index(each.outcome), -each.unusual))  # a stable sort
    starts = range(0, max(len(ordered), 1), PAGE_PHOTOGRAPHS)
    names = [_page_name(number) for number in range(len(starts))]
    return {
        name: _page(entries, ordered[start : start + PAGE_PHOTOGRAPHS], names, name)
        for name, start in zip(names, starts, strict=True)
    }


def _page_name(number: int) -> str:
    return f"index-{number + 1}.html" if number else "index.html"


def _page(entries: Sequence[Entry], shown: Sequence[Entry], names: Sequence[str], name: str) -> str:
    counted = Counter(each.outcome for each in entries)
    figures = [(f"{counted[outcome]:,}", _outcome(outcome)) for outcome in _ORDER if counted[outcome]]
    copies = len(entries) - len({each.sha256 or each.name for each in entries})
    said = [paragraph(f"{count(copies, 'file')} here has the same bytes as another one.")] if copies == 1 else []
    said += [paragraph(f"{copies:,} files here have the same bytes as another one.")] if copies > 1 else []
    sections = [section("Contact sheet", *_sheet(shown)), section("Table", _table(shown))]
    place = f"Page {names.index(name) + 1} of {len(names)}. " if len(names) > 1 else ""
    lead = f"{place}The unusual ones stand first. Each links to its report; photographs.csv has the same rows."
    head = [totals(figures), *said, *_pages(names, name), contents_of(sections)]
    return page(f"Case of {count(len(entries), 'file')}", lead, [*head, *sections])


def _pages(names: Sequence[str], name: str) -> list[str]:
    if len(names) == 1:
        return []
    return [table(("Pages", *[""] * (len(names) - 1)), [[file_link(f"{number + 1}", each) if each != name else
            f"{number + 1}" for number, each in enumerate(names)]])]  # fmt: skip


def _sheet(shown: Sequence[Entry]) -> list[str]:
    parts = []
    for outcome in _ORDER:
        some = [each for each in shown if each.outcome == outcome]
        if some:
            parts += [paragraph(f"{_outcome(outcome)}: {count(len(some), 'file')} on this page."), _tiles(some)]
    return parts


def _tiles(shown: Sequence[Entry]) -> str:
    small = [
        Tile(jpeg_address(each.thumbnail) if each.thumbnail else None, _short(each.name), file=each.page)
        for each in shown
    ]
    return tiles(small, "no picture")


def _table(shown: Sequence[Entry]) -> str:
    rows = [
        (file_link(_short(each.name), each.page), _outcome(each.outcome), f"{each.unusual}",
         clipped(each.text, _VERDICT_CHARACTERS), each.sha256[:16])
        for each in shown
    ]  # fmt: skip
    return table(("Photograph", "Outcome", "Unusual tests", "Verdict", "SHA-256 begins"), rows)


def _outcome(outcome: Outcome | None) -> str:
    return _NOT_EXAMINED if outcome is None else OUTCOMES[outcome]


def _short(name: str) -> str:
    return clipped(PurePath(name).name or name, _NAME_CHARACTERS)
