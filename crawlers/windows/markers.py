"""Markers: the `_done.json` of each window, which says that the window is whole and what is in it.

A marker holds what the window was listed from (`details`, the spider's own), how many photos are in which state, which
failed ones to retry and when (`retry`), by which rules it was judged (`fingerprint`), and whether it must be listed
anew (`relist`). The marker's own time says when the window was last listed, until it is written again for another
reason: then a file `listed` beside it has that time as text. An empty one says it by its own time.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from corpus.errors import StorageError
from corpus.storage import MARKER, Entry, Store, json_bytes
from corpus.storage.s3 import state_of
from corpus.text import iso_time
from crawlers.windows import checkpoint
from crawlers.windows.records import Row
from crawlers.windows.work_units import origin_of

Marker = dict[str, Any]

LISTED = "listed"
KEPT = "_markers.json"
"""All markers of a source in one file, in an object store. It may be removed: it is made again."""
REFUSED_KEPT_MAX = 1_000_000
"""Refused versions that are kept there at most, some 13 MB."""
_FORMAT = 1
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


class Kept(NamedTuple):
    """What is kept of a window: the state of its marker's file, the marker, and the versions refused, if known."""

    state: str
    marker: Marker
    refused: list[str] | None


class Markers:
    """The markers of all whole windows of one source, by window.

    In an object store each read is a request, so markers are kept together in one file beside the windows (KEPT): the
    next crawl reads that, lists the windows, and reads only markers that have changed since.
    """

    def __init__(self, store: Store, source: str) -> None:
        self.store, self.source, self.root = store, source, f"crawl/{source}"
        self.all: dict[str, Marker] = {}
        self._by_origin: defaultdict[str, list[str]] = defaultdict(list)
        self._states: dict[str, str] = {}  # of the files that the markers were read from
        self._times: dict[str, Entry] = {}  # of the files that tell when windows were listed
        self._has_listed: set[str] = set()  # windows with a file `listed`
        self._kept: dict[str, Kept] | None = None  # what KEPT has
        self.unfinished: dict[str, Entry] = {}
        """The files of checkpoints that the last listing of all windows has shown."""
        self.refused: dict[str, list[str]] = {}
        """Versions that windows have refused, as far as they are known (`crawlers.windows.refused_uploads`)."""

    def refresh(self, ending: str = "", beginning: str = "") -> None:
        """Read the markers, unknown or changed so far, of windows whose names begin and end so."""
        listed = self.store.entries(self.root, beginning)
        if self.store.is_s3 and self._kept is None:
            self._kept = self._read_kept() if beginning or f"{self.root}/{KEPT}" in listed else {}
        if not beginning:
            unfinished = f"{checkpoint.folder(self.source)}/"
            self.unfinished = {path: entry for path, entry in listed.items() if path.startswith(unfinished)}
        for path, entry in listed.items():
            window, _, file = path.removeprefix(f"{self.root}/").partition("/")
            if window.startswith("_") or not window.endswith(ending):
                continue
            if file == LISTED:
                self._has_listed.add(window)
            if file == LISTED or (file == MARKER and window not in self._has_listed):
                self._times[window] = entry  # in a listing, the marker comes first
            if file == MARKER and self._states.get(window) != entry.state:
                kept = self._kept.get(window) if self._kept else None
                if kept is not None and kept.state == entry.state:
                    self._take(window, kept.marker)
                    self.refused |= {window: kept.refused} if kept.refused is not None else {}
                elif window not in self.all or window in self._states:  # else it is this process's own
                    self.reread(window)
                self._states[window] = entry.state

    def reread(self, window: str) -> Marker | None:
        """Read a window's marker again and return it, None where the window is not whole."""
        marker = self.store.done(f"{self.root}/{window}")
        if marker is not None:
            self._take(window, marker)
        return marker

    def published(self, window: str, marker: Marker) -> None:
        """Take note of a marker that this process has just published."""
        data = json_bytes(marker)
        self._take(window, json.loads(data))  # as it is read again
        self._times.pop(window, None)
        if self.store.is_s3:
            self._states[window] = state_of(data)
        else:
            self._states.pop(window, None)

    def keep(self) -> None:
        """Keep all markers in one file for the next crawl, where a read is a request and any of them has changed."""
        refused = self.refused if sum(map(len, self.refused.values())) <= REFUSED_KEPT_MAX else {}
        kept = {
            window: Kept(state, self.all[window], refused.get(window))
            for window, state in self._states.items()
            if window in self.all
        }
        if self.store.is_s3 and kept != (self._kept or {}):
            told = {"format": _FORMAT, "markers": kept}
            self.store.publish(f"{self.root}/{KEPT}", json.dumps(told, sort_keys=True, ensure_ascii=False).encode())
            self._kept = kept

    def _read_kept(self) -> dict[str, "Kept"]:
        """Return what KEPT has; nothing where it is missing or damaged, so that all markers are read."""
        try:
            told = self.store.read_json(f"{self.root}/{KEPT}")
            markers = told["markers"] if told["format"] == _FORMAT else {}
            found = {window: Kept(*told) for window, told in markers.items()}
            for one in found.values():
                origin_of(one.marker["details"])
                if not isinstance(one.refused, list | None):
                    raise TypeError("no list of versions")
            return found
        except (StorageError, KeyError, TypeError, ValueError, AttributeError, StopIteration):
            return {}

    def _take(self, window: str, marker: Marker) -> None:
        if window not in self.all:
            self._by_origin[origin_of(marker["details"])].append(window)
        self.all[window] = marker
        self.refused.pop(window, None)

    def windows_of(self, origin: str) -> list[str]:
        """Return the known windows of a query, in order of time, or of a directory."""
        return sorted(self._by_origin.get(origin, ()))

    def has_listed(self, window: str) -> bool:
        """Whether a window's folder is known to have a file `listed`."""
        return window in self._has_listed

    def keep_listed_at(self, window: str) -> None:
        """Write down when a window was last listed, before its marker, whose time says so, is written again."""
        if window not in self._has_listed:
            keep_listed_at(self.store, f"{self.root}/{window}")
            self._has_listed.add(window)

    def listed_at_s(self, window: str) -> float:
        """Return when a whole window was last listed, seconds since 1970."""
        entry = self._times.get(window)
        if entry is not None and not (entry.size_bytes and window in self._has_listed):
            return entry.modified_at_s
        return listed_at_s(self.store, f"{self.root}/{window}")


def listed_at_s(store: Store, folder: str) -> float:
    """Return when a whole window was last listed, seconds since 1970; `folder`: `crawl/<source>/<window>`."""
    try:
        data = store.read(f"{folder}/{LISTED}")
    except StorageError:
        return store.modified_at_s(f"{folder}/{MARKER}")
    return float(data) if data else store.modified_at_s(f"{folder}/{LISTED}")


def keep_listed_at(store: Store, folder: str) -> None:
    """Write down when a window was last listed, before its marker, whose time says so, is written again."""
    if not store.exists(f"{folder}/{LISTED}"):
        store.publish(f"{folder}/{LISTED}", repr(store.modified_at_s(f"{folder}/{MARKER}")).encode())
