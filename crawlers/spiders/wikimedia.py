"""`scrapy crawl wikimedia`: the categories of the chosen cameras and those of the configuration, with subcategories.

A window is one category and one slice of the time at which files were *added to it*: that is what MediaWiki can
sort and bound a category by, and a file that joins an old category today is then new today. A slice fits when one
answer lists all its members. A file in two categories is in two windows; its original is downloaded once.

With `structured_search`, files are also found by the camera of their structured data. A search cannot be bounded by
time, so its results are asked for once a crawl and dealt out to the slices by the time of their upload.
"""

from collections import deque
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from typing import Any

from crawlers.sites import mediawiki
from crawlers.sites.api_client import Answer, Fault, ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.time_sliced import Probe, Query, SlicedSpider
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice

SEARCH = "haswbstatement:P4082="
"""What the text of a query by structured data begins with; the camera's Wikidata id follows."""


class WikimediaSpider(SlicedSpider):
    """Crawls Wikimedia Commons, or another wiki, by category."""

    name = source = "wikimedia"
    shortest_slice_s = mediawiki.SHORTEST_SLICE_S
    queries_overlap = True

    def fault(self, answer: Answer, retry_after: str | None) -> Fault | None:
        """Return what an answer's error means."""
        return mediawiki.fault(answer, retry_after)

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the categories, level by level, each once: on Commons categories contain each other."""
        section, cameras = self.configuration.sources.wikimedia, self.configuration.chosen.cameras
        self.searched: dict[str, tuple[list[ListedPhoto], bool]] = {}
        if section.structured_search:
            for camera in cameras:
                if camera.wikidata:
                    yield Query(f"{SEARCH}{camera.wikidata}", camera.key)
        roots = [(camera.commons, camera.key) for camera in cameras if camera.commons]
        named = [*roots, *_unclaimed(section.categories)]
        pending = deque((f"Category:{name}", claimed, 0) for name, claimed in named)
        seen = set()
        while pending:
            category, claimed, level = pending.popleft()
            if category in seen:
                continue
            seen.add(category)
            yield Query(category, claimed)
            if level < section.depth:
                try:
                    async for answer in self.answers(mediawiki.subcategories_parameters(category)):
                        pending.extend((title, claimed, level + 1) for title in mediawiki.subcategories(answer))
                except QuerySkipped as skipped:  # counted with the category itself
                    self.logger.warning("%s: its subcategories are skipped: %s", category, skipped)
                except (
                    ListingFailed,
                    WrongShape,
                ) as failure:  # the other categories go on; the crawl ends without a receipt
                    self.problems.append(f"subcategories of {category}: {failure}")
                    self.logger.error("%s: its subcategories could not be listed: %s", category, failure)

    async def answers(self, parameters: dict[str, str]) -> AsyncIterator[Answer]:
        """Yield an answer and all its continuations; the `continue` object goes back whole, or properties are lost."""
        onward: dict[str, str] = {}
        while True:
            answer = await self.api.ask(parameters | onward)
            yield answer
            onward = mediawiki.onward(answer)
            if not onward:
                return

    async def probe(self, query: Query, part: TimeSlice) -> Probe:
        """Ask for a slice's members alone; it fits when there is no continuation."""
        if query.text.startswith(SEARCH):
            return Probe(True, {})
        answer = await self.api.ask(mediawiki.members_parameters(query.text, part))
        return Probe("continue" not in answer, answer)

    async def listing(self, query: Query, part: TimeSlice, probe: Probe) -> tuple[list[ListedPhoto], dict[str, Any]]:
        """Ask for all that is wanted of a slice's files; none are asked for where the probe has found none."""
        if query.text.startswith(SEARCH):
            return await self._search(query, part)
        pages: dict[int, dict[str, Any]] = {}
        mediawiki.merge_pages(pages, probe.answer)
        if pages:
            async for answer in self.answers(mediawiki.described_parameters(query.text, part)):
                mediawiki.merge_pages(pages, answer)
        return [mediawiki.found(page, query.claimed_camera, self.judge) for page in pages.values()], {}

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Ask for the files' pages: one may have left its category and be well."""
        lost: set[str] = set()
        numbers = [photo.partition(":")[2] for photo in sorted(photos)]
        for first in range(0, len(numbers), mediawiki.DESCRIBED_MAX):
            some = [int(number) for number in numbers[first : first + mediawiki.DESCRIBED_MAX] if number.isdecimal()]
            async for answer in self.answers(mediawiki.pages_parameters(some)):
                lost |= {f"wikimedia:{number}" for number in mediawiki.gone(answer)}
        return lost

    async def _search(self, query: Query, part: TimeSlice) -> tuple[list[ListedPhoto], dict[str, Any]]:
        if query.text not in self.searched:
            pages: dict[int, dict[str, Any]] = {}
            async for answer in self.answers(mediawiki.search_parameters(query.text.removeprefix(SEARCH))):
                mediawiki.merge_pages(pages, answer)
            found = [mediawiki.found(page, query.claimed_camera, self.judge) for page in pages.values()]
            self.searched[query.text] = found, len(pages) >= mediawiki.SEARCH_MAX
        found, is_capped = self.searched[query.text]
        within = [each for each in found if part.start_s <= _uploaded_s(each, self.period) < part.end_s]
        return within, {"capped": True} if is_capped else {}


def _uploaded_s(found: ListedPhoto, period: TimeSlice) -> float:
    """Return when a file was uploaded; one without a time counts as the oldest, so that it is in one slice."""
    try:
        return datetime.fromisoformat(found.uploaded_at or "").timestamp()
    except ValueError:
        return period.start_s


def _unclaimed(categories: tuple[str, ...]) -> list[tuple[str, None]]:
    return [(category.removeprefix("Category:"), None) for category in categories]
