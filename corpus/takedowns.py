"""Takedowns: the list of photos whose removal was requested, one small file for each; they are never used again.

`takedowns/<16 hex of the key's SHA-256>.json` names the photo, when its removal was requested, and digests of the pages
it was on, because the records that knew these are removed first. Raises StorageError for a file of the list that does
not say which photo it is of, rather than let that photo in again.
"""

import hashlib
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from corpus.errors import StorageError
from corpus.records import RecordRow, full_row
from corpus.storage import Store
from corpus.text import iso_time

FOLDER = "takedowns"
REASON = "forgotten"
READ_AT_ONCE = 16
"""Files that are read concurrently: an object store takes 30 ms for each, however small."""

ASKED_S = 10.0
"""In an object store, a crawl goes by the list as it was so long ago at most: each look is a request there."""


@dataclass(frozen=True)
class Takedown:
    """A photo on the list."""

    photo: str
    at: str
    """When its removal was first requested, ISO 8601, UTC."""
    pages: frozenset[str] = frozenset()
    """`page_digest` of each page that it was on."""


def takedown(store: Store, photo: str, pages: Iterable[str] = ()) -> bool:
    """Put a photo on the list for good; return False if it was on it already.

    `pages`: digests of its pages (`page_digest`), which are added to those on the list. A damaged file is replaced.
    """
    path = _path(photo)
    try:
        known = _read(store, path) if store.exists(path) else None
    except StorageError:
        known = None
    at = known.at if known else iso_time(time.time())
    wanted = Takedown(photo, at, frozenset(pages) | (known.pages if known else frozenset()))
    if wanted != known:
        store.publish_json(path, {"photo": photo, "at": at, "pages": sorted(wanted.pages)})
    return known is None


def is_taken_down(store: Store, photo: str) -> bool:
    """Whether a photo is on the list; looks for one file only."""
    return store.exists(_path(photo))


def takedowns(store: Store) -> list[Takedown]:
    """Return the whole list, oldest first; raises StorageError for a file that does not belong to it."""
    paths = [f"{FOLDER}/{name}" for name in store.names(FOLDER)]
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        return sorted(threads.map(lambda path: _read(store, path), paths), key=lambda one: (one.at, one.photo))


def taken_down(store: Store) -> frozenset[str]:
    """Return the keys of all photos on the list; raises StorageError for a file that does not belong to it."""
    return frozenset(one.photo for one in takedowns(store))


def page_digest(page: str) -> str:
    """Return what the list stores of a page's address: 16 hex digits of its SHA-256."""
    return hashlib.sha256(page.encode()).hexdigest()[:16]


def forgotten_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is left of a photo's row of RECORD: which upload it was, and that it is forgotten."""
    kept = {name: row[name] for name in ("photo", "version", "source")}
    return dict(full_row(RecordRow, kept | {"state": "refused", "reasons": [REASON]}))


def apply_takedowns(rows: Iterable[Mapping[str, Any]], photos: Collection[str]) -> list[Any]:
    """Return rows of RECORD, those of `photos` reduced to what `forgotten_row` leaves."""
    return [forgotten_row(row) if row["photo"] in photos else row for row in rows]


def _path(photo: str) -> str:
    return f"{FOLDER}/{hashlib.sha256(photo.encode()).hexdigest()[:16]}.json"


def _read(store: Store, path: str) -> Takedown:
    value = store.read_json(path)
    try:
        one = Takedown(str(value["photo"]), str(value["at"]), frozenset(map(str, value.get("pages", []))))
    except (AttributeError, KeyError, TypeError):
        one = None
    if one is None or _path(one.photo) != path:
        raise StorageError(
            f"{store.url}: {path} does not say which photo it takes down; name that photo to "
            "`python -m crawlers.forget` again, or restore the file, or remove it if it does not belong to the list"
        )
    return one
