"""`scrapy crawl flickr`: a query for each chosen camera that has a path at flickr.com/cameras.

The key comes from the environment's FLICKR_API_KEY and is taken out of everything that is logged. Photos without
leave to download, without an original, of other licences, and videos get their row from the listing alone.
"""

import os
import time
from collections.abc import AsyncIterator, Collection
from typing import Any

from corpus.errors import ConfigurationError
from crawlers.network.limits import limits_folder
from crawlers.network.quota import Quota, quota_name
from crawlers.network.redaction import redact_logs
from crawlers.sites import flickr
from crawlers.sites.api_client import Answer, Fault, ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.time_sliced import Probe, Query, SlicedSpider
from crawlers.vetting.basis import fingerprint
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice

KEY_VARIABLE = "FLICKR_API_KEY"


class FlickrSpider(SlicedSpider):
    """Crawls Flickr by camera and upload time."""

    name = source = "flickr"
    shortest_slice_s = flickr.SHORTEST_SLICE_S

    def prepare(self) -> None:
        """Check the section `sources.flickr` and that there is a key."""
        super().prepare()
        self.key = os.environ.get(KEY_VARIABLE, "").strip()
        if not self.key:
            raise ConfigurationError(
                f"{KEY_VARIABLE}: is not set; put your Flickr API key into the environment "
                "(keys: https://www.flickr.com/services/apps/create/)"
            )
        if not self.key.isalnum() or not self.key.isascii():  # escaped in an address it would not be found in logs
            raise ConfigurationError(f"{KEY_VARIABLE}: is not a key; it has letters and digits only, without quotes")
        self.section = self.configuration.sources.flickr
        self.fingerprint = fingerprint(self.configuration, self.section.licences)
        self.calls = Quota(limits_folder(self.configuration.crawl.limits_folder, os.environ), *self.quota())

    def quota(self) -> tuple[str, int]:
        """Return the key's name, which is a digest of it, and its calls an hour."""
        return quota_name(self.key), flickr.CALLS_PER_HOUR

    def calls_left(self) -> int:
        """Return how many calls the key may make at once."""
        return self.calls.left(time.time())

    def fault(self, answer: Answer, retry_after: str | None) -> Fault | None:
        """Return what an answer's error means."""
        return flickr.fault(answer, retry_after)

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the cameras' paths; first of all the key is tried, and the licences are asked for."""
        redact_logs(self.key)  # now, since Scrapy has set up its log handlers anew a moment ago
        answer = await self.api.ask(flickr.licences_parameters(self.key))
        try:
            self.licences = flickr.licence_names(answer)
        except WrongShape as wrong:
            raise ListingFailed(f"the licences of Flickr: {wrong}") from wrong
        cameras = [camera for camera in self.configuration.chosen.cameras if camera.flickr]
        self.queries_all = len(cameras)
        for camera in cameras:
            yield Query(str(camera.flickr), camera.key)

    async def probe(self, query: Query, part: TimeSlice) -> Probe:
        """Ask for a slice's first page, which says how many photos there are."""
        answer = await self.api.ask(flickr.search_parameters(self.key, query.text, part, 1))
        return Probe(flickr.total(answer) < flickr.SLICE_TOTAL_MAX, answer)

    async def listing(self, query: Query, part: TimeSlice, probe: Probe) -> tuple[list[ListedPhoto], dict[str, Any]]:
        """Ask for the further pages until one brings nothing new; a slice beyond the API's cap is marked `capped`."""
        photos: dict[str, ListedPhoto] = {}
        answer, page = probe.answer, 1
        while True:
            known = len(photos)
            entries = flickr.page_photos(answer)
            for entry in entries:
                found = flickr.found(entry, query.claimed_camera, self.licences, self.section.licences, self.judge)
                photos.setdefault(found.photo, found)
            # totals are estimates, and pages have fewer photos than asked for where some may not be shown
            is_short = len(entries) < flickr.PER_PAGE
            if len(photos) == known or (is_short and page * flickr.PER_PAGE >= flickr.total(answer)):
                break
            page += 1
            answer = await self.api.ask(flickr.search_parameters(self.key, query.text, part, page))
        total = flickr.total(probe.answer)
        return list(photos.values()), {"total": total, "capped": not probe.fits and total > len(photos)}

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Ask for each photo by itself: searches overlook some now and then."""
        lost = set()
        for photo in sorted(photos):
            try:
                await self.api.ask(flickr.info_parameters(self.key, photo.partition(":")[2]))
            except QuerySkipped:  # not found, or no permission: it was deleted or made private
                lost.add(photo)
        return lost
