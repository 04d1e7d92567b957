"""Sliced crawls: queries over time in, windows small enough for the site to list out.

A query's time is dealt out in years, each a unit of work. Within it a slice that does not fit is halved
(`crawlers.windows.time_slices`); each that fits is listed, its photos are fetched, and it is published as one window.
What is whole is the query's watermark. Behind it the last days are listed anew by every crawl, for photos that appear
late, and every window once in `revisit_days`, for what the site has changed or lost.
"""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

from corpus.errors import ConfigurationError
from corpus.sections import Site
from corpus.text import iso_time
from crawlers.download.fetcher import Fetcher
from crawlers.download.photo import PHOTOS_AHEAD, Downloading
from crawlers.network.concurrency import in_thread
from crawlers.network.hosts import is_allowed
from crawlers.sites.api_client import Answer, Api, Fault, ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.base import PhotoSpider
from crawlers.vetting.listing import ListedFile, listing_reasons
from crawlers.windows.checkpoint import begun
from crawlers.windows.records import ListedPhoto
from crawlers.windows.refused_uploads import RefusedUploads
from crawlers.windows.rejudge import relisted
from crawlers.windows.time_slices import (
    Done,
    TimeSlice,
    Walk,
    parse_time,
    period,
    query_ending,
    start_of_hour,
    window_name,
    years,
)
from crawlers.windows.work_units import unit_of

DAY_S = 86400


@dataclass(frozen=True)
class Query:
    """What is asked of a site: a camera's path or a category, and the catalogue's camera it stands for."""

    text: str
    claimed_camera: str | None


@dataclass(frozen=True)
class Probe:
    """A slice's first answer, and whether the site will list all of the slice."""

    fits: bool
    answer: Answer


