"""Crawl a site by slices of time: each query is cut into windows that are small enough for the site to list.

A query's period is cut into years, each a unit of work. Within a year, a slice with too many photos is halved
(`crawlers.windows.time_slices`); each slice that fits is listed, its photos are fetched, and it is published as one
window. The windows that are whole are the query's watermark. Behind it, every crawl lists the last `look_back_days`
anew, for photos that appear late, and every window once in `revisit_days`, for what the site has changed or lost.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import scrapy
from scrapy.http import Response

from corpus.errors import ConfigurationError
from corpus.sections import Site
from crawlers.download.fetcher import Fetcher
from crawlers.download.known_originals import KnownOriginals
from crawlers.download.photo import PHOTOS_AHEAD, PhotoDownloader
from crawlers.network.concurrency import in_thread
from crawlers.network.hosts import url_refusal
from crawlers.sites.api_client import Answer, Api, Fault, ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.base import PhotoSpider
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.window_run import WindowRunner
from crawlers.vetting.listing import ListedFile, listing_reasons
from crawlers.windows.checkpoint import unfinished_windows
from crawlers.windows.markers import Marker
from crawlers.windows.records import ListedPhoto
from crawlers.windows.refused_pictures import RefusedPictures
from crawlers.windows.refused_uploads import RefusedUploads
from crawlers.windows.rejudge import apply_listing
from crawlers.windows.time_slices import Step, TimeSlice, Walk, period, query_ending, start_of_hour, window_name, years
from crawlers.windows.work_units import unit_of

DAY_S = 86400

Listing = tuple[dict[str, ListedPhoto], dict[str, Any]]
"""The photos of a slice by their key, and what its marker should say of the listing."""


@dataclass(frozen=True)
class Query:
    """What a site is asked for: a camera's path or a category, and the catalogue's camera that it stands for."""

    text: str
    claimed_camera: str | None


@dataclass(frozen=True)
class Probe:
    """The first answer for a slice, and whether the site will list all of the slice."""

    fits: bool
    answer: Answer


class SlicedSpider(PhotoSpider):
    """Base of the spiders that ask an API for slices of time: each implements `queries` to `gone`."""

    fault: Callable[[Answer, str | None], Fault | None]  # of an answer and its Retry-After header; None: no error
    shortest_slice_s: int
    queries_overlap = False  # whether several queries find the same upload

    def queries(self) -> AsyncIterator[Query]:
        """Yield the queries to ask."""
        raise NotImplementedError

    async def probe(self, query: Query, time_slice: TimeSlice) -> Probe:
        """Ask whether the site will list all of a slice."""
        raise NotImplementedError

    async def listing(self, query: Query, time_slice: TimeSlice, probe: Probe) -> Listing:
        """Return all photos of a slice, or as many as the site will list."""
        raise NotImplementedError

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Return which of the photos that a listing lacks the site has really lost."""
        raise NotImplementedError

    def configure(self, context: CrawlContext) -> None:
        """Check the site's address and period, and build what asks the site."""
        site: Site = getattr(context.configuration.sources, self.source)
        key = f"sources.{self.source}"
        if url_refusal(site.api_url, site.hosts) is not None:
            raise ConfigurationError(f"{key}.hosts: does not name the host of {key}.api_url, {site.api_url}")
        self.period = period(site, context.started_at_s)
        store, crawl = context.store, context.configuration.crawl
        refused_uploads = None
        if self.queries_overlap:
            refused_uploads = RefusedUploads(context.markers, self.source, context.fingerprint)
        fetcher = Fetcher(self._download, context.door, crawl.header_bytes)
        downloader = PhotoDownloader(
            store,
            KnownOriginals(store, self.source),
            fetcher,
            refused_uploads,
            RefusedPictures(store, self.source),
            context.counts,
        )
        at_once = site.file_requests + PHOTOS_AHEAD
        self.context, self.site = context, site
        self.windows = WindowRunner(context, downloader.download, at_once, refused_uploads)
        self.api = Api(site.api_url, self._download, self.fault, crawl.retries)
        self.unfinished: defaultdict[str, list[TimeSlice]] = defaultdict(list)
        self.skipped: set[str] = set()

    def judge(self, listed: ListedFile) -> tuple[str, ...]:
        """Return the reasons that a listing alone gives to refuse a photo."""
        door = self.context.door
        return listing_reasons(listed, door.catalogue, door.chosen, door.rules, door.original_max_bytes)

    async def crawl(self) -> None:
        """Crawl the open time of every query and what is due behind it; a query whose listing fails stays open."""
        context = self.context
        if self.windows.refused_uploads is not None:
            await in_thread(self.windows.refused_uploads.read)
        begun = self.windows.checkpoints or ()
        for details in await in_thread(unfinished_windows, context.store, self.source, begun):
            self.unfinished[details["query"]].append(TimeSlice(*details["span"]))
        async for query in self.queries():
            self.query, self.query_number = query.text, self.query_number + 1
            for year in years(self.period):
                if query.text in self.skipped:
                    break
                if self._walk(query, year).pending or self._due_windows(query, year):
                    unit = unit_of({"query": query.text, "window": year})
                    await context.units.run(unit, partial(self._run_unit, query, year))

    def receipt_details(self) -> dict[str, Any]:
        """Return how many queries the site refused to answer."""
        return {"queries_skipped": len(self.skipped)}

    async def _download(self, request: scrapy.Request) -> Response:
        return await self.crawler.engine.download_async(request)

    async def _run_unit(self, query: Query, year: TimeSlice) -> None:
        """List anew what is due of a query's year and crawl what is open; no other process does so meanwhile."""
        start = datetime.fromtimestamp(year.start_s, UTC)
        await in_thread(self.context.markers.refresh, query_ending(query.text), f"{start:%Y}")
        try:
            for window in self._due_windows(query, year):
                await self._relist(query, window)
            await self._crawl_open(query, year)
        except QuerySkipped as skipped:
            self.skipped.add(query.text)
            self.logger.warning("%s: skipped: %s", query.text, skipped)
        except (ListingFailed, WrongShape) as failure:
            self.context.problems.append(f"{query.text}: {failure}")
            self.logger.error("%s: stays open: %s", query.text, failure)

    async def _crawl_open(self, query: Query, year: TimeSlice) -> None:
        walk = self._walk(query, year)
        while step := walk.step():
            time_slice = step.window
            probe = await self.probe(query, time_slice)
            if not probe.fits and walk.halve(step):
                continue
            photos, listing_details = await self.listing(query, time_slice, probe)
            window = window_name(time_slice, query.text)
            details = {"query": query.text, "window": list(time_slice), "span": list(step.span), **listing_details}
            if details.get("capped"):
                self.logger.warning("%s: the site lists only a part of %s", query.text, window)
            if await self.windows.run(window, photos.values(), details, is_listed=True):
                walk.finish(step)

    async def _relist(self, query: Query, window: str) -> None:
        """List a whole window anew and fetch what is new or replaced; mark what is gone, and keep all other rows."""
        marker = await in_thread(self.context.markers.reread, window)
        if marker is not None and marker.get("fingerprint") != self.context.fingerprint:
            await self.windows.maintain(window)  # to maintain it has failed before, or was postponed
            marker = await in_thread(self.context.markers.reread, window)
        # another process may have listed it meanwhile
        if marker is None or marker.get("fingerprint") != self.context.fingerprint or not self._is_due(window, marker):
            return
        time_slice = TimeSlice(*marker["details"]["window"])
        photos, listing_details = await self.listing(query, time_slice, await self.probe(query, time_slice))
        rows = await in_thread(self.windows.read, window)
        missing = {row["photo"] for row in rows if row["state"] == "stored"} - photos.keys()
        gone = await self.gone(missing) if missing else set()
        update = apply_listing(rows, photos, gone, are_rules_new=bool(marker.get("relist")))
        self.context.counts["deleted"] += len(gone)
        details = {**marker["details"], **listing_details}
        await self.windows.run(window, update.to_fetch, details, update.kept, is_listed=True)

    def _walk(self, query: Query, year: TimeSlice) -> Walk:
        markers = self.context.markers
        details = [markers.all[window]["details"] for window in markers.windows_of(query.text)]
        whole = [Step(TimeSlice(*each["window"]), TimeSlice(*each["span"])) for each in details]
        return Walk(year, whole, self.shortest_slice_s, self.unfinished[query.text])

    def _due_windows(self, query: Query, year: TimeSlice) -> list[str]:
        windows = [(window, self.context.markers.all[window]) for window in self.context.markers.windows_of(query.text)]
        return [
            window
            for window, marker in windows
            if year.start_s <= marker["details"]["window"][0] < year.end_s and self._is_due(window, marker)
        ]

    def _is_due(self, window: str, marker: Marker) -> bool:
        if marker.get("relist"):
            return True
        now_s, site = self.context.started_at_s, self.site
        look_back_s = now_s - site.look_back_days * DAY_S
        is_late = site.look_back_days > 0 and marker["details"]["window"][1] > look_back_s
        if not is_late and site.revisit_days == 0:
            return False
        age_s = now_s - self.context.markers.listed_at_s(window)
        is_old = site.revisit_days > 0 and age_s > site.revisit_days * DAY_S
        # at most once an hour: windows end at full hours, too
        return is_old or (is_late and age_s > now_s - start_of_hour(now_s))
