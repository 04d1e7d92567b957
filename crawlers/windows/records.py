"""The rows of a window, in the schema `corpus.records.RECORD`: what a site lists of a photo, and its outcome.

Every listed upload ends as exactly one row: stored, refused (with all reasons) or failed (the error, when, how often).
"""

import dataclasses
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from corpus.records import RECORD, with_schema
from corpus.storage import Store
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
    reasons: tuple[str, ...] = ()  # why the listing alone refuses it
    error: str | None = None  # why the site has no file of it though it lists it
    attempts: int = 0  # how many crawls have tried to fetch it and failed


def stored(listed: ListedPhoto, original: str, data: bytes) -> Row:
    """Return the row of a photo whose original is in the store."""
    digest = hashlib.sha256(data).hexdigest()
    return _row(listed, state="stored", original=original, sha256=digest, size_bytes=len(data))


def refused(listed: ListedPhoto, verdict: Refused, size_bytes: int | None = None) -> Row:
    """Return the row of a photo refused by its bytes or its listing; its facts are kept, its bytes are not."""
    facts = dataclasses.asdict(verdict.facts) if verdict.facts else None
    size_bytes = listed.size_bytes if size_bytes is None else size_bytes
    outcome = {"reasons": list(verdict.reasons), "error": verdict.error, "facts": facts, "size_bytes": size_bytes}
    return _row(listed, state="refused", **outcome)


def refused_alike(listed: ListedPhoto, row: Row) -> Row:
    """Return the row of a photo with the same bytes as the refused photo of `row`."""
    verdict = {name: row[name] for name in ("reasons", "error", "facts", "size_bytes")}
    return _row(listed, state="refused", **verdict)


def failed(listed: ListedPhoto, error: str, http_status: int | None = None, *, is_transient: bool) -> Row:
    """Return the row of a photo that could not be fetched; where that is transient, a later crawl tries again."""
    tried = {"attempts": listed.attempts + 1, "failed_at": iso_time(int(time.time()))}
    return _row(listed, state="failed", error=error, http_status=http_status, is_transient=is_transient, **tried)


def gone(listed: ListedPhoto, error: str, http_status: int | None) -> Row:
    """Return the row of a photo whose address says that there is no such file any more."""
    return _row(listed, state="deleted", error=error, http_status=http_status)


def listed_photo_of(row: Row) -> ListedPhoto:
    """Return what the listing said of a photo, from its row: enough to fetch it again."""
    names = {field.name for field in dataclasses.fields(ListedPhoto)} - {"reasons", "error", "attempts"}
    return ListedPhoto(**{name: row[name] for name in names}, attempts=row["attempts"] or 0)


def table(rows: Iterable[Row]) -> pa.Table:
    """Return rows as an Arrow table, sorted by photo, so that equal crawls give equal bytes."""
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (str(row["photo"]), str(row["version"]))), schema=RECORD)


def records_path(source: str, window: str) -> str:
    """Return where the rows of a whole window are in the store."""
    return f"crawl/{source}/{window}/records.parquet"


def read_rows(store: Store, path: str) -> list[Row]:
    """Return the rows of a table of records.

    Raises StorageError where there is no such table, ValueError where it has other columns.
    """
    return list(with_schema(store.read_table(path), RECORD).to_pylist())


def _row(listed: ListedPhoto, **outcome: Any) -> Row:
    said = {name: value for name, value in vars(listed).items() if name in RECORD.names}
    row = dict.fromkeys(RECORD.names) | said | {"reasons": [], "error": None, "attempts": None} | outcome
    return {name: _clean(value) for name, value in row.items()}


def _clean(value: Any) -> Any:
    """Return text that Arrow can hold: JSON may carry half a character (a lone surrogate)."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
