"""Run one window: turn its photos into rows, then publish the rows and the marker.

Originals are published before the window's records, and its marker last, so the process may be killed at any moment:
a window without a marker is listed again, and what is already stored or refused is not asked for again. Several photos
are in work at once; how many requests may be sent at once is up to the site's limits (`crawlers.network.politeness`).
"""

import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from corpus.errors import ConfigurationError, StageError, StorageUnavailableError
from corpus.takedowns import ASKED_S, apply_takedowns, forgotten_row, taken_down
from corpus.text import iso_time
from crawlers.forget.removal import remove_originals
from crawlers.network.concurrency import all_of, in_thread
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.unit_run import LeaseLost
from crawlers.windows.checkpoint import Checkpoint
from crawlers.windows.markers import LISTED, Marker, due_photos, marker_of
from crawlers.windows.records import ListedPhoto, Row, read_rows, records_path, table
from crawlers.windows.refused_pictures import remove_pictures
from crawlers.windows.refused_uploads import RefusedUploads
from crawlers.windows.rejudge import rejudge
from crawlers.windows.work_units import unit_of

logger = logging.getLogger(__name__)


@dataclass
class WindowRunner:
    """Runs the windows of one crawl, one at a time."""

    context: CrawlContext
    row_of: Callable[[ListedPhoto], Awaitable[Row]]  # publishes the original, too, where it is let in
    at_once: int  # photos in work at the same time
    refused_uploads: RefusedUploads | None = None
    is_maintained: Callable[[dict[str, Any]], bool] = lambda _: True  # asked of the details of each whole window
    window: str = field(default="", init=False)  # the current window; `done` of its `total` photos have their row
    total: int = field(default=0, init=False)
    done: int = field(default=0, init=False)
    checkpoints: set[str] | None = field(default=None, init=False)
    """Windows with checkpoints when the crawl began, and those of this process since; None: not known."""
    _forgotten: tuple[float, frozenset[str]] = field(default=(-math.inf, frozenset()), init=False)

    def read(self, window: str) -> list[Row]:
        """Return the rows of a whole window."""
        return read_rows(self.context.store, records_path(self.context.source, window))

    async def run(
        self,
        window: str,
        photos: Collection[ListedPhoto],
        details: dict[str, Any],
        kept: Iterable[Row] = (),
        *,
        former: Iterable[Row] = (),
        relist: bool = False,
        is_listed: bool = False,
    ) -> bool:
        """Turn photos into rows and publish these with the rows `kept`; False where that failed.

        A new row takes the place of a kept one of the same upload, but a failure that is tried again takes no stored
        one's. `former`: stored rows that stay, too, where their photos fail so.
        `relist`: whether the marker asks for a new listing. `is_listed`: whether the site has just listed the window.
        Raises LeaseLost where another process has taken over the unit.
        """
        context = self.context
        checkpoint = Checkpoint(context.store, context.source, window, context.fingerprint, details)
        checkpoint.is_nothing = not self._may_have_checkpoint(window)
        try:
            await in_thread(context.units.check_lease)
            self.window, self.total, self.done = window, len(photos), 0
            context.counts["found"] += len(photos)
            rows = await self._rows_of(photos, checkpoint) if photos else []
            fresh = {(row["photo"], row["version"]) for row in rows}
            failed = {row["photo"] for row in rows if row["state"] == "failed" and row["is_transient"]}
            kept = [
                row
                for row in [*kept, *(each for each in former if each["photo"] in failed)]
                if (row["photo"], row["version"]) not in fresh or (row["photo"] in failed and row["state"] == "stored")
            ]
            rows = await in_thread(self._without_forgotten, [*rows, *kept])
            await in_thread(context.units.check_lease)
            await in_thread(
                self._publish, window, rows, marker_of(rows, details, context.fingerprint, relist=relist), is_listed
            )
            await in_thread(checkpoint.clear)
        except (LeaseLost, StorageUnavailableError):  # with a full disk or a refusing bucket all windows would fail
            raise
        # Whatever it is (a mistake of ours): this window stays as it was and is done again, the others go on, and the
        # crawl ends without a receipt.
        except Exception as error:
            context.problems.append(f"window {window}: {error!r}")
            logger.exception("window %s could not be finished and stays open", window)
            return False
        if self.refused_uploads is not None:
            self.refused_uploads.add(window, rows)
        context.counts["windows"] += 1
        context.counts["capped"] += bool(details.get("capped"))
        return True

    def keep(self, window: str, rows: list[Row]) -> None:
        """Publish a whole window again with `rows`, which are some of its own; all else of it stays as it is."""
        context = self.context
        marker = context.markers.all[window]
        rows = self._without_forgotten(rows)
        context.units.check_lease()
        counted = marker_of(rows, marker["details"], marker.get("fingerprint", ""), relist=bool(marker.get("relist")))
        self._publish(window, rows, counted, is_listed=False)

    async def maintain_all(self) -> None:
        """Retry failed photos that are due in whole windows, and judge again what other rules have refused."""
        for window, marker in sorted(self.context.markers.all.items()):
            if self._needs_maintenance(marker):
                await self.context.units.run(unit_of(marker["details"]), partial(self.maintain, window))

    async def maintain(self, window: str) -> None:
        """Do the same for one window, if it still needs it; its marker is written last: what is cut off is repeated."""
        context = self.context
        marker = await in_thread(context.markers.reread, window)
        if marker is None or not self._needs_maintenance(marker):
            return
        are_rules_new = marker.get("fingerprint") != context.fingerprint
        judge = context.door.judge if are_rules_new or context.has_learned else None
        due, can_relist = due_photos(marker, iso_time(context.started_at_s)), context.site is not None
        rows = await in_thread(self.read, window)
        try:
            update = rejudge(rows, due, judge, can_relist=can_relist, only_lifts=not are_rules_new)
        except ConfigurationError as error:  # a camera that the catalogue has twice is found only when it is met
            context.problems.append(f"window {window}: {error}")
            logger.error("window %s cannot be judged again: %s", window, error)
            return
        if update.to_fetch:
            logger.info("%s: trying %d photos again", window, len(update.to_fetch))
        elif not are_rules_new:  # nothing that was learned lifts a refusal: the window stays as it is, byte for byte
            return
        relist = update.relist or bool(marker.get("relist"))
        await self.run(window, update.to_fetch, marker["details"], update.kept, relist=relist)

    def _needs_maintenance(self, marker: Marker) -> bool:
        context = self.context
        if not self.is_maintained(marker["details"]):
            return False
        are_rules_new = marker.get("fingerprint") != context.fingerprint
        may_lift = context.has_learned and marker["refused"]
        return bool(are_rules_new or may_lift or due_photos(marker, iso_time(context.started_at_s)))

    async def _rows_of(self, photos: Collection[ListedPhoto], checkpoint: Checkpoint) -> list[Row]:
        context = self.context
        earlier = await in_thread(checkpoint.read)
        forgotten = await in_thread(self._forgotten_lately)
        waiting, rows = deque(photos), list[Row]()

        async def work() -> None:
            try:
                while waiting:
                    listed = waiting.popleft()
                    row = earlier.get((listed.photo, listed.version))
                    if listed.photo in forgotten:
                        row = forgotten_row(vars(listed))
                    elif row is None:
                        row = await self.row_of(listed)
                        if part := checkpoint.add(row):
                            if self.checkpoints is not None:
                                self.checkpoints.add(checkpoint.window)
                            await in_thread(checkpoint.write, *part)
                    rows.append(row)
                    self.done += 1
                    context.counts[str(row["state"])] += 1
                    context.reasons.update(row["reasons"] or ())
            except BaseException:
                waiting.clear()  # the other workers finish the photos they have in hand
                raise

        await all_of(work() for _ in range(min(self.at_once, len(photos))))
        if len(rows) != len(photos):
            raise StageError(f"{len(photos)} photos were listed, but there are {len(rows)} rows")
        return rows

    def _forgotten_lately(self) -> frozenset[str]:
        """Return the takedown list; of an object store, as it was ASKED_S ago at most.

        So long whoever takes a photo down waits before removing what is left of it (`crawlers.forget`).
        """
        now_s = time.monotonic()
        if not self.context.store.is_s3 or now_s - self._forgotten[0] > ASKED_S:
            self._forgotten = now_s, taken_down(self.context.store)
        return self._forgotten[1]

    def _without_forgotten(self, rows: list[Row]) -> list[Row]:
        """Return rows as the takedown list leaves them now; originals that came in meanwhile are removed."""
        forgotten = self._forgotten_lately().intersection(row["photo"] for row in rows) if rows else frozenset()
        remove_originals(self.context.store, forgotten)
        remove_pictures(self.context.store, forgotten)
        return apply_takedowns(rows, forgotten)

    def _publish(self, window: str, rows: list[Row], marker: Marker, is_listed: bool) -> None:
        store, folder = self.context.store, f"crawl/{self.context.source}/{window}"
        is_new = window not in self.context.markers.all  # read anew since the lease of its unit was taken
        store.publish_table(records_path(self.context.source, window), table(rows))
        if self.context.site is not None and not is_listed and not is_new:
            self.context.markers.keep_listed_at(window)
        store.mark_done(folder, marker)
        self.context.markers.published(window, marker)
        if is_listed and self.context.markers.has_listed(window):  # else the marker's own time says it
            store.publish(f"{folder}/{LISTED}", b"")  # last: cut off before, an old window is listed once more

    def _may_have_checkpoint(self, window: str) -> bool:
        is_known = self.context.store.is_s3 and self.checkpoints is not None  # each look is a request there
        return not is_known or self.context.units.may_be_begun or window in (self.checkpoints or ())
