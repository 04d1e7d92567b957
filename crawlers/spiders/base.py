"""The spiders' common part: windows of photos in; originals, records, markers and the receipt out.

A window is a list of photos; each becomes one row. Originals are published first, then the window's records, then
its marker, so any process may be killed at any moment: a window without its marker is asked for again, and what
is already stored or already refused is not asked for again. Units of work (a year of a query, a directory) are leased,
so that several processes share a crawl; `-a part=i/n` deals them out beforehand.
"""

import dataclasses
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any, Self

import scrapy
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers
from scrapy.signals import bytes_received, headers_received

from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError, ShutterprintError
from corpus.leases import LEASE_S
from corpus.receipts import last_receipt, publish_receipt
from corpus.sections import Site
from corpus.storage import Store
from corpus.text import iso_time
from crawlers.download.photo import Obtaining
from crawlers.network.concurrency import Every, in_thread
from crawlers.network.politeness import TRANSFER, WAITING_STAT
from crawlers.network.scrapy_settings import scrapy_settings
from crawlers.spiders.progress import Progress, View
from crawlers.spiders.window_run import WindowWork
from crawlers.vetting.basis import digest_of, fingerprint, learned_cameras
from crawlers.vetting.door import Door
from crawlers.windows import checkpoint
from crawlers.windows.markers import Markers, due_photos
from crawlers.windows.records import ListedPhoto
from crawlers.windows.rejudge import revise
from crawlers.windows.sharing import LeaseLost, Sharing
from crawlers.windows.work_units import WorkShare, parse_work_share, unit_of

TICK_S = 0.5
DAY_S = 86400.0

CHATTY_LOGGERS = ("scrapy.addons", "scrapy.middleware", "scrapy.crawler", "scrapy.extensions", "scrapy.core.engine")
"""What they say at level INFO is a screenful of class names."""


