"""`scrapy crawl wikimedia`: the categories of the chosen cameras and those of the configuration, with subcategories.

A window is one category and one slice of the time at which files were *added to it*: that is what MediaWiki can
sort and bound a category by, and a file that joins an old category today is then new today. A slice fits when one
answer lists all its members. A file in two categories is in two windows; its original is downloaded once.
"""

from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from crawlers import mediawiki_api
from crawlers.asking import Answer, Api, ListingFailed, QuerySkipped
from crawlers.rows import Found
from crawlers.sliced import Probe, Query, SlicedSpider
from crawlers.windows import Slice


class WikimediaSpider(SlicedSpider):
    """Crawls Wikimedia Commons, or another wiki, by category."""

    name = source = "wikimedia"
    shortest_slice_s = mediawiki_api.SHORTEST_SLICE_S

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the categories, level by level, each once: on Commons categories contain each other."""
        crawl, section = self.configuration.crawl, self.configuration.sources.wikimedia
        self.api = Api(section.api_url, self.crawler.engine.download_async, mediawiki_api.fault, crawl.retries)
        roots = [(camera.commons, camera.key) for camera in self.configuration.chosen.cameras if camera.commons]
        pending = deque((f"Category:{name}", camera, 0) for name, camera in [*roots, *_unclaimed(section.categories)])
        seen = set()
        while pending:
            category, camera, level = pending.popleft()
            if category in seen:
                continue
            seen.add(category)
            yield Query(category, camera)
            if level < section.depth:
                try:
                    async for answer in self.answers(mediawiki_api.subcategories_parameters(category)):
                        pending.extend((title, camera, level + 1) for title in mediawiki_api.subcategories(answer))
                except QuerySkipped as skipped:  # counted with the category itself
                    self.logger.warning("%s: its subcategories are skipped: %s", category, skipped)
                except ListingFailed as failure:  # the other categories go on; the crawl ends without a receipt
                    self.problems.append(f"subcategories of {category}: {failure}")
                    self.logger.error("%s: its subcategories could not be listed: %s", category, failure)

    async def answers(self, parameters: dict[str, str]) -> AsyncIterator[Answer]:
        """Yield an answer and all its continuations; the `continue` object goes back whole, or properties are lost."""
        onward: dict[str, str] = {}
        while True:
            answer = await self.api.ask(parameters | onward)
            yield answer
            if not answer.get("continue"):
                return
            onward = {name: str(value) for name, value in answer["continue"].items()}

    async def probe(self, query: Query, part: Slice) -> Probe:
        """Ask for a slice's members alone; it fits when there is no continuation."""
        answer = await self.api.ask(mediawiki_api.members_parameters(query.text, part))
        return Probe("continue" not in answer, answer)

    async def listing(self, query: Query, part: Slice, probe: Probe) -> tuple[list[Found], dict[str, Any]]:
        """Ask for all that is wanted of a slice's files; none are asked for where the probe has found none."""
        pages: dict[int, dict[str, Any]] = {}
        mediawiki_api.merge_pages(pages, probe.answer)
        if pages:
            async for answer in self.answers(mediawiki_api.described_parameters(query.text, part)):
                mediawiki_api.merge_pages(pages, answer)
        return [mediawiki_api.found(page, query.claimed_camera) for page in pages.values()], {}


def _unclaimed(categories: tuple[str, ...]) -> list[tuple[str, None]]:
    return [(category.removeprefix("Category:"), None) for category in categories]
