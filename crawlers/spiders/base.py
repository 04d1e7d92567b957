"""What the spiders have in common: arguments and settings, the course of a crawl, its progress and its receipt.

A crawl first maintains the windows that are whole, then lets the spider crawl what is open, and last runs the units of
work that other processes held meanwhile. Several processes share a crawl: each unit is leased (`unit_run`), and
`-a part=i/n` deals the units out beforehand.
"""

import logging
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Self

import scrapy
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers
from scrapy.signals import bytes_received, headers_received

from corpus.configuration import read_configuration
from corpus.errors import ConfigurationError, ShutterprintError, StorageUnavailableError
from corpus.metrics.family import Sample
from corpus.metrics.task_metrics import TaskMetrics
from corpus.receipts import publish_receipt
from corpus.sections import Hosts
from corpus.storage.requests import sentence, so_far
from crawlers.network.concurrency import called_every, in_thread
from crawlers.network.limits import limits_folder
from crawlers.network.politeness import TRANSFER, WAITING_STAT
from crawlers.network.quota import Quota
from crawlers.network.scrapy_settings import scrapy_settings
from crawlers.spiders.context import CrawlContext
from crawlers.spiders.metrics import crawl_samples
from crawlers.spiders.progress import Progress, View
from crawlers.spiders.window_run import WindowRunner
from crawlers.windows import checkpoint
from crawlers.windows.work_units import parse_work_share

TICK_S = 0.5
DAY_S = 86400.0

COUNTS = ("windows", "found", "stored", "refused", "failed", "deleted", "capped", "bytes")  # in receipts

CHATTY_LOGGERS = ("scrapy.addons", "scrapy.middleware", "scrapy.crawler", "scrapy.extensions", "scrapy.core.engine")
"""What they say at level INFO is a screenful of class names."""


