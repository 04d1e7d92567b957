"""Markers: the rows of a window in, its `_done.json` out; and all markers of a source, read once and kept fresh.

A marker says what a window was asked of (`details`, the spider's own), how many photos are in which state, which
failed ones to try again and when (`retry`), by which rules it was judged (`fingerprint`), and whether its listing must
be asked for anew (`relist`). When a window was last listed is the time of the empty file `listed` beside it.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from corpus.storage import MARKER, Store
from crawlers.windows.failures import next_attempt

Marker = dict[str, Any]

LISTED = "listed"
STATES = ("stored", "refused", "failed", "deleted")


def marker_of(rows: Iterable[dict[str, Any]], details: dict[str, Any], fingerprint: str, *, relist: bool) -> Marker:
    """Return the marker of a window with these rows."""
    rows = list(rows)
    states = Counter(str(row["state"]) for row in rows)
    again = {row["photo"]: moment for row in rows if (moment := next_attempt(row)) is not None}
    return {
        "details": details,
        "fingerprint": fingerprint,
        "photos": len(rows),
        "relist": relist,
        "retry": again,
        **{state: states[state] for state in STATES},
    }


def due_photos(marker: Marker, now: str) -> frozenset[str]:
    """Return the failed photos whose time has come; `now` is ISO 8601, UTC, as the marker's own times."""
    return frozenset(photo for photo, at in marker.get("retry", {}).items() if at <= now)


class Markers:
    """The markers of all whole windows of one source, by window."""

    def __init__(self, store: Store, source: str) -> None:
        self.store, self.root = store, f"crawl/{source}"
        self.all: dict[str, Marker] = {}

    def refresh(self, ending: str = "") -> None:
        """Read the markers that are not known yet of windows whose names end with `ending`."""
        for name in self.store.names(self.root):
            if name not in self.all and name.endswith(ending) and not name.startswith("_"):
                self.reread(name)

    def reread(self, window: str) -> Marker | None:
        """Return a window's marker as it is now, None where it is not whole."""
        marker = self.store.done(f"{self.root}/{window}")
        if marker is not None:
            self.all[window] = marker
        return marker

    def listed_at_s(self, window: str) -> float:
        """Return when a whole window was last listed, seconds since 1970."""
        path = f"{self.root}/{window}/{LISTED}"
        return self.store.modified_at_s(path if self.store.exists(path) else f"{self.root}/{window}/{MARKER}")
