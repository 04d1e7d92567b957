"""Foreign lists: a CSV or Parquet file of addresses by others → a table as a manifest is, without verdicts.

Only the address of each file must be there. What a list does not say of licence and author is called unknown. A photo's
key is `manifest:` and the list's own name for it, or a digest of its address.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import ConfigurationError
from corpus.manifests.about import About, schema_about
from corpus.manifests.reading import read_batches, table_of
from corpus.records import MANIFEST, version_of
from corpus.text import escaped

COLUMNS = (
    *("url", "sha256", "size_bytes", "photo", "licence", "licence_url", "author", "title", "page_url", "uploaded_at"),
    "owner",
)
"""Columns that a list may have, by the names of `corpus.records.ManifestRow`."""
SOURCE = "manifest"
UNKNOWN = "unknown"
ROWS_MAX = 2_000_000
TEXT_MAX_CHARACTERS = 2000
_SHOWN_CHARACTERS = 80

Row = dict[str, Any]


def parse_columns(text: str) -> dict[str, str]:
    """Return which column of a list is what, e.g. `url=link,sha256=hash`; {} where nothing is said."""
    found: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        name, separator, column = (each.strip() for each in part.partition("="))
        if not separator or name not in COLUMNS or not column or name in found:
            raise ConfigurationError(
                f"-a columns={escaped(text)}: {escaped(part.strip())!r} is not of the form name=column, each name "
                f"once; names are {', '.join(COLUMNS)}"
            )
        found[name] = column
    return found


def write_list(file: Path, columns: Mapping[str, str], written: Path) -> None:
    """Write a list as a table of MANIFEST, ordered by photo; raises ConfigurationError with the line or row.

    `columns`: as `parse_columns` returns them; what it leaves out is looked for under its own name.
    """
    read = _csv_rows if file.suffix.lower() in (".csv", ".tsv") else _parquet_rows
    rows: dict[str, tuple[Row, int]] = {}
    for number, said in read(file, columns):
        where = f"{escaped(file)}: row {number:,}"
        row = _row(said, where)
        before = rows.setdefault(row["photo"], (row, number))[1]
        if before != number:
            raise ConfigurationError(f"{where}: {_shown(row['photo'])}, {_shown(row['url'])}, is in row {before:,} too")
        if len(rows) > ROWS_MAX:
            raise ConfigurationError(f"{escaped(file)}: has more than {ROWS_MAX:,} rows; divide it")
    if not rows:
        raise ConfigurationError(f"{escaped(file)}: lists nothing")
    ordered = [rows[photo][0] for photo in sorted(rows)]
    pq.write_table(pa.Table.from_pylist(ordered, schema_about(About())), written, compression="zstd")


def _csv_rows(file: Path, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            lines = csv.reader(opened, delimiter="\t" if file.suffix.lower() == ".tsv" else ",", strict=True)
            header = [name.strip() for name in next(lines, [])]
            places = {name: header.index(column) for name, column in _known(file, columns, header).items()}
            for number, cells in enumerate(lines, 1):
                if len(cells) not in (0, len(header)):
                    raise ConfigurationError(
                        f"{escaped(file)}: line {lines.line_num:,} has {len(cells)} cells, the first line {len(header)}"
                    )
                if cells:
                    yield number, {name: cells[place].strip() for name, place in places.items()}
    except OSError as error:
        raise ConfigurationError(f"{escaped(file)}: cannot be read: {error.strerror}") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{escaped(file)}: is not CSV in UTF-8: {error}") from error


def _parquet_rows(file: Path, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    schema, _ = table_of(file)
    known = _known(file, columns, schema.names)
    for name, column in known.items():
        kind = schema.field(column).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
            raise ConfigurationError(
                f"{escaped(file)}: column {escaped(column)}, for {name}, is of type {kind}, no text"
            )
    number = 0
    for batch in read_batches(file, list(dict.fromkeys(known.values()))):
        for said in batch.to_pylist():
            number += 1
            yield (
                number,
                {name: str(said[column]).strip() for name, column in known.items() if said[column] is not None},
            )


def _known(file: Path, columns: Mapping[str, str], there: list[str]) -> dict[str, str]:
    """Return the column of each name that the list has."""
    for name, column in columns.items():
        if there.count(column) != 1:
            has = escaped(", ".join(there))[:_SHOWN_CHARACTERS]
            raise ConfigurationError(
                f"{escaped(file)}: has no column {escaped(column)}, for {name}, or has it twice: {has}"
            )
    found = dict(columns) | {name: name for name in COLUMNS if name not in columns and there.count(name) == 1}
    if "url" not in found:
        has = escaped(", ".join(there))[:_SHOWN_CHARACTERS]
        raise ConfigurationError(
            f"{escaped(file)}: has no column url; say which it is, e.g. -a columns=url=link; it has {has or 'none'}"
        )
    return found


def _row(said: Mapping[str, str], where: str) -> Row:
    for name, text in said.items():
        if len(text) > TEXT_MAX_CHARACTERS or not text.isprintable():
            raise ConfigurationError(f"{where}: {name} is too long or has control characters: {_shown(text)}")
    url, sha256, size = said.get("url", ""), said.get("sha256", "").lower(), said.get("size_bytes", "")
    _check(re.fullmatch(r"https?://[!-~]+", url), where, "url", url, "no address (http:// or https://)")
    _check(re.fullmatch(r"([0-9a-f]{64})?", sha256), where, "sha256", sha256, "no SHA-256, 64 hex digits")
    _check(re.fullmatch(r"([1-9][0-9]{0,14})?", size), where, "size_bytes", size, "no size in bytes")
    uploaded_at = said.get("uploaded_at", "")
    _check(re.fullmatch(r"([0-9TZ:.+-]{4,40})?", uploaded_at), where, "uploaded_at", uploaded_at, "no ISO 8601 time")
    name = said.get("photo", "")
    _check(len(name) <= 900, where, "photo", name, "longer than 900 characters")
    owner = said.get("owner", "")
    return dict.fromkeys(MANIFEST.names) | {
        "photo": f"{SOURCE}:{name or hashlib.sha256(url.encode()).hexdigest()[:16]}",
        "version": version_of(sha256 or url),
        "source": SOURCE,
        "url": url,
        "sha256": sha256 or None,
        "size_bytes": int(size) if size else None,
        "licence": said.get("licence") or UNKNOWN,
        "author": said.get("author") or UNKNOWN,
        "owner": hashlib.sha256(owner.encode()).hexdigest()[:16] if owner else None,
        "uploaded_at": uploaded_at or None,
        **{each: said.get(each) or None for each in ("licence_url", "title", "page_url")},
    }  # fmt: skip


def _check(is_right: object, where: str, name: str, value: str, what: str) -> None:
    if not is_right:
        raise ConfigurationError(f"{where}: {name} {_shown(value)!r} is {what}")


def _shown(text: str) -> str:
    return escaped(text)[:_SHOWN_CHARACTERS]
