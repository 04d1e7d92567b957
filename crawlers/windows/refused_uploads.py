"""Refused uploads: which uploads were refused by their bytes under today's rules, so that none is fetched twice.

On a wiki a file may be in many categories, and the same content on several pages: a version is a digest of the SHA-1
that the site states. An upload that its own bytes refused is not fetched again for any of them.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.takedowns import READ_AT_ONCE
from crawlers.windows.markers import Marker
from crawlers.windows.records import ListedPhoto, Row, read_rows, records_path, refused_alike


class RefusedUploads:
    """The refused uploads in a source's windows, by version; about 100 bytes of memory each."""

    def __init__(self, store: Store, source: str, fingerprint: str) -> None:
        self.store, self.source, self.fingerprint = store, source, fingerprint
        self.window_of: dict[str, str] = {}

    def read(self, markers: Mapping[str, Marker]) -> None:
        """Add the uploads of the windows that earlier crawls have judged by today's rules."""
        judged = {window: each for window, each in markers.items() if each["fingerprint"] == self.fingerprint}
        windows = [window for window, marker in judged.items() if marker["refused"]]
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            for window, rows in zip(windows, threads.map(self._versions, windows), strict=True):
                self.add(window, rows)

    def add(self, window: str, rows: Iterable[Row]) -> None:
        """Add the uploads that a window has refused."""
        self.window_of |= {row["version"]: window for row in rows if row["state"] == "refused" and row["version"]}

    def row(self, listed: ListedPhoto) -> Row | None:
        """Return the row of an upload whose bytes were refused before, None where they were not."""
        window = self.window_of.get(listed.version or "")
        if window is None:
            return None
        for row in read_rows(self.store, records_path(self.source, window)):
            if row["version"] == listed.version and row["facts"] is not None and row["state"] == "refused":
                return refused_alike(listed, row)
        return None

    def _versions(self, window: str) -> list[Row]:
        try:
            return list(self.store.read_table(records_path(self.source, window), ["version", "state"]).to_pylist())
        except StorageError:
            return []
