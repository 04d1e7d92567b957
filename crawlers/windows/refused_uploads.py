"""Refused uploads: which uploads were refused by their bytes under today's rules, so that none is fetched twice.

On a wiki a file may be in many categories, and the same content on several pages: a version is a digest of the SHA-1
that the site states. An upload that its own bytes refused is not fetched again for any of them. The versions of each
window are kept with its marker where a read is a request (`crawlers.windows.markers`).
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from corpus.errors import StorageError
from corpus.takedowns import READ_AT_ONCE
from crawlers.windows.markers import Markers
from crawlers.windows.records import ListedPhoto, Row, read_rows, records_path, refused_alike


class RefusedUploads:
    """The refused uploads in a source's windows, by version; about 100 bytes of memory each."""

    def __init__(self, markers: Markers, source: str, fingerprint: str) -> None:
        self.store, self.source, self.fingerprint = markers.store, source, fingerprint
        self.markers = markers
        self.window_of: dict[str, str] = {}

    def read(self) -> None:
        """Add the uploads of the windows that earlier crawls have judged by today's rules."""
        judged = {window: each for window, each in self.markers.all.items() if each["fingerprint"] == self.fingerprint}
        windows = [window for window, marker in judged.items() if marker["refused"]]
        unknown = [window for window in windows if window not in self.markers.refused]
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            for window, rows in zip(unknown, threads.map(self._versions, unknown), strict=True):
                self.add(window, rows)
        for window in windows:
            self.window_of |= dict.fromkeys(self.markers.refused.get(window, ()), window)

    def add(self, window: str, rows: Iterable[Row] | None) -> None:
        """Add the uploads that a window has refused; None: its rows could not be read."""
        if rows is None:
            return
        refused = [row["version"] for row in rows if row["state"] == "refused" and row["version"]]
        self.markers.refused[window] = refused
        self.window_of |= dict.fromkeys(refused, window)

    def row(self, listed: ListedPhoto) -> Row | None:
        """Return the row of an upload whose bytes were refused before, None where they were not."""
        window = self.window_of.get(listed.version or "")
        if window is None:
            return None
        for row in read_rows(self.store, records_path(self.source, window)):
            if row["version"] == listed.version and row["facts"] is not None and row["state"] == "refused":
                return refused_alike(listed, row)
        return None

    def _versions(self, window: str) -> list[Row] | None:
        try:
            return list(self.store.read_table(records_path(self.source, window), ["version", "state"]).to_pylist())
        except StorageError:
            return None
