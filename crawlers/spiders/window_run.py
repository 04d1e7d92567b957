"""Work on one window: the photos to obtain and the rows that stay in; originals, records and the marker out.

Photos are obtained side by side, each by whoever is free; what may be sent at once, the site's limits say.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from corpus.errors import StageError
from corpus.records import RECORD, with_schema
from corpus.storage import Store
from corpus.takedowns import apply_takedowns, taken_down
from crawlers.download.photo import Obtaining
from crawlers.forget.removal import remove_originals
from crawlers.network.concurrency import all_of, in_thread
from crawlers.spiders.progress import View
from crawlers.windows.checkpoint import Unfinished
from crawlers.windows.markers import LISTED, marker_of
from crawlers.windows.records import ListedPhoto, table

Row = dict[str, Any]


@dataclass
class WindowWork:
    """Works on the windows of one source, one at a time."""

    store: Store
    source: str
    fingerprint: str
    obtaining: Obtaining
    counts: Counter[str]
    reasons: Counter[str]
    window: str = ""
    total: int = 0
    done: int = 0
    _stopped: bool = field(default=False, init=False)

    def path(self, window: str) -> str:
        """Return a window's directory in the store."""
        return f"crawl/{self.source}/{window}"

    def read(self, window: str) -> list[Row]:
        """Return the rows of a whole window."""
        path = f"{self.path(window)}/records.parquet"
        rows: list[Row] = with_schema(self.store.read_table(path), RECORD).to_pylist()
        return rows

    async def do(
        self,
        window: str,
        photos: list[ListedPhoto],
        details: dict[str, Any],
        kept: list[Row],
        *,
        relist: bool,
        is_listed: bool,
        check: Callable[[], None],
    ) -> None:
        """Obtain photos and publish the window; `check` raises where it may not be published any more."""
        self.window, self.total, self.done, self._stopped = window, len(photos), 0, False
        self.counts["found"] += len(photos)
        unfinished = Unfinished(self.store, self.source, window, self.fingerprint, details)
        earlier = await in_thread(unfinished.read) if photos else {}
        forgotten = await in_thread(taken_down, self.store) if photos else frozenset()
        rows: list[Row] = []
        waiting = iter(photos)
        await all_of(
            self._obtain(waiting, rows, earlier, forgotten, unfinished)
            for _ in range(min(self.obtaining.at_once, len(photos)))
        )
        if len(rows) != len(photos):
            raise StageError(f"{window}: {len(photos)} photos were found, but there are {len(rows)} rows")
        rows = await in_thread(self._heeded, rows + kept)
        await in_thread(check)
        marker = marker_of(rows, details, self.fingerprint, relist=relist)
        await in_thread(self._publish, window, rows, marker, unfinished, is_listed)
        self.obtaining.note(window, rows)
        self.counts["windows"] += 1
        self.counts["capped"] += bool(details.get("capped"))

    async def _obtain(
        self,
        waiting: Iterator[ListedPhoto],
        rows: list[Row],
        earlier: dict[tuple[str, str | None], Row],
        forgotten: frozenset[str],
        unfinished: Unfinished,
    ) -> None:
        try:
            for found in waiting:
                if self._stopped:
                    return
                row = earlier.get((found.photo, found.version))
                if row is None or found.photo in forgotten:
                    row = await self.obtaining.obtain(found, is_forgotten=found.photo in forgotten)
                    if part := unfinished.add(row):
                        await in_thread(unfinished.put_aside, *part)
                rows.append(row)
                self.done += 1
                self.counts[str(row["state"])] += 1
                self.reasons.update(row["reasons"] or ())
        except BaseException:
            self._stopped = True  # the others end with the photos they have in hand
            raise

    def _heeded(self, rows: list[Row]) -> list[Row]:
        """Return rows as the takedown list leaves them now; originals that came in meanwhile are removed."""
        forgotten = taken_down(self.store).intersection(row["photo"] for row in rows)
        remove_originals(self.store, forgotten)
        return apply_takedowns(rows, forgotten)

    def _publish(
        self, window: str, rows: list[Row], marker: dict[str, Any], unfinished: Unfinished, is_listed: bool
    ) -> None:
        listed = f"{self.path(window)}/{LISTED}"
        is_new = self.store.done(self.path(window)) is None
        self.store.publish_table(f"{self.path(window)}/records.parquet", table(rows))
        if is_listed and is_new:
            self.store.publish(listed, b"")
        self.store.mark_done(self.path(window), marker)
        if is_listed and not is_new:  # last: cut off before, an old window is listed once more
            self.store.publish(listed, b"")
        unfinished.clear()

    def view(self, source: str) -> View:
        """Return what a person watching may see."""
        return View(
            source=source,
            window=self.window,
            window_done=self.done,
            window_total=self.total,
            counts=dict(self.counts),
            reasons=Counter(self.reasons),
        )
