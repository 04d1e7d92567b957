"""Rows: what a listing says of a photo and what became of it in, rows of `corpus.records.RECORD` out.

Every upload found ends as exactly one row: stored, refused (all reasons) or failed (the error, when, how often).
"""

import dataclasses
import hashlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from corpus.records import RECORD
from corpus.text import iso_time
from crawlers.vetting.door import Refused

Row = dict[str, Any]


@dataclass(frozen=True)
class ListedPhoto:
    """One photo as its site lists it; names as in the schema RECORD."""

    photo: str
    source: str
    version: str | None = None
    page_url: str | None = None
    original_url: str | None = None
    title: str | None = None
    owner_id: str | None = None
    owner_name: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    uploaded_at: str | None = None
    claimed_camera: str | None = None
    labelled_camera: str | None = None
    site_width_px: int | None = None
    site_height_px: int | None = None
    site_sha1: str | None = None
    size_bytes: int | None = None
    reasons: tuple[str, ...] = ()
    """Why the listing alone refuses it."""
    error: str | None = None
    """Why the site has no file of it, though it lists it."""
    attempts: int = 0
    """How many crawls have tried to get it and failed."""


def stored(found: ListedPhoto, original: str, data: bytes) -> Row:
    """Return the row of a photo whose original now is in the store."""
    digest = hashlib.sha256(data).hexdigest()
    return _row(found, state="stored", original=original, sha256=digest, size_bytes=len(data))


def refused(found: ListedPhoto, verdict: Refused, size_bytes: int | None = None) -> Row:
    """Return the row of a photo refused at the door, or by its listing; its facts are kept, not its bytes."""
    facts = dataclasses.asdict(verdict.facts) if verdict.facts else None
    size_bytes = found.size_bytes if size_bytes is None else size_bytes
    return _row(
        found, state="refused", reasons=list(verdict.reasons), error=verdict.error, facts=facts, size_bytes=size_bytes
    )


def refused_alike(found: ListedPhoto, row: Mapping[str, Any]) -> Row:
    """Return the row of a photo whose bytes are those of another one's, refused by what they say."""
    said = {name: row[name] for name in ("reasons", "error", "facts", "size_bytes")}
    return _row(found, state="refused", **said)


def failed(found: ListedPhoto, error: str, http_status: int | None = None, *, is_transient: bool) -> Row:
    """Return the row of a photo that could not be had; transient: a later crawl tries again."""
    now = iso_time(int(time.time()))
    return _row(
        found,
        state="failed",
        error=error,
        http_status=http_status,
        is_transient=is_transient,
        attempts=found.attempts + 1,
        failed_at=now,
    )


def found_of(row: Mapping[str, Any]) -> ListedPhoto:
    """Return what the listing said of a photo, from its row: enough to try a failed one again."""
    names = [
        field.name for field in dataclasses.fields(ListedPhoto) if field.name not in ("reasons", "error", "attempts")
    ]
    return ListedPhoto(**{name: row[name] for name in names}, attempts=row["attempts"] or 0)


def table(rows: Iterable[Row]) -> pa.Table:
    """Return rows as an Arrow table, sorted by photo, so that equal crawls give equal bytes."""
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (str(row["photo"]), str(row["version"]))), schema=RECORD)


def _row(found: ListedPhoto, **outcome: Any) -> Row:
    listed = {name: value for name, value in vars(found).items() if name in RECORD.names}
    row = dict.fromkeys(RECORD.names) | listed | {"reasons": [], "error": None, "attempts": None} | outcome
    return {name: _clean(value) for name, value in row.items()}


def _clean(value: Any) -> Any:
    """Return text that Arrow can hold: JSON may carry half a character (a lone surrogate)."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
