"""Known originals: which originals of a source the store has, so that none is fetched twice.

In an object store each look is a request, and a new photo needs one before its download. So the names are listed once,
a thousand a request, as long as they are not too many; what other processes store meanwhile is then not seen, and may
be fetched and written once more, byte for byte the same.
"""

import threading

from corpus.storage import Store

LISTED_MAX = 100_000
"""Originals that are listed at most: a hundred requests, and 15 MB of memory."""


class KnownOriginals:
    """The originals of one source; several threads may ask."""

    def __init__(self, store: Store, source: str) -> None:
        self._store, self._folder = store, f"originals/{source}"
        self._paths: set[str] | None = None
        self._is_listed = store.is_local
        self._lock = threading.Lock()

    def has(self, path: str) -> bool:
        """Whether there is an original at `path`, or was when the crawl began."""
        with self._lock:
            if not self._is_listed:
                self._paths, self._is_listed = self._store.paths(self._folder, LISTED_MAX), True
        return self._store.exists(path) if self._paths is None else path in self._paths

    def add(self, path: str) -> None:
        """Take note of an original that was stored."""
        with self._lock:
            if self._paths is not None:
                self._paths.add(path)