class PhotoSpider(scrapy.Spider):
    """Base of the spiders: `crawl` says what there is; the base sees to it."""

    source: str
    needs_contact = True
    can_relist = False
    """Whether the source can be asked for a window's listing anew."""

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Read the configuration and lay it over Scrapy's settings.

        Arguments: `-a config=FILE`, `-a set=a.b=c` (a line each), `-a part=i/n`. Raises ConfigurationError, before
        anything is asked of anyone.
        """
        file, overrides = kwargs.pop("config", None), kwargs.pop("set", "")
        part = parse_work_share(kwargs.pop("part", "1/1"))
        if kwargs:
            raise ConfigurationError(
                f"-a {next(iter(kwargs))}: is not an argument; there are config=FILE, set=a.b=c and part=i/n"
            )
        configuration = read_configuration(file, [line for line in overrides.split("\n") if line])
        if cls.needs_contact and not configuration.crawl.contact.strip():
            raise ConfigurationError(
                "crawl.contact: is empty; set it to your address or page: photo sites demand one in the User-Agent"
            )
        spider: Self = super().from_crawler(crawler, *args)
        spider.take(configuration, part)
        spider.prepare()
        crawler.settings.setdict(scrapy_settings(configuration, spider.site(), spider.quota()), priority="spider")
        if crawler.settings["LOG_LEVEL"] == "INFO":  # `-L DEBUG` shows all
            for name in CHATTY_LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
        crawler.signals.connect(spider.on_headers_received, headers_received)
        crawler.signals.connect(spider.on_bytes_received, bytes_received)
        return spider

    def take(self, configuration: Configuration, part: WorkShare) -> None:
        """Begin with nothing counted, the rules of `configuration`, and the cameras as they are known by now."""
        self.configuration, self.part = configuration, part
        self.began_s = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.problems: list[str] = []
        self.has_succeeded = False
        self.sharing = Sharing(self.store, self.source, part)
        self.markers = Markers(self.store, self.source)
        self.cameras = learned_cameras(configuration)
        self.door = Door(*self.cameras, configuration.rules, configuration.crawl.original_max_bytes)
        self.fingerprint = fingerprint(configuration)
        self.learned = digest_of(self.cameras)
        self.has_learned = self.learned != last_receipt(self.store, self.part.receipt(self.name)).get("learned")
        self.queries_all = self.query_number = 0
        self.query_text = ""

    def prepare(self) -> None:
        """Check what the source needs; raises ConfigurationError. Called once, before the crawl."""

    def site(self) -> Site | None:
        """Return the configuration of the site, None where none is contacted."""
        return None

    def quota(self) -> tuple[str, int] | None:
        """Return the name of the key whose calls are counted and how many an hour it may make."""
        return None

    def crawl(self) -> AsyncIterator[None]:
        """Crawl all windows that are not whole; yields now and then."""
        raise NotImplementedError

    def obtaining(self) -> Obtaining:
        """Return what turns a photo found into its row."""
        raise NotImplementedError

    @property
    def store(self) -> Store:
        """Where all goes."""
        return self.configuration.store

    async def start(self) -> AsyncIterator[Any]:
        """Do the whole crawl; there are no requests that Scrapy itself would have to schedule."""
        self.work = WindowWork(self.store, self.source, self.fingerprint, self.obtaining(), self.counts, self.reasons)
        self.progress = Progress(self.view, self.logger.info, is_terminal=self.is_terminal())
        self.progress.start()
        try:
            with Every(TICK_S, self.progress.tick), Every(LEASE_S / 4, self.sharing.renew):
                await in_thread(self.markers.refresh)
                await in_thread(self.sweep)
                await self.tend()
                async for _ in self.crawl():
                    pass
                await self.sharing.join_others()
        except ShutterprintError as error:  # its text is all a person needs
            self.problems.append(str(error))
            self.logger.error("%s", error)
        finally:
            self.progress.stop()
        nothing: tuple[Any, ...] = ()
        for each in nothing:  # Scrapy wants a generator; what it yields would be scheduled
            yield each

    def sweep(self) -> None:
        """Remove what killed crawls have left behind: unfinished files, and rows put aside that nobody needs."""
        for folder in self.store.names(f"originals/{self.source}"):
            self.store.sweep_temporary(f"originals/{self.source}/{folder}", DAY_S)
        checkpoint.sweep(self.store, self.source, self.markers.all)

    async def tend(self) -> None:
        """See to whole windows: try failed photos again whose time has come, judge anew what other rules refused.

        Records are replaced first and the marker after them: cut off in between, it is done once more.
        """
        now = iso_time(int(time.time()))
        for window, marker in sorted(self.markers.all.items()):
            may_lift = self.has_learned and marker["refused"]
            if due_photos(marker, now) or marker.get("fingerprint") != self.fingerprint or may_lift:
                await self.sharing.do(unit_of(marker["details"]), partial(self.tend_window, window, now))

    async def tend_window(self, window: str, now: str) -> None:
        """Tend one whole window, if it needs it still."""
        marker = await in_thread(self.markers.reread, window)
        if marker is None:
            return
        due, is_old = due_photos(marker, now), marker.get("fingerprint") != self.fingerprint
        if not due and not is_old and not self.has_learned:
            return
        rows = await in_thread(self.work.read, window)
        judge = self.door.judge if is_old or self.has_learned else None
        try:
            revision = revise(rows, due, judge, can_relist=self.can_relist, only_lifts=not is_old)
        except ConfigurationError as error:  # a camera that the catalogue has twice is found out when it is met
            self.problems.append(f"window {window}: {error}")
            self.logger.error("window %s cannot be judged anew: %s", window, error)
            return
        if revision.again:
            self.logger.info("%s: trying %d photos again", window, len(revision.again))
        elif not is_old:  # nothing that was learned lifts a refusal: the window stays as it is, byte for byte
            return
        relist = revision.relist or bool(marker.get("relist"))
        await self.do_window(window, revision.again, marker["details"], revision.kept, relist=relist)

    async def crawl_window(self, window: str, photos: Iterable[ListedPhoto], details: dict[str, Any]) -> bool:
        """Fetch a new window's photos and publish it whole; False where something other than a photo failed."""
        listed = {found.photo: found for found in reversed(list(photos))}  # a site may list one twice: the first counts
        return await self.do_window(window, list(reversed(listed.values())), details, [], is_listed=True)

    async def do_window(
        self,
        window: str,
        photos: list[ListedPhoto],
        details: dict[str, Any],
        kept: list[dict[str, Any]],
        *,
        relist: bool = False,
        is_listed: bool = False,
    ) -> bool:
        """Obtain photos, publish them with the rows `kept`, and read the marker; False where that failed.

        `is_listed`: whether the site has just listed the window. Raises LeaseLost where it is another process's now.
        """
        try:
            await in_thread(self.sharing.check)
            check = self.sharing.check
            await self.work.do(window, photos, details, kept, relist=relist, is_listed=is_listed, check=check)
        except LeaseLost:
            raise
        # Whatever it is (a full disk, a fault of ours): this window stays as it was and is done again, the others
        # go on, and the crawl ends without a receipt.
        except Exception as error:
            self.problems.append(f"window {window}: {error!r}")
            self.logger.exception("window %s could not be finished and stays open", window)
            return False
        await in_thread(self.markers.reread, window)
        return True

    def is_terminal(self) -> bool:
        """Whether a person watches."""
        return Progress.is_watched()

    def view(self) -> View:
        """Return what the progress shows."""
        until_s, waiting = self.crawler.stats.get_value(WAITING_STAT) or (0.0, "")
        return dataclasses.replace(
            self.work.view(self.source),
            query=self.query_text,
            query_number=self.query_number,
            queries=self.queries_all,
            waiting=waiting if time.time() < until_s else "",
            calls_left=self.calls_left(),
        )

    def calls_left(self) -> int | None:
        """Return how many calls the site's key may make at once, None where nobody counts them."""
        return None

    def on_headers_received(self, headers: Headers, body_length: int, request: scrapy.Request) -> None:
        """Let an original's transfer see the answer's header; it may stop it there."""
        transfer = request.meta.get(TRANSFER)
        if transfer and transfer.begin(headers, body_length):
            raise StopDownload(fail=False)

    def on_bytes_received(self, data: bytes, request: scrapy.Request) -> None:
        """Let an original's transfer see the bytes as they come; it may stop it there."""
        transfer = request.meta.get(TRANSFER)
        if transfer and transfer.receive(data):
            raise StopDownload(fail=False)

    def closed(self, reason: str) -> None:
        """Publish the receipt, if and only if all went well; say in one line what was done."""
        names = ("windows", "found", "stored", "refused", "failed", "deleted", "capped", "bytes")
        counts = {name: self.counts[name] for name in names}
        summary = ", ".join(f"{name} {number}" for name, number in counts.items())
        faults = int(self.crawler.stats.get_value("spider_exceptions/count", 0) or 0)
        if reason != "finished" or self.problems or faults:
            self.logger.error("crawl not complete (%s; problems: %d): %s", reason, len(self.problems) + faults, summary)
            return
        details = {**counts, **self.receipt_details(), "learned": self.learned}
        publish_receipt(self.store, self.part.receipt(self.name), details)
        self.has_succeeded = True
        self.logger.info("crawl complete in %.1f s: %s", time.monotonic() - self.began_s, summary)

    def receipt_details(self) -> dict[str, Any]:
        """Return what else the receipt of this source says."""
        return {}
