"""Markers: the rows of a window in, its `_done.json` out; and all markers of a source, read once and kept fresh.

A marker says what a window was asked of (`details`, the spider's own), how many photos are in which state, which
failed ones to try again and when (`retry`), by which rules it was judged (`fingerprint`), and whether its listing must
be asked for anew (`relist`). When a window was last listed is the time of the empty file `listed` beside it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from corpus.storage import MARKER, Store
from corpus.text import iso_time

Marker = dict[str, Any]

LISTED = "listed"
STATES = ("stored", "refused", "failed", "deleted")
FIRST_WAIT_S = 3600
LONGEST_WAIT_S = 7 * 86400


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


def wait_s(attempts: int) -> int:
    """Return how long after its latest failure a photo that has failed in so many crawls is left alone."""
    return 0 if attempts < 2 else min(FIRST_WAIT_S * 2 ** min(attempts - 2, 20), LONGEST_WAIT_S)


def next_attempt(row: Mapping[str, Any]) -> str | None:
    """Return the moment (ISO 8601, UTC) from which a row's photo is tried again; None for one that is not."""
    if row["state"] != "failed" or not row["is_transient"]:
        return None
    failed_s = datetime.fromisoformat(row["failed_at"]).timestamp()
    return iso_time(int(failed_s) + wait_s(row["attempts"] or 1))


def due_photos(marker: Marker, now: str) -> frozenset[str]:
    """Return the failed photos whose time has come; `now` is ISO 8601, UTC, as the marker's own times."""
    retry = marker.get("retry") or {}
    # markers of version 0.1 list them without a time
    return frozenset(retry if isinstance(retry, list) else (photo for photo, at in retry.items() if at <= now))


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
