"""Checkpoints: the rows of a window that is not whole yet, so that a crash does not make the crawl ask twice.

A window is published when its last photo is done, which may be thousands of photos later. Until then its rows are
written every ROWS_A_PART to `crawl/<source>/_unfinished/<window>/`; they are removed when the window is whole. Rows
judged by other rules than today's are ignored, so their photos are judged again. Failed photos are not written.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from corpus.errors import StorageError
from corpus.storage import Entry, Store
from crawlers.windows.records import Row, read_rows, table

ROWS_A_PART = 50  # headers asked for again after a crash, at most, beside those in work
DETAILS = "details.json"
NEEDED_S = 30 * 86400  # rows of this age will not be asked for any more: their query, or their files, are gone
CLEARED_S = 86400  # older ones beside a whole window are not of a process that is listing it anew


def folder(source: str) -> str:
    """Return the folder of a source's checkpoints in the store."""
    return f"crawl/{source}/_unfinished"


def unfinished_windows(store: Store, source: str, windows: Iterable[str]) -> list[dict[str, Any]]:
    """Return the details of these windows, in which crawls were killed; those that are gone meanwhile are left out."""
    found = []
    for window in sorted(windows):
        with suppress(StorageError):
            found.append(store.read_json(f"{folder(source)}/{window}/{DETAILS}"))
    return found


def sweep(store: Store, source: str, whole: Collection[str], listed: Mapping[str, Entry]) -> set[str]:
    """Remove checkpoints of `whole` windows that are older than a day, and others that are older than NEEDED_S.

    `listed`: the files of checkpoints that there are. Returns the windows of which there are checkpoints now.
    """
    left = set()
    for path, entry in listed.items():
        window, _, file = path.removeprefix(f"{folder(source)}/").partition("/")
        needed_s = CLEARED_S if window in whole else NEEDED_S
        if file == DETAILS and entry.modified_at_s < time.time() - needed_s:
            store.remove(f"{folder(source)}/{window}")
        elif file == DETAILS:
            left.add(window)
    return left


@dataclass
class Checkpoint:
    """The rows so far of one window that is not whole."""

    store: Store
    source: str
    window: str
    fingerprint: str
    details: dict[str, Any]  # those of the marker that the window will have
    waiting: list[Row] = field(default_factory=list)  # rows that are not written yet
    number: int = 0  # of the next part
    is_nothing: bool = False  # whether it is known that the store has nothing of it, so that no look is needed

    @property
    def folder(self) -> str:
        """Where the parts of this window are in the store."""
        return f"{folder(self.source)}/{self.window}"

    def read(self) -> dict[tuple[str, str | None], Row]:
        """Return the rows that an earlier crawl has written, by photo and version."""
        rows: dict[tuple[str, str | None], Row] = {}
        if self.is_nothing:
            return rows
        names = self.store.names(self.folder)
        self.is_nothing = not names
        for name in names:
            if not name.endswith(".parquet"):
                continue
            self.number = max(self.number, int(name.rpartition("-")[2].partition(".")[0]) + 1)
            if not name.startswith(f"{self.fingerprint}-"):
                continue
            try:
                part = read_rows(self.store, f"{self.folder}/{name}")
            except (StorageError, ValueError):  # an unreadable part is treated as missing
                continue
            rows |= {(row["photo"], row["version"]): row for row in part}
        return rows

    def add(self, row: Row) -> tuple[int, list[Row]] | None:
        """Add a row; return the number and rows of a part to `write` when there are enough."""
        if row["state"] == "failed":
            return None
        self.waiting.append(row)
        if len(self.waiting) < ROWS_A_PART:
            return None
        part, self.waiting = (self.number, self.waiting), []
        self.number += 1
        return part

    def write(self, number: int, rows: list[Row]) -> None:
        """Write one part, and with the first the window's details, so that a later crawl makes the same window."""
        was_nothing, self.is_nothing = self.is_nothing, False
        if was_nothing or not self.store.exists(f"{self.folder}/{DETAILS}"):
            self.store.publish_json(f"{self.folder}/{DETAILS}", self.details)
        self.store.publish_table(f"{self.folder}/{self.fingerprint}-{number}.parquet", table(rows))

    def clear(self) -> None:
        """Remove all parts: the window is whole."""
        if not self.is_nothing:
            self.store.remove(self.folder)
