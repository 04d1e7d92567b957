"""`scrapy crawl flickr`: a query for each chosen camera that has a path at flickr.com/cameras.

The key comes from the environment's FLICKR_API_KEY and is taken out of everything that is logged. Photos without
leave to download, without an original, of other licences, and videos get their row from the listing alone.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from corpus.errors import ConfigurationError
from crawlers import flickr_api
from crawlers.asking import Answer, Api
from crawlers.redaction import redact_logs
from crawlers.rows import Found
from crawlers.sliced import Probe, Query, SlicedSpider
from crawlers.windows import Slice

KEY_VARIABLE = "FLICKR_API_KEY"


class FlickrSpider(SlicedSpider):
    """Crawls Flickr by camera and upload time."""

    name = source = "flickr"
    shortest_slice_s = flickr_api.SHORTEST_SLICE_S

    def prepare(self) -> None:
        """Check the section `sources.flickr` and that there is a key."""
        super().prepare()
        self.key = os.environ.get(KEY_VARIABLE, "").strip()
        if not self.key:
            raise ConfigurationError(
                f"{KEY_VARIABLE}: is not set; put your Flickr API key into the environment "
                "(keys: https://www.flickr.com/services/apps/create/)"
            )
        self.calls_s: deque[float] = deque(maxlen=flickr_api.CALLS_PER_HOUR)

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the cameras' paths; first of all the key is tried, and the licences are asked for."""
        redact_logs(self.key)  # now, since Scrapy has set up its log handlers anew a moment ago
        crawl, section = self.configuration.crawl, self.configuration.sources.flickr
        self.api = Api(section.api_url, self.crawler.engine.download_async, flickr_api.fault, crawl.retries)
        self.licences = flickr_api.licence_names(await self.call(flickr_api.licences_parameters(self.key)))
        for camera in self.configuration.chosen.cameras:
            if camera.flickr:
                yield Query(camera.flickr, camera.key)

    async def call(self, parameters: dict[str, str]) -> Answer:
        """Call the API, within the key's hourly quota."""
        wait_s = flickr_api.wait_for_quota_s(self.calls_s, time.monotonic())
        if wait_s > 0:
            self.logger.info("the key's quota is spent; going on in %.0f s", wait_s)
            await asyncio.sleep(wait_s)
        self.calls_s.append(time.monotonic())
        return await self.api.ask(parameters)

    async def probe(self, query: Query, part: Slice) -> Probe:
        """Ask for a slice's first page, which says how many photos there are."""
        answer = await self.call(flickr_api.search_parameters(self.key, query.text, part, 1))
        return Probe(flickr_api.total(answer) < flickr_api.SLICE_TOTAL_MAX, answer)

    async def listing(self, query: Query, part: Slice, probe: Probe) -> tuple[list[Found], dict[str, Any]]:
        """Ask for the further pages until one brings nothing new; a slice beyond the API's cap is marked `capped`."""
        section = self.configuration.sources.flickr
        photos: dict[str, Found] = {}
        answer, page = probe.answer, 1
        while True:
            known = len(photos)
            for entry in flickr_api.page_photos(answer):
                found = flickr_api.found(entry, query.claimed_camera, self.licences, section.licences)
                photos.setdefault(found.photo, found)
            # totals are estimates, so only the pages themselves say where the end is
            if len(photos) == known or len(flickr_api.page_photos(answer)) < flickr_api.PER_PAGE:
                break
            page += 1
            answer = await self.call(flickr_api.search_parameters(self.key, query.text, part, page))
        total = flickr_api.total(probe.answer)
        return list(photos.values()), {"total": total, "capped": total > len(photos)}
