"""Known uploads: what whole windows refused by its bytes in; whether this upload was refused already, and why, out.

On a wiki a file stands in many categories, and one content on several pages: its version is a digest of the SHA-1
that the site states. What was refused by its own bytes under today's rules is not asked for again anywhere.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from corpus.errors import StorageError
from corpus.records import RECORD, with_schema
from corpus.storage import Store
from crawlers.windows.markers import Marker
from crawlers.windows.records import ListedPhoto, refused_alike

Row = dict[str, Any]

READ_AT_ONCE = 16
"""Windows read at the same time: an object store takes 30 ms for each, however small."""


class RefusedUploads:
    """The refused uploads of a source's windows by version; about 100 bytes of memory each."""

    def __init__(self, store: Store, source: str, fingerprint: str) -> None:
        self.store, self.root, self.fingerprint = store, f"crawl/{source}", fingerprint
        self.window_of: dict[str, str] = {}
        self.is_read = False

    def read(self, markers: Mapping[str, Marker]) -> None:
        """Read the windows that earlier crawls have judged by today's rules, once."""
        if self.is_read:
            return
        self.is_read = True
        windows = [
            window
            for window, marker in markers.items()
            if marker["refused"] and marker.get("fingerprint") == self.fingerprint
        ]
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            for window, rows in zip(windows, threads.map(self._versions, windows), strict=True):
                self.note(window, rows)

    def note(self, window: str, rows: Iterable[Row]) -> None:
        """Remember which uploads a window has refused."""
        self.window_of |= {row["version"]: window for row in rows if row["state"] == "refused" and row["version"]}

    def row(self, found: ListedPhoto) -> Row | None:
        """Return the row of an upload whose bytes were refused before, None where they were not."""
        window = self.window_of.get(found.version or "")
        if window is None:
            return None
        rows = with_schema(self.store.read_table(f"{self.root}/{window}/records.parquet"), RECORD).to_pylist()
        alike = (row for row in rows if row["version"] == found.version and row["facts"] is not None)
        return next((refused_alike(found, row) for row in alike if row["state"] == "refused"), None)

    def _versions(self, window: str) -> list[Row]:
        try:
            table = self.store.read_table(f"{self.root}/{window}/records.parquet", ["version", "state"])
        except StorageError:
            return []
        rows: list[Row] = table.to_pylist()
        return rows
