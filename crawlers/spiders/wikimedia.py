"""`scrapy crawl wikimedia`: the categories of the chosen cameras and those of the configuration, with subcategories.

A window is one category and one slice of the time at which files were *added to it*: that is what MediaWiki can
sort and bound a category by, and a file that joins an old category today is then new today. A slice fits when one
answer lists all its members. A file in two categories is in two windows; its original is downloaded once.

With `structured_search`, files are also found by the camera in their structured data. A search cannot be bounded by
time, so it is made once a crawl and its results are dealt out to the slices by the time of their upload.
"""

from collections import deque
from collections.abc import AsyncIterator, Collection
from typing import Any

from corpus.text import iso_time
from crawlers.sites import mediawiki
from crawlers.sites.api_client import Answer, ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.time_sliced import Listing, Probe, Query, SlicedSpider
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice

SEARCH = "haswbstatement:P4082="  # how the text of a query by structured data begins; the camera's Wikidata id follows

Pages = dict[int, dict[str, Any]]


class WikimediaSpider(SlicedSpider):
    """Crawls Wikimedia Commons, or another wiki, by category."""

    name = source = "wikimedia"
    fault = staticmethod(mediawiki.fault)
    shortest_slice_s = mediawiki.SHORTEST_SLICE_S
    queries_overlap = True

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the searches, then the categories, level by level and each once: on Commons they contain each other."""
        configuration = self.context.configuration
        section, cameras = configuration.sources.wikimedia, configuration.chosen.cameras
        # by the search's query: all it has found, and whether the site has cut the results off
        self._searched: dict[str, tuple[dict[str, ListedPhoto], bool]] = {}
        if section.structured_search:
            for camera in cameras:
                if camera.wikidata:
                    yield Query(f"{SEARCH}{camera.wikidata}", camera.key)
        roots: list[tuple[str, str | None]] = [(camera.commons, camera.key) for camera in cameras if camera.commons]
        roots += [(category.removeprefix("Category:"), None) for category in section.categories]
        pending = deque((f"Category:{name}", claimed, 0) for name, claimed in roots)
        seen = set()
        while pending:
            category, claimed, level = pending.popleft()
            if category in seen:
                continue
            seen.add(category)
            yield Query(category, claimed)
            if level < section.depth:
                try:
                    async for answer in self._answers(mediawiki.subcategories_parameters(category)):
                        pending.extend((title, claimed, level + 1) for title in mediawiki.subcategories(answer))
                except QuerySkipped as skipped:  # counted with the category itself
                    self.logger.warning("%s: its subcategories are skipped: %s", category, skipped)
                # the other categories go on, and the crawl ends without a receipt
                except (ListingFailed, WrongShape) as failure:
                    self.context.problems.append(f"subcategories of {category}: {failure}")
                    self.logger.error("%s: its subcategories could not be listed: %s", category, failure)

    async def probe(self, query: Query, time_slice: TimeSlice) -> Probe:
        """Ask for a slice's members alone; it fits when there is no continuation."""
        if query.text.startswith(SEARCH):
            return Probe(True, {})
        answer = await self.api.ask(mediawiki.members_parameters(query.text, time_slice))
        return Probe("continue" not in answer, answer)

    async def listing(self, query: Query, time_slice: TimeSlice, probe: Probe) -> Listing:
        """Ask for all properties of a slice's files, unless the probe has found none."""
        if query.text.startswith(SEARCH):
            return await self._search(query, time_slice)
        pages: Pages = {}
        mediawiki.merge_pages(pages, probe.answer)
        if pages:
            await self._add_pages(pages, mediawiki.described_parameters(query.text, time_slice))
        return self._photos(pages, query), {}

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Ask for the files' pages: a file that has left its category may still exist."""
        gone: set[str] = set()
        numbers = [photo.partition(":")[2] for photo in sorted(photos)]
        for first in range(0, len(numbers), mediawiki.DESCRIBED_MAX):
            some = [int(number) for number in numbers[first : first + mediawiki.DESCRIBED_MAX] if number.isdecimal()]
            async for answer in self._answers(mediawiki.pages_parameters(some)):
                gone |= {f"wikimedia:{number}" for number in mediawiki.gone(answer)}
        return gone

    async def _answers(self, parameters: dict[str, str]) -> AsyncIterator[Answer]:
        """Yield an answer and all its continuations; the `continue` object goes back whole, or properties are lost."""
        onward: dict[str, str] = {}
        while True:
            answer = await self.api.ask(parameters | onward)
            yield answer
            onward = mediawiki.onward(answer)
            if not onward:
                return

    async def _add_pages(self, pages: Pages, parameters: dict[str, str]) -> None:
        async for answer in self._answers(parameters):
            mediawiki.merge_pages(pages, answer)

    def _photos(self, pages: Pages, query: Query) -> dict[str, ListedPhoto]:
        photos = [mediawiki.found(page, query.claimed_camera, self.judge) for page in pages.values()]
        return {listed.photo: listed for listed in photos}

    async def _search(self, query: Query, time_slice: TimeSlice) -> Listing:
        if query.text not in self._searched:
            pages: Pages = {}
            await self._add_pages(pages, mediawiki.search_parameters(query.text.removeprefix(SEARCH)))
            self._searched[query.text] = self._photos(pages, query), len(pages) >= mediawiki.SEARCH_MAX
        photos, is_capped = self._searched[query.text]
        oldest = iso_time(self.period.start_s)  # stands for the time of a file without one, so that it is in one slice
        within = {
            photo: listed
            for photo, listed in photos.items()
            if iso_time(time_slice.start_s) <= (listed.uploaded_at or oldest) < iso_time(time_slice.end_s)
        }
        return within, {"capped": True} if is_capped else {}
