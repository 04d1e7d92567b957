"""`scrapy crawl manifest -a file=FILE`: the originals of a data set that was handed on as a list.

FILE is what `shutterprint manifest` wrote, or a CSV or Parquet file of addresses by others, whose columns `-a
columns=url=link,sha256=hash` names. Only hosts of the configured sites and of sources.manifest.hosts are contacted; a
list that names another host is refused before anything is fetched. `-a mirror=https://…/{sha256}` asks a mirror for all
files instead of their sites.

Each file must have the SHA-256 that is listed: other bytes are `changed_at_source`, and what its host calls gone is
`deleted`. Refused photographs get their row from the list, and are fetched with `-a refused=fetch` alone. What is gone
is not asked for again, unless of a mirror or with `-a gone=ask`.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import scrapy
from scrapy.http import Response

from corpus.errors import ConfigurationError
from corpus.sections import Hosts
from corpus.text import escaped, iso_time
from crawlers.download.photo import PHOTOS_AHEAD
from crawlers.manifest.listing import Window, is_wanted, photo_of, refused_row, take_in
from crawlers.manifest.originals import CHANGED, ManifestDownloader
from crawlers.manifest.outcome import Outcome
from crawlers.network.concurrency import in_thread
from crawlers.spiders.base import DAY_S, PhotoSpider
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.window_run import WindowRunner
from crawlers.windows.markers import Marker, due_photos
from crawlers.windows.records import Row
from crawlers.windows.refused_pictures import RefusedPictures
from crawlers.windows.work_units import unit_of


class ManifestSpider(PhotoSpider):
    """Fetches the originals that a manifest lists."""

    name = source = "manifest"
    own_arguments: ClassVar = {"refused": ("rows", "fetch"), "gone": ("stay", "ask")}
    free_arguments: ClassVar = {
        "file": "FILE",
        "mirror": "https://mirror.example/{sha256}",
        "columns": "url=link,sha256=hash",
    }

    def configure(self, context: CrawlContext) -> None:
        """Check the arguments; the list itself is checked when the crawl begins."""
        self.context = context
        self.mirror = self.arguments["mirror"].strip()
        self.mirror_host = _mirror_host(self.mirror) if self.mirror else ""
        sources, crawl = context.configuration.sources, context.configuration.crawl
        self.sites: tuple[Hosts, ...] = (sources.flickr, sources.wikimedia)
        own = sources.manifest
        if self.mirror_host and self.mirror_host not in own.hosts:
            own = own.model_copy(update={"hosts": (*own.hosts, self.mirror_host)})
        self.own = own
        pictures = RefusedPictures(context.store, self.source)
        downloader = ManifestDownloader(
            context.store, self._download, context.door, crawl.header_bytes, self.mirror, pictures, context.counts
        )
        at_once = sum(each.file_requests for each in self.reachable()) + PHOTOS_AHEAD
        # a list is not asked anew by other rules: what it says stands until it is crawled again
        self.windows = WindowRunner(context, downloader.row_of, at_once, is_maintained=lambda _: False)
        self.folder = tempfile.TemporaryDirectory(prefix="shutterprint-manifest-")
        self.listing = take_in(
            context.store,
            self.arguments["file"],
            self.arguments["columns"],
            [host for each in self.reachable() for host in each.hosts],
            crawl.original_max_bytes,
            Path(self.folder.name),
            is_mirrored=bool(self.mirror),
        )
        self.query, self.queries_total = self.listing.digest, 1

    def reachable(self) -> Sequence[Hosts]:
        """Return the hosts of lists and, each with its own limits, those of the sites."""
        return (self.own, *self.sites)

    def sweep(self) -> None:
        """Remove what killed crawls have left; originals of a list lie among those of all sources."""
        super().sweep()
        store = self.context.store
        if store.is_s3:  # which sweeps all that is below, with one request
            store.sweep_temporary("originals", DAY_S)
            return
        for source in store.names("originals"):
            for folder in store.names(f"originals/{source}"):
                store.sweep_temporary(f"originals/{source}/{folder}", DAY_S)

    async def crawl(self) -> None:
        """Fetch what is not here yet, and say what is gone."""
        outcome = Outcome()
        for window in self.listing.windows():
            unit = unit_of(window.details)
            if not self.context.share.has(unit):
                continue
            marker = await in_thread(self.context.markers.reread, window.name)
            if marker is None or self._is_due(marker):
                await self.context.units.run(unit, partial(self._run_unit, window))
        await self.context.units.run_postponed()
        for window in self.listing.windows():
            if window.name in self.context.markers.all:
                outcome.add(await in_thread(self.windows.read, window.name))
        for line in outcome.lines():
            self.logger.info("%s", line)

    async def _run_unit(self, window: Window) -> None:
        """Crawl one window now that this process holds it."""
        marker = await in_thread(self.context.markers.reread, window.name)
        if marker is not None and not self._is_due(marker):
            return
        known = await in_thread(self._known, window, marker)
        with_refused = self._with_refused(marker)
        kept: list[Row] = []
        photos = []
        for said in window.rows:
            row = known.get((said["photo"], said["version"]))
            if is_wanted(said, with_refused=with_refused):
                if row is not None and not self._is_open(row):
                    kept.append(row)
                else:
                    photos.append(replace(photo_of(said), attempts=self._attempts(row)))
            else:
                kept.append(refused_row(said))
        if marker is not None and not photos:  # nothing of it is open
            return
        details = window.details | {"with_refused": with_refused}
        await self.windows.run(window.name, photos, details, kept, is_listed=True)

    def _known(self, window: Window, marker: Marker | None) -> dict[tuple[str, str], Row]:
        """Return the rows of a window that an earlier crawl has fetched."""
        if marker is None:
            return {}
        was_wanted = bool(marker["details"].get("with_refused"))
        wanted = {(s["photo"], s["version"]) for s in window.rows if is_wanted(s, with_refused=was_wanted)}
        rows = {(row["photo"], row["version"] or ""): row for row in self.windows.read(window.name)}
        return {key: row for key, row in rows.items() if key in wanted}

    def _is_due(self, marker: Marker) -> bool:
        """Whether a whole window has something left to do."""
        is_more_wanted = self._with_refused(marker) and not marker["details"].get("with_refused")
        due = due_photos(marker, iso_time(self.context.started_at_s))
        return bool(due) or is_more_wanted or self._asks_anew

    def _with_refused(self, marker: Marker | None) -> bool:
        """Whether refused originals are fetched: on request, and where an earlier crawl of the window did."""
        before = marker is not None and bool(marker["details"].get("with_refused"))
        return before or self.arguments["refused"] == "fetch"

    def _is_open(self, row: Row) -> bool:
        """Whether a row is fetched again."""
        if row["state"] == "failed":
            return True
        is_lost = row["state"] == "deleted" or CHANGED in (row["reasons"] or ())
        return is_lost and self._asks_anew

    def _attempts(self, row: Row | None) -> int:
        """Return how often a photo has failed: the next attempt waits longer each time.

        What a mirror lacks does not keep the sites from being asked, so further attempts there do not count.
        """
        before = (row["attempts"] if row is not None else None) or 0
        return max(before - 1, 0) if self.mirror else before

    @property
    def _asks_anew(self) -> bool:
        """Whether what is lost is asked for again."""
        return bool(self.mirror) or self.arguments["gone"] == "ask"

    async def _download(self, request: scrapy.Request) -> Response:
        return await self.crawler.engine.download_async(request)

    def receipt_details(self) -> dict[str, Any]:
        """Return which list was crawled."""
        return {"manifest": self.listing.digest}

    def closed(self, reason: str) -> None:
        """End as every crawl does, and remove what was made of the list."""
        super().closed(reason)
        self.folder.cleanup()


def _mirror_host(mirror: str) -> str:
    """Return the host of a mirror's address; raises ConfigurationError."""
    try:
        parts = urlsplit(mirror)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    is_address = parts.scheme in ("http", "https") and host and re.fullmatch(r"[A-Za-z0-9.:_-]+", host)
    if (
        not is_address
        or mirror.count("{sha256}") != 1
        or "{sha256}" in parts.netloc
        or "{" in mirror.replace("{sha256}", "")
    ):
        raise ConfigurationError(
            f"-a mirror={escaped(mirror)}: is not an address with {{sha256}} in its path, such as "
            "https://mirror.example/{sha256}.jpg"
        )
    return host
