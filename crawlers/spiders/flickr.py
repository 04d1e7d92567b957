"""`scrapy crawl flickr`: one query for each chosen camera that has a path at flickr.com/cameras.

The key comes from the environment's FLICKR_API_KEY and is taken out of everything that is logged. Videos, and photos
with another licence, without an original or without permission to download, get their row from the listing alone.
"""

import os
from collections.abc import AsyncIterator, Collection
from functools import cached_property

from corpus.errors import ConfigurationError
from crawlers.network.quota import quota_name
from crawlers.network.redaction import redact_logs
from crawlers.sites import flickr
from crawlers.sites.api_client import ListingFailed, QuerySkipped
from crawlers.sites.fields import WrongShape
from crawlers.spiders.time_sliced import Listing, Probe, Query, SlicedSpider
from crawlers.windows.records import ListedPhoto
from crawlers.windows.time_slices import TimeSlice

KEY_VARIABLE = "FLICKR_API_KEY"


class FlickrSpider(SlicedSpider):
    """Crawls Flickr by camera and upload time."""

    name = source = "flickr"
    fault = staticmethod(flickr.fault)
    shortest_slice_s = flickr.SHORTEST_SLICE_S

    @cached_property
    def key(self) -> str:
        """The API key of the environment; raises ConfigurationError where there is none."""
        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not key:
            raise ConfigurationError(
                f"{KEY_VARIABLE}: is not set; put your Flickr API key into the environment "
                "(keys: https://www.flickr.com/services/apps/create/)"
            )
        if not key.isalnum() or not key.isascii():  # escaped in an address it would not be found in logs
            raise ConfigurationError(f"{KEY_VARIABLE}: is not a key; it has letters and digits only, without quotes")
        return key

    def quota(self) -> tuple[str, int]:
        """Return the key's name, which is a digest of it, and its calls an hour."""
        return quota_name(self.key), flickr.CALLS_PER_HOUR

    async def queries(self) -> AsyncIterator[Query]:
        """Yield the paths of the cameras, after asking for the licences, which also tries the key."""
        redact_logs(self.key)  # now, since Scrapy has set up its log handlers anew a moment ago
        answer = await self.api.ask(flickr.licences_parameters(self.key))
        try:
            self.licences = flickr.licence_names(answer)
        except WrongShape as wrong:
            raise ListingFailed(f"the licences of Flickr: {wrong}") from wrong
        cameras = [camera for camera in self.context.configuration.chosen.cameras if camera.flickr]
        self.queries_total = len(cameras)
        for camera in cameras:
            yield Query(str(camera.flickr), camera.key)

    async def probe(self, query: Query, time_slice: TimeSlice) -> Probe:
        """Ask for a slice's first page, which says how many photos there are."""
        answer = await self.api.ask(flickr.search_parameters(self.key, query.text, time_slice, 1))
        return Probe(flickr.total(answer) < flickr.SLICE_TOTAL_MAX, answer)

    async def listing(self, query: Query, time_slice: TimeSlice, probe: Probe) -> Listing:
        """Ask for further pages until one brings nothing new; a slice beyond the API's cap is marked `capped`."""
        allowed = self.context.configuration.sources.flickr.licences
        photos: dict[str, ListedPhoto] = {}  # of a photo that comes twice, the first entry counts
        answer, page = probe.answer, 1
        while True:
            known = len(photos)
            entries = flickr.page_photos(answer)
            for entry in entries:
                listed = flickr.found(entry, query.claimed_camera, self.licences, allowed, self.judge)
                photos.setdefault(listed.photo, listed)
            # totals are estimates, and pages have fewer photos than asked for where some may not be shown
            is_short = len(entries) < flickr.PER_PAGE
            if len(photos) == known or (is_short and page * flickr.PER_PAGE >= flickr.total(answer)):
                break
            page += 1
            answer = await self.api.ask(flickr.search_parameters(self.key, query.text, time_slice, page))
        total = flickr.total(probe.answer)
        return photos, {"total": total, "capped": not probe.fits and total > len(photos)}

    async def gone(self, photos: Collection[str]) -> set[str]:
        """Ask for each photo by itself, since searches overlook some now and then."""
        gone = set()
        for photo in sorted(photos):
            try:
                await self.api.ask(flickr.info_parameters(self.key, photo.partition(":")[2]))
            except QuerySkipped:  # not found, or no permission: it was deleted or made private
                gone.add(photo)
        return gone