class SlicedSpider(PhotoSpider):
    """Base of the spiders that ask an API for slices of time."""

    shortest_slice_s: int
    can_relist = True
    queries_overlap = False
    """Whether one upload is found by several queries."""

    def queries(self) -> AsyncIterator[Query]:
        """Yield what to ask for."""
        raise NotImplementedError

    async def probe(self, query: Query, part: TimeSlice) -> Probe:
        """Ask whether a slice fits."""
        raise NotImplementedError

    async def listing(self, query: Query, part: TimeSlice, probe: Probe) -> tuple[list[ListedPhoto], dict[str, Any]]:
        """Return a slice's photos, and what its marker should say of the listing."""
        raise NotImplementedError

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Return which photos the site has lost, of those that a listing lacks."""
        raise NotImplementedError

    def fault(self, answer: Answer, retry_after: str | None) -> Fault | None:
        """Return what an answer's error means."""
        raise NotImplementedError

    def site(self) -> Site:
        """Return the source's section."""
        section: Site = getattr(self.configuration.sources, self.source)
        return section

    def prepare(self) -> None:
        """Check the source's addresses and times."""
        section, key = self.site(), f"sources.{self.source}"
        if not is_allowed(section.api_url, section.hosts):
            raise ConfigurationError(f"{key}.hosts: does not name the host of {key}.api_url, {section.api_url}")
        self.now_s = time.time()
        self.period = period(section, key, self.now_s)
        if section.until is not None and parse_time(f"{key}.until", section.until) <= self.period.start_s:
            raise ConfigurationError(f"{key}.until: {section.until} is not later than since, {section.since}")
        self._by_query: defaultdict[str, list[str]] = defaultdict(list)
        self._indexed = 0
        self._begun: defaultdict[str, list[TimeSlice]] = defaultdict(list)
        self.skipped: set[str] = set()

    def obtaining(self) -> Downloading:
        """Return what downloads photos."""
        download, crawl = self.crawler.engine.download_async, self.configuration.crawl
        self.api = Api(self.site().api_url, download, self.fault, crawl.retries)
        known = RefusedUploads(self.store, self.source, self.fingerprint) if self.queries_overlap else None
        self.known = known
        at_once = self.site().file_requests + PHOTOS_AHEAD
        fetcher = Fetcher(download, self.door, crawl.header_bytes)
        return Downloading(self.store, fetcher, known, self.counts, at_once)

    def judge(self, told: ListedFile) -> tuple[str, ...]:
        """Return why what a listing tells of a photo refuses it."""
        door = self.door
        return listing_reasons(told, door.catalogue, door.chosen, door.rules, door.original_max_bytes)

    async def crawl(self) -> AsyncIterator[None]:
        """Crawl every query's open time and what is due behind it; a query whose listing fails stays open."""
        if self.known is not None:
            await in_thread(self.known.read, self.markers.all)
        for details in await in_thread(begun, self.store, self.source):
            self._begun[details["query"]].append(TimeSlice(*details["span"]))
        async for query in self.queries():
            self.query_text, self.query_number = query.text, self.query_number + 1
            for year in years(self.period):
                if query.text not in self.skipped and self._has_work(query, year):
                    unit = unit_of({"query": query.text, "window": year})
                    await self.sharing.do(unit, partial(self._see_to, query, year))
                    yield

    def _of(self, query: Query) -> list[str]:
        """Return the known whole windows of a query, in order of time."""
        if self._indexed != len(self.markers.all):
            self._by_query = defaultdict(list)
            for window, marker in sorted(self.markers.all.items()):
                self._by_query[marker["details"]["query"]].append(window)
            self._indexed = len(self.markers.all)
        return self._by_query[query.text]

    def _walk(self, query: Query, year: TimeSlice) -> Walk:
        details = [self.markers.all[window]["details"] for window in self._of(query)]
        done = [Done(TimeSlice(*each["window"]), TimeSlice(*each["span"])) for each in details]
        return Walk(year, done, self.shortest_slice_s, self._begun[query.text])

    def _has_work(self, query: Query, year: TimeSlice) -> bool:
        return bool(self._walk(query, year).pending or self._due(query, year))

    def _due(self, query: Query, year: TimeSlice) -> list[str]:
        """Return the whole windows to be listed anew."""
        details = {window: self.markers.all[window]["details"] for window in self._of(query)}
        of_year = [window for window, each in details.items() if year.start_s <= each["window"][0] < year.end_s]
        return [window for window in of_year if self._is_due(window)]

    def _is_due(self, window: str) -> bool:
        section, marker = self.site(), self.markers.all[window]
        if marker.get("relist"):
            return True
        look_back_s = self.now_s - section.look_back_days * DAY_S
        is_late = section.look_back_days > 0 and marker["details"]["window"][1] > look_back_s
        if not is_late and section.revisit_days == 0:
            return False
        age_s = self.now_s - self.markers.listed_at_s(window)
        is_old = section.revisit_days > 0 and age_s > section.revisit_days * DAY_S
        # at most once an hour: windows end at full hours, too
        return is_old or (is_late and age_s > self.now_s - start_of_hour(self.now_s))

    async def _see_to(self, query: Query, year: TimeSlice) -> None:
        """Crawl what is open of a query's year and list anew what is due; no other process does so meanwhile."""
        await in_thread(self.markers.refresh, query_ending(query.text))
        try:
            for window in self._due(query, year):
                await self._visit(query, window)
            await self._cover(query, year)
        except QuerySkipped as skipped:
            self.skipped.add(query.text)
            self.logger.warning("%s: skipped: %s", query.text, skipped)
        except (ListingFailed, WrongShape) as failure:
            self.problems.append(f"{query.text}: {failure}")
            self.logger.error("%s: stays open: %s", query.text, failure)

    async def _cover(self, query: Query, year: TimeSlice) -> None:
        walk = self._walk(query, year)
        while step := walk.step():
            part = step.window
            probe = await self.probe(query, part)
            if not probe.fits and walk.halve(step):
                continue
            photos, says = await self.listing(query, part, probe)
            details = {"query": query.text, "window": list(part), "span": list(step.span), **says}
            if details.get("capped"):
                self.logger.warning("%s: the site lists only a part of %s", query.text, window_name(part, query.text))
            if await self.crawl_window(window_name(part, query.text), photos, details):
                walk.finish(step)

    async def _visit(self, query: Query, window: str) -> None:
        """List a whole window anew: what is new, replaced or gone is seen to; the rest keeps its rows."""
        marker = await in_thread(self.markers.reread, window)
        if (
            marker is not None and marker.get("fingerprint") != self.fingerprint
        ):  # tending it has failed, or was put off
            await self.tend_window(window, iso_time(int(time.time())))
            marker = await in_thread(self.markers.reread, window)
        # another process may have listed it meanwhile
        if marker is None or marker.get("fingerprint") != self.fingerprint or not self._is_due(window):
            return
        part = TimeSlice(*marker["details"]["window"])
        photos, says = await self.listing(query, part, await self.probe(query, part))
        listed = {found.photo: found for found in reversed(photos)}
        rows = await in_thread(self.work.read, window)
        missing = {row["photo"] for row in rows if row["state"] == "stored"} - listed.keys()
        gone = await self.gone(missing) if missing else set()
        revision = relisted(rows, listed, gone, is_judged_anew=bool(marker.get("relist")))
        self.counts["deleted"] += len(gone)
        await self.do_window(window, revision.again, {**marker["details"], **says}, revision.kept, is_listed=True)

    def receipt_details(self) -> dict[str, Any]:
        """Return how many queries the site would not answer."""
        return {"queries_skipped": len(self.skipped)}
