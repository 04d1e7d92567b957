"""Sliced crawls: queries over time in, windows small enough for the site to list out.

A slice that does not fit is halved (`crawlers.windows`); each that fits is listed, its photos are fetched, and it is
published as one window. What is whole is never asked for again; the next crawl begins where this one's time ends.
"""

import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from corpus.errors import ConfigurationError
from crawlers.asking import Answer, ListingFailed, QuerySkipped
from crawlers.hosts import is_allowed
from crawlers.rows import Found
from crawlers.spider import PhotoSpider
from crawlers.windows import Done, Slice, Walk, parse_time, start_of_hour, window_name


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

    def queries(self) -> AsyncIterator[Query]:
        """Yield what to ask for."""
        raise NotImplementedError

    async def probe(self, query: Query, part: Slice) -> Probe:
        """Ask whether a slice fits."""
        raise NotImplementedError

    async def listing(self, query: Query, part: Slice, probe: Probe) -> tuple[list[Found], dict[str, Any]]:
        """Return a slice's photos, and what its marker should say of the listing."""
        raise NotImplementedError

    def prepare(self) -> None:
        """Check the source's addresses and times."""
        section = getattr(self.configuration.sources, self.source)
        key = f"sources.{self.source}"
        if not is_allowed(section.api_url, section.hosts):
            raise ConfigurationError(f"{key}.hosts: does not name the host of {key}.api_url, {section.api_url}")
        since_s = parse_time(f"{key}.since", section.since)
        # a window may not reach into the future: it would count as whole before its photos are there
        now_s = time.time()
        until_s = start_of_hour(now_s)
        if section.until is not None:
            wanted_s = parse_time(f"{key}.until", section.until)
            until_s = wanted_s if wanted_s <= now_s else until_s
            if wanted_s <= since_s:
                raise ConfigurationError(f"{key}.until: {section.until} is not later than since, {section.since}")
        self.period = Slice(since_s, until_s)

    def hosts(self) -> tuple[str, ...]:
        """Return the source's hosts."""
        hosts: tuple[str, ...] = getattr(self.configuration.sources, self.source).hosts
        return hosts

    async def crawl(self) -> AsyncIterator[None]:
        """Crawl every query's open time; a query whose listing fails stays open from there on."""
        done: defaultdict[str, list[Done]] = defaultdict(list)
        for marker in self.done_windows().values():
            details = marker["details"]
            done[details["query"]].append(Done(Slice(*details["window"]), Slice(*details["span"])))
        async for query in self.queries():
            try:
                async for _ in self._cover(query, done[query.text]):
                    yield
            except QuerySkipped as skipped:
                self.counts["queries_skipped"] += 1
                self.logger.warning("%s: skipped: %s", query.text, skipped)
            except ListingFailed as failure:
                self.problems.append(f"{query.text}: {failure}")
                self.logger.error("%s: stays open: %s", query.text, failure)

    async def _cover(self, query: Query, done: list[Done]) -> AsyncIterator[None]:
        walk = Walk(self.period, done, self.shortest_slice_s)
        while step := walk.step():
            part = step.window
            probe = await self.probe(query, part)
            if not probe.fits and walk.halve(step):
                continue
            photos, says = await self.listing(query, part, probe)
            details = {"query": query.text, "window": list(part), "span": list(step.span), **says}
            if await self.crawl_window(window_name(part, query.text), photos, details):
                walk.finish(step)
            yield

    def receipt_details(self) -> dict[str, Any]:
        """Return how many queries the site would not answer."""
        return {"queries_skipped": self.counts["queries_skipped"]}
