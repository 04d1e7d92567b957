"""Attribution: lists the author, licence and page of every photo that a generation keeps, as CSV and as an HTML page.

The table of photos is read in batches, never whole. A cell that a spreadsheet would take for a formula becomes text.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from corpus.page import link, page, paragraph, section, table
from corpus.storage import Store
from corpus.text import clipped, count, escaped
from curation.generations import batches_of

PAGE_PHOTOS_MAX = 5000
"""Browsers scroll longer tables badly, and nobody reads them."""

COLUMNS = ("photo", "title", "author", "licence", "licence_url", "page_url", "source")
"""Columns of the CSV file. The author is the owner's name, or else the owner's id at the site."""

_READ = ["kept", "photo", "title", "owner_name", "owner_id", "licence", "licence_url", "page_url", "source"]
_TEXT_CHARACTERS = 300
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Spreadsheets take cells that begin so for formulas; a leading apostrophe makes them text (OWASP). Those set to
Japanese or Chinese take the full-width forms for the same."""

Row = dict[str, Any]


def attribution_csv(store: Store, generation: str) -> bytes:
    """Return CSV (UTF-8, a header line, COLUMNS) of the photos that a generation keeps.

    Raises StorageError where the table is missing, damaged or lacks a column.
    """
    return _csv(_kept(store, generation))


def csv_of(photos: pa.Table) -> bytes:
    """Return the same of the kept photos of a table, in its order."""
    return _csv([_kept_rows(photos.select(_READ))])


def _csv(tables: Iterable[list[Row]]) -> bytes:
    written = io.BytesIO()
    text = io.TextIOWrapper(written, encoding="utf-8", errors="replace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rows in tables:
        writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    text.flush()
    return written.getvalue()


def attribution_html(store: Store, generation: str) -> str:
    """Return a page with title, author, licence and page of every kept photo, in a section for each source.

    If there are more than PAGE_PHOTOS_MAX photos, it only refers to attribution.csv. Raises as `attribution_csv`.
    """
    sources: dict[str, list[Row]] = {}
    photos = 0
    for rows in _kept(store, generation):
        photos += len(rows)
        for row in rows if photos <= PAGE_PHOTOS_MAX else ():
            sources.setdefault(row["source"] or "", []).append(row)
    if photos > PAGE_PHOTOS_MAX:
        note = "They are too many for one page: the file attribution.csv beside it names author, licence and page."
        return _too_many(photos, note)
    lead = "The photographs of this data set, their authors and the licences they are used under."
    sections = [_source_section(source, rows) for source, rows in sorted(sources.items())]
    return page("Attribution", lead, sections or [paragraph("No photo is kept.")])


def too_many_html(photos: int) -> str:
    """Return the page of a generation that keeps so many photos that their authors stand in several files."""
    note = "They are too many for one page: the files that photos.json beside it names under attribution name author, "
    return _too_many(photos, f"{note}licence and page.")


def _too_many(photos: int, note: str) -> str:
    return page("Attribution", f"{count(photos, 'photo')} are kept.", [paragraph(note)])


def _source_section(source: str, rows: list[Row]) -> str:
    header = ("photo", "title", "author", "licence")
    body = []
    for row in rows:
        photo, title, author, licence = (_short(row[name]) for name in header)
        body.append((link(photo, row["page_url"]), title, author, link(licence, row["licence_url"])))
    return section(f"{source} ({count(len(rows), 'photo')})", table(header, body))


def _kept(store: Store, generation: str) -> Iterator[list[Row]]:
    """Yield the photos that a generation keeps, batch by batch, each with its author."""
    for batch in batches_of(store, generation, _READ):
        yield _kept_rows(batch)


def _kept_rows(photos: pa.RecordBatch | pa.Table) -> list[Row]:
    rows = photos.filter(photos.column("kept")).to_pylist()
    return [{**row, "author": row["owner_name"] or row["owner_id"]} for row in rows]


def _cell(value: Any) -> str:
    text = "" if value is None else escaped(str(value), keep="\n")
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


def _short(value: Any) -> str:
    return clipped("" if value is None else str(value), _TEXT_CHARACTERS)
