"""Attribution: lists the author, licence and page of every photo that a generation keeps, as CSV and as an HTML page.

The table of photos is read in batches, never whole. A cell that a spreadsheet would take for a formula becomes text.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.page import link, page, paragraph, section, table
from corpus.storage import Store
from corpus.text import clipped, count, escaped
from curation.generations import batches_of
from curation.judging.arrays.characters import bytes_outside, data_of, rows_with
from curation.judging.arrays.distinct import codes_of

PAGE_PHOTOS_MAX = 5000
"""Browsers scroll longer tables badly, and nobody reads them."""

COLUMNS = ("photo", "title", "author", "licence", "licence_url", "page_url", "source")
"""Columns of the CSV file. The author is the owner's name, or else the owner's id at the site."""

_READ = ["kept", "photo", "title", "owner_name", "owner_id", "licence", "licence_url", "page_url", "source"]
_TEXT_CHARACTERS = 300
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""Spreadsheets take cells that begin so for formulas; a leading apostrophe makes them text (OWASP). Those set to
Japanese or Chinese take the full-width forms for the same."""
_SPECIAL = bytes_outside(first=ord(" "), last=ord("~"), but=b',"')
"""Bytes that CSV quotes, or that may be escaped; the full-width forms are among them."""
_FORMULA_BYTES = np.frombuffer(b" =+-@", np.uint8)
"""First bytes of texts that may begin a formula, after blanks too."""

Row = dict[str, Any]


def attribution_csv(store: Store, generation: str) -> bytes:
    """Return CSV (UTF-8, a header line, COLUMNS) of the photos that a generation keeps.

    Raises StorageError where the table is missing, damaged or lacks a column.
    """
    return _csv(_kept(store, generation))


def csv_of(photos: pa.Table) -> bytes:
    """Return the same of the kept photos of a table, in its order."""
    return _csv([_kept_rows(photos.select(_READ))])


def _csv(tables: Iterable[pa.Table]) -> bytes:
    lines = [f"{','.join(COLUMNS)}\n".encode()]
    for photos in tables:
        cells = [_cells(photos[column].combine_chunks()) for column in COLUMNS]
        joined = pc.binary_join_element_wise(pc.binary_join_element_wise(*cells, ","), "\n", "")
        lines.append(data_of(joined)[0].tobytes())
    return b"".join(lines)


def _cells(column: pa.Array) -> pa.Array:
    """Return texts as they stand in CSV; those that have nothing to quote or to escape stay as they are."""
    codes = codes_of(column)
    if codes.number * 2 < len(column):
        return _cells(column.take(pa.array(codes.firsts))).take(pa.array(codes.codes))
    texts = pc.fill_null(column, "")
    data, offsets = data_of(texts)
    starts = offsets[:-1][np.diff(offsets) > 0]
    is_special = np.zeros(len(texts), bool)
    is_special[rows_with(texts, _SPECIAL)] = True
    is_special[np.diff(offsets) > 0] |= np.isin(data[starts], _FORMULA_BYTES)
    if not is_special.any():
        return texts
    spelled = [_quoted(_cell(text)) for text in texts.filter(pa.array(is_special)).to_pylist()]
    return pc.replace_with_mask(texts, pa.array(is_special), pa.array(spelled, pa.string()))


def _quoted(cell: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow((cell, ""))  # of one empty cell the writer would make `""`
    return line.getvalue()[:-2]


def attribution_html(store: Store, generation: str) -> str:
    """Return a page with title, author, licence and page of every kept photo, in a section for each source.

    If there are more than PAGE_PHOTOS_MAX photos, it only refers to attribution.csv. Raises as `attribution_csv`.
    """
    photos = sum(pc.sum(batch.column("kept")).as_py() or 0 for batch in batches_of(store, generation, ["kept"]))
    if photos > PAGE_PHOTOS_MAX:
        note = "They are too many for one page: the file attribution.csv beside it names author, licence and page."
        return _too_many(photos, note)
    sources: dict[str, list[Row]] = {}
    for kept in _kept(store, generation):
        for row in kept.to_pylist():
            sources.setdefault(row["source"] or "", []).append(row)
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


def _kept(store: Store, generation: str) -> Iterator[pa.Table]:
    """Yield the photos that a generation keeps, batch by batch, each with its author."""
    for batch in batches_of(store, generation, _READ):
        yield _kept_rows(batch)


def _kept_rows(photos: pa.RecordBatch | pa.Table) -> pa.Table:
    table = photos if isinstance(photos, pa.Table) else pa.Table.from_batches([photos])
    kept = table.filter(table["kept"])
    has_name = pc.fill_null(pc.not_equal(kept["owner_name"], ""), False)
    return kept.append_column("author", pc.if_else(has_name, kept["owner_name"], kept["owner_id"]))


def _cell(value: Any) -> str:
    text = "" if value is None else escaped(str(value), keep="\n")
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text


def _short(value: Any) -> str:
    return clipped("" if value is None else str(value), _TEXT_CHARACTERS)
