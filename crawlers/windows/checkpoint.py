"""Unfinished windows: rows of a window in work in; after a crash the same rows out, so that nothing is asked twice.

A window is published when its last photo is done, which may be thousands of photos later. Until then its rows are
put aside every ROWS_A_PART, below `crawl/<source>/_unfinished/<window>/`; they go when the window is whole. Rows put
aside under other rules than today's are dropped: their photos are judged anew. Failed photos are not put aside.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from corpus.errors import StorageError
from corpus.records import RECORD, with_schema
from corpus.storage import Store
from crawlers.windows.records import table

Row = dict[str, Any]

ROWS_A_PART = 50
"""Headers asked for again after a crash, at most, beside those in work."""


DETAILS = "details.json"
NEEDED_S = 30 * 86400
"""Rows put aside for so long will not be asked for: their query, or their files, are gone."""
CLEARED_S = 86400
"""What stands so long beside a whole window is no other process's that lists it anew."""


def folder(source: str) -> str:
    """Return where a source's unfinished windows are."""
    return f"crawl/{source}/_unfinished"


def begun(store: Store, source: str) -> list[dict[str, Any]]:
    """Return the details of the windows that crawls were killed in."""
    paths = [f"{folder(source)}/{window}/{DETAILS}" for window in store.names(folder(source))]
    return [store.read_json(path) for path in paths if store.exists(path)]


def sweep(store: Store, source: str, whole: Collection[str]) -> None:
    """Remove what was put aside, a day ago, for windows that are `whole`, or that nobody has come back to for long."""
    for window in store.names(folder(source)):
        details = f"{folder(source)}/{window}/{DETAILS}"
        needed_s = CLEARED_S if window in whole else NEEDED_S
        if store.exists(details) and store.modified_at_s(details) < time.time() - needed_s:
            store.remove(f"{folder(source)}/{window}")


@dataclass
class Unfinished:
    """What is known so far of one window that is not whole."""

    store: Store
    source: str
    window: str
    fingerprint: str
    details: dict[str, Any]
    """Of the window's marker to be."""
    waiting: list[Row] = field(default_factory=list)
    number: int = 0

    @property
    def folder(self) -> str:
        """Where this window's rows are put aside."""
        return f"{folder(self.source)}/{self.window}"

    def read(self) -> dict[tuple[str, str | None], Row]:
        """Return the rows that an earlier crawl has put aside, by photo and version."""
        rows: dict[tuple[str, str | None], Row] = {}
        for name in self.store.names(self.folder):
            if not name.endswith(".parquet"):
                continue
            self.number = max(self.number, int(name.rpartition("-")[2].partition(".")[0]) + 1)
            if not name.startswith(f"{self.fingerprint}-"):
                continue
            try:
                part = with_schema(self.store.read_table(f"{self.folder}/{name}"), RECORD)
            except (StorageError, ValueError):  # unreadable is as good as not there
                continue
            rows |= {(row["photo"], row["version"]): row for row in part.to_pylist()}
        return rows

    def add(self, row: Row) -> tuple[int, list[Row]] | None:
        """Note a row; return a part to `put_aside` when there are enough."""
        if row["state"] == "failed":
            return None
        self.waiting.append(row)
        if len(self.waiting) < ROWS_A_PART:
            return None
        part, self.waiting = (self.number, self.waiting), []
        self.number += 1
        return part

    def put_aside(self, number: int, rows: list[Row]) -> None:
        """Write one part; the first time, what the window is of, so that its name comes out the same again."""
        if not self.store.exists(f"{self.folder}/{DETAILS}"):
            self.store.publish_json(f"{self.folder}/{DETAILS}", self.details)
        self.store.publish_table(f"{self.folder}/{self.fingerprint}-{number}.parquet", table(rows))

    def clear(self) -> None:
        """Remove all that was put aside: the window is whole."""
        self.store.remove(self.folder)