class PhotoSpider(scrapy.Spider):
    """Base of the spiders: each sets `windows` in `configure`, and implements `crawl`."""

    source: str
    context: CrawlContext
    windows: WindowRunner
    own_arguments: ClassVar[
        Mapping[str, tuple[str, ...]]
    ] = {}  # arguments of this spider alone → their values, default first
    free_arguments: ClassVar[Mapping[str, str]] = {}  # arguments of this spider alone that take any text → an example
    arguments: Mapping[str, str]
    measured: TaskMetrics
    calls: Quota | None = None  # the calls of the site's key, where the site counts them
    has_succeeded = False
    is_storage_unavailable = False  # whether that is what ended the crawl
    query = ""
    query_number = 0
    queries_total = 0
    """The current query, its number and, where that is known, how many there are: shown while the crawl runs."""

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Read the configuration and lay it over Scrapy's settings.

        Arguments: `-a config=FILE`, `-a set=a.b=c` (a line each), `-a part=i/n`. Raises ConfigurationError before
        any request is made.
        """
        file, overrides = kwargs.pop("config", None), kwargs.pop("set", "")
        share = parse_work_share(kwargs.pop("part", "1/1"))
        own = {name: kwargs.pop(name, values[0]) for name, values in cls.own_arguments.items()}
        free = {name: kwargs.pop(name, "") for name in cls.free_arguments}
        if kwargs:
            examples = dict(cls.free_arguments) | {name: values[-1] for name, values in cls.own_arguments.items()}
            more = "".join(f", {name}={example}" for name, example in examples.items())
            raise ConfigurationError(
                f"-a {next(iter(kwargs))}: is not an argument; there are config=FILE, set=a.b=c{more} and part=i/n"
            )
        for name, value in own.items():
            if value not in cls.own_arguments[name]:
                raise ConfigurationError(f"-a {name}={value}: is not one of {', '.join(cls.own_arguments[name])}")
        configuration = read_configuration(file, [line for line in overrides.split("\n") if line])
        section = getattr(configuration.sources, cls.source)
        if isinstance(section, Hosts) and not configuration.crawl.contact.strip():
            raise ConfigurationError(
                "crawl.contact: is empty; set it to your address or page: photo sites demand one in the User-Agent"
            )
        spider: Self = super().from_crawler(crawler, *args)
        spider.arguments = own | free
        spider.configure(CrawlContext.build(configuration, cls.source, share))
        spider.measured = TaskMetrics(
            share.receipt(cls.source), spider.samples, folder=configuration.metrics_folder,
            port=configuration.metrics.crawl_port, address=configuration.metrics.address,
        )  # fmt: skip
        quota = spider.quota()
        if quota is not None:
            spider.calls = Quota(limits_folder(configuration.crawl.limits_folder, os.environ), *quota)
        sites = spider.reachable()
        settings = scrapy_settings(configuration, sites[0] if sites else None, quota, sites[1:])
        crawler.settings.setdict(settings, priority="spider")
        if crawler.settings["LOG_LEVEL"] == "INFO":  # `-L DEBUG` shows all
            for name in CHATTY_LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
        crawler.signals.connect(spider.on_headers_received, headers_received)
        crawler.signals.connect(spider.on_bytes_received, bytes_received)
        return spider

    def configure(self, context: CrawlContext) -> None:
        """Check what the source needs and build what crawls it, `windows` included; raises ConfigurationError."""
        raise NotImplementedError

    def reachable(self) -> Sequence[Hosts]:
        """Return whose hosts may be contacted; the limits of the first hold for what the others do not name."""
        return () if self.context.site is None else (self.context.site,)

    def quota(self) -> tuple[str, int] | None:
        """Return the name of the key whose calls the site counts and how many an hour it may make; None without."""
        return None

    async def crawl(self) -> None:
        """Crawl all windows that are not whole."""
        raise NotImplementedError

    async def start(self) -> AsyncIterator[Any]:
        """Do the whole crawl; there are no requests that Scrapy itself would have to schedule."""
        context = self.context
        progress = Progress(self.view, self.say_progress, is_terminal=Progress.is_watched())
        progress.start()
        try:
            await in_thread(self.measured.begin)
            with called_every(TICK_S, progress.tick):
                await in_thread(context.markers.refresh)
                await in_thread(self.sweep)
                await self.windows.maintain_all()
                await self.crawl()
                await context.units.run_postponed()
                await in_thread(context.markers.keep)
        except ShutterprintError as error:  # its text is all a person needs
            context.problems.append(str(error))
            self.is_storage_unavailable = isinstance(error, StorageUnavailableError)
            self.logger.error("%s", error)
        finally:
            progress.stop()
        requests: tuple[scrapy.Request, ...] = ()
        for request in requests:  # Scrapy wants a generator; what it yields would be scheduled
            yield request

    def sweep(self) -> None:
        """Remove what killed crawls have left: unfinished files, and checkpoints that nobody needs any more."""
        store = self.context.store
        if not store.is_local:
            store.sweep_temporary(f"originals/{self.source}", DAY_S)
        for folder in store.names(f"originals/{self.source}") if store.is_local else ():
            store.sweep_temporary(f"originals/{self.source}/{folder}", DAY_S)
        markers = self.context.markers
        self.windows.checkpoints = checkpoint.sweep(store, self.source, markers.all, markers.unfinished)

    def view(self) -> View:
        """Return what the progress display shows."""
        until_s, waiting = self.crawler.stats.get_value(WAITING_STAT) or (0.0, "")
        return View(
            source=self.source,
            query=self.query,
            query_number=self.query_number,
            queries=self.queries_total,
            window=self.windows.window,
            window_done=self.windows.done,
            window_total=self.windows.total,
            counts=dict(self.context.counts),
            reasons=dict(self.context.reasons),
            waiting=waiting if time.time() < until_s else "",
            calls_left=self.calls.left(time.time()) if self.calls is not None else None,
        )

    def say_progress(self, line: str) -> None:
        """Log a line of progress, which as an event has the figures too."""
        view = asdict(self.view())
        self.logger.info("%s", line, extra={"event": "crawl_progress", "fields": view})

    def samples(self) -> list[Sample]:
        """Return the metrics of this moment; other threads call it."""
        stats, (until_s, _) = (
            dict(self.crawler.stats.get_stats()),
            self.crawler.stats.get_value(WAITING_STAT) or (0, ""),
        )
        return crawl_samples(
            self.source, dict(self.context.counts), dict(self.context.reasons), stats, waits=time.time() < until_s,
            calls_left=self.calls.left(time.time()) if self.calls is not None else None,
        )  # fmt: skip

    def on_headers_received(self, headers: Headers, body_length: int, request: scrapy.Request) -> None:
        """Pass a response's headers to the transfer of its original, which may stop it there."""
        transfer = request.meta.get(TRANSFER)
        if transfer and transfer.begin(headers, body_length):
            raise StopDownload(fail=False)

    def on_bytes_received(self, data: bytes, request: scrapy.Request) -> None:
        """Pass a response's bytes to the transfer of its original as they arrive; it may stop it there."""
        transfer = request.meta.get(TRANSFER)
        if transfer and transfer.receive(data):
            raise StopDownload(fail=False)

    def closed(self, reason: str) -> None:
        """Publish the receipt if, and only if, all went well; log a summary in one line; end the metrics."""
        self._conclude(reason)
        self.measured.end(succeeded=self.has_succeeded)

    def _conclude(self, reason: str) -> None:
        context = self.context
        counts = {name: context.counts[name] for name in COUNTS}
        summary = ", ".join(f"{name} {number}" for name, number in counts.items())
        faults = int(self.crawler.stats.get_value("spider_exceptions/count", 0) or 0)
        if reason != "finished" or context.problems or faults:
            problems = len(context.problems) + faults
            self.logger.error("crawl not complete (%s; problems: %d): %s", reason, problems, summary)
            return
        details = {**counts, **self.receipt_details(), "learned": context.learned}
        try:
            publish_receipt(context.store, context.share.receipt(self.source), details)
        except StorageUnavailableError as error:
            self.is_storage_unavailable = True
            self.logger.error("%s", error)
            return
        self.has_succeeded = True
        self.logger.info("crawl complete in %.1f s: %s", time.time() - context.started_at_s, summary)
        if not context.store.is_local:
            self.logger.info("%s", sentence(so_far(), counts["found"]))

    def receipt_details(self) -> dict[str, Any]:
        """Return what else the receipt of this source says."""
        return {}
