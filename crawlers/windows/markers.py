"""Markers: the `_done.json` of each window, which says that the window is whole and what is in it.

A marker holds what the window was listed from (`details`, the spider's own), how many photos are in which state, which
failed ones to retry and when (`retry`), by which rules it was judged (`fingerprint`), and whether it must be listed
anew (`relist`). The time of the empty file `listed` beside it says when the window was last listed.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from corpus.storage import MARKER, Store, json_bytes
from corpus.text import iso_time
from crawlers.windows.records import Row
from crawlers.windows.work_units import origin_of

Marker = dict[str, Any]

LISTED = "listed"
STATES = ("stored", "refused", "failed", "deleted")
FIRST_WAIT_S = 3600
LONGEST_WAIT_S = 7 * 86400


def marker_of(rows: Iterable[Row], details: dict[str, Any], fingerprint: str, *, relist: bool) -> Marker:
    """Return the marker of a window with these rows."""
    rows = list(rows)
    states = Counter(str(row["state"]) for row in rows)
    retry = {row["photo"]: moment for row in rows if (moment := next_attempt(row)) is not None}
    return {
        "details": details,
        "fingerprint": fingerprint,
        "photos": len(rows),
        "relist": relist,
        "retry": retry,
        **{state: states[state] for state in STATES},
    }


def wait_s(attempts: int) -> int:
    """Return how long to leave a photo alone after its latest failure, where so many crawls have failed.

    The first failure is retried by the next crawl, whenever that is; then the wait doubles from an hour to a week, and
    retrying never ends: a site that was down for a month is not the photo's fault.
    """
    return 0 if attempts < 2 else min(FIRST_WAIT_S * 2 ** min(attempts - 2, 20), LONGEST_WAIT_S)


def next_attempt(row: Row) -> str | None:
    """Return the moment (ISO 8601, UTC) from which a row's photo is retried; None for one that is not."""
    if row["state"] != "failed" or not row["is_transient"]:
        return None
    failed_s = datetime.fromisoformat(row["failed_at"]).timestamp()
    return iso_time(int(failed_s) + wait_s(row["attempts"] or 1))


def due_photos(marker: Marker, now: str) -> frozenset[str]:
    """Return the failed photos that are to be retried now; `now` is ISO 8601, UTC, as the marker's own times."""
    return frozenset(photo for photo, at in marker.get("retry", {}).items() if at <= now)


class Markers:
    """The markers of all whole windows of one source, by window; each is read once, and again on demand."""

    def __init__(self, store: Store, source: str) -> None:
        self.store, self.root = store, f"crawl/{source}"
        self.all: dict[str, Marker] = {}
        self._by_origin: defaultdict[str, list[str]] = defaultdict(list)

    def refresh(self, ending: str = "") -> None:
        """Read the markers, so far unknown, of windows whose names end with `ending`."""
        for name in self.store.names(self.root):
            if name not in self.all and name.endswith(ending) and not name.startswith("_"):
                self.reread(name)

    def reread(self, window: str) -> Marker | None:
        """Read a window's marker again and return it, None where the window is not whole."""
        marker = self.store.done(f"{self.root}/{window}")
        if marker is not None:
            self._take(window, marker)
        return marker

    def published(self, window: str, marker: Marker) -> None:
        """Take note of a marker that this process has just published."""
        self._take(window, json.loads(json_bytes(marker)))  # as it is read again

    def _take(self, window: str, marker: Marker) -> None:
        if window not in self.all:
            self._by_origin[origin_of(marker["details"])].append(window)
        self.all[window] = marker

    def windows_of(self, origin: str) -> list[str]:
        """Return the known windows of a query, in order of time, or of a directory."""
        return sorted(self._by_origin.get(origin, ()))

    def listed_at_s(self, window: str) -> float:
        """Return when a whole window was last listed, seconds since 1970."""
        path = f"{self.root}/{window}/{LISTED}"
        return self.store.modified_at_s(path if self.store.exists(path) else f"{self.root}/{window}/{MARKER}")
