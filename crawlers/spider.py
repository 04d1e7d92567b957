"""The spiders' common part: windows of photos in; originals, records, markers and the receipt out.

A window is a list of photos; each becomes one row. Originals are published first, then the window's records, then
its marker, so any process may be killed at any moment: a window without its marker is asked for again, and what
is already stored is not downloaded again. Photos that failed for a passing reason are tried again by the next crawl.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any, Self

import scrapy
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.http import Headers
from scrapy.signals import bytes_received, headers_received

from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError, ShutterprintError, StageError
from corpus.receipts import publish_receipt
from corpus.records import original_path
from corpus.storage import Store
from crawlers.door import Door, Refused
from crawlers.identity import scrapy_settings
from crawlers.originals import TRANSFER, Fetcher, Original, OriginalFailed, Rejected
from crawlers.progress import Progress
from crawlers.rows import Found, Outcome, failed, found_of, refused, stored, table
from crawlers.verification import differs

PHOTOS_AHEAD = 2
"""Photos in work for each request a host allows: enough that no turn is idle, few enough to hold in memory."""

CHATTY_LOGGERS = ("scrapy.addons", "scrapy.middleware", "scrapy.crawler", "scrapy.extensions", "scrapy.core.engine")
"""What they say at level INFO is a screenful of class names."""


class PhotoSpider(scrapy.Spider):
    """Base of the spiders: `crawl` says what there is, `crawl_window` sees to it."""

    source: str
    needs_contact = True

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Read the configuration (`-a config=FILE`, `-a set=a.b=c`, a line each) and lay it over Scrapy's settings.

        Raises ConfigurationError, before anything is asked of anyone.
        """
        file, overrides = kwargs.pop("config", None), kwargs.pop("set", "")
        if kwargs:
            raise ConfigurationError(
                f"-a {next(iter(kwargs))}: is not an argument; there are config=FILE and set=a.b=c"
            )
        configuration = read_configuration(file, [line for line in overrides.split("\n") if line])
        if cls.needs_contact and not configuration.crawl.contact.strip():
            raise ConfigurationError(
                "crawl.contact: is empty; set it to your address or page: photo sites demand one in the User-Agent"
            )
        spider: Self = super().from_crawler(crawler, *args)
        spider.take(configuration)
        spider.prepare()
        crawler.settings.setdict(scrapy_settings(configuration, spider.hosts()), priority="spider")
        if crawler.settings["LOG_LEVEL"] == "INFO":  # `-L DEBUG` shows all
            for name in CHATTY_LOGGERS:
                logging.getLogger(name).setLevel(logging.WARNING)
        crawler.signals.connect(spider.on_headers_received, headers_received)
        crawler.signals.connect(spider.on_bytes_received, bytes_received)
        return spider

    def take(self, configuration: Configuration) -> None:
        """Begin with nothing counted and the rules of `configuration`."""
        self.configuration = configuration
        self.began_s = time.monotonic()
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.has_succeeded = False
        self.door = Door(
            configuration.whole_catalogue,
            configuration.chosen,
            configuration.rules,
            configuration.crawl.original_max_bytes,
        )

    def prepare(self) -> None:
        """Check what the source needs; raises ConfigurationError. Called once, before the crawl."""

    def hosts(self) -> tuple[str, ...]:
        """Return the patterns of the only hosts that may be contacted."""
        return ()

    def crawl(self) -> AsyncIterator[None]:
        """Crawl all windows that are not whole; yields after each."""
        raise NotImplementedError

    @property
    def store(self) -> Store:
        """Where all goes."""
        return self.configuration.store

    async def start(self) -> AsyncIterator[Any]:
        """Do the whole crawl; there are no requests that Scrapy itself would have to schedule."""
        crawl = self.configuration.crawl
        self.fetcher = Fetcher(self.crawler.engine.download_async, self.door, crawl.header_bytes)
        self.in_work = asyncio.Semaphore(PHOTOS_AHEAD * crawl.requests_per_host)
        async with Progress(self.counts, self.logger.info):
            try:
                await self.retry_failed()
                async for _ in self.crawl():
                    pass
            except ShutterprintError as error:  # its text is all a person needs
                self.problems.append(str(error))
                self.logger.error("%s", error)
        nothing: tuple[Any, ...] = ()
        for each in nothing:  # Scrapy wants a generator; what it yields would be scheduled
            yield each

    def window_path(self, window: str) -> str:
        """Return a window's directory in the store."""
        return f"crawl/{self.source}/{window}"

    def done_windows(self) -> dict[str, dict[str, Any]]:
        """Return the markers of all whole windows of this source, by name."""
        root = f"crawl/{self.source}"
        return {name: self.store.read_json(f"{root}/{name}/_done.json") for name in self.store.done_names(root)}

    async def crawl_window(self, window: str, photos: Iterable[Found], details: dict[str, Any]) -> bool:
        """Fetch a window's photos and publish it whole; False where something other than a photo failed.

        `details` go into its marker.
        """
        listed = {found.photo: found for found in reversed(list(photos))}  # a site may list one twice: the first counts
        return await self._work(window, list(listed.values()), [], details)

    async def retry_failed(self) -> None:
        """Try again the photos that failed for a passing reason, and publish their windows anew.

        Records are replaced first and the marker after them: cut off in between, it is done once more.
        """
        for window, marker in (await asyncio.to_thread(self.done_windows)).items():
            again = set(marker.get("retry", []))
            if not again:
                continue
            records = await asyncio.to_thread(self.store.read_table, f"{self.window_path(window)}/records.parquet")
            rows = records.to_pylist()
            photos = [found_of(row) for row in rows if row["photo"] in again and row["state"] == "failed"]
            kept = [Outcome(row) for row in rows if row["photo"] not in {found.photo for found in photos}]
            self.logger.info("%s: trying %d failed photos again", window, len(photos))
            await self._work(window, photos, kept, marker["details"])

    async def _work(self, window: str, photos: list[Found], kept: list[Outcome], details: dict[str, Any]) -> bool:
        self.counts["found"] += len(photos)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._one(found)) for found in photos]
        # Whatever it is (a full disk, a fault of ours): this window stays unpublished and is done again, the others
        # go on, and the crawl ends without a receipt.
        except Exception as error:
            causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            self.problems.append(f"window {window}: {causes[0]!r}")
            self.logger.exception("window %s could not be finished and stays open", window)
            return False
        outcomes = kept + [task.result() for task in tasks]
        if len(outcomes) != len(photos) + len(kept):
            raise StageError(f"{window}: {len(photos)} photos were found, but there are {len(outcomes)} rows")
        states = Counter(str(outcome.row["state"]) for outcome in outcomes)
        marker = {
            "details": details,
            "photos": len(outcomes),
            "retry": sorted(outcome.row["photo"] for outcome in outcomes if outcome.is_transient),
            **{state: states[state] for state in ("stored", "refused", "failed")},
        }
        await asyncio.to_thread(self._publish, window, [outcome.row for outcome in outcomes], marker)
        self.counts["windows"] += 1
        return True

    def _publish(self, window: str, rows: list[dict[str, Any]], marker: dict[str, Any]) -> None:
        self.store.publish_table(f"{self.window_path(window)}/records.parquet", table(rows))
        self.store.mark_done(self.window_path(window), marker)

    async def _one(self, found: Found) -> Outcome:
        async with self.in_work:
            outcome = await self.obtain(found)
        self.counts[str(outcome.row["state"])] += 1
        return outcome

    async def obtain(self, found: Found) -> Outcome:
        """Return what becomes of one photo, its original published where it may come in."""
        if found.error:
            return failed(found, found.error, is_transient=False)
        if found.reasons:
            return refused(found, Refused(found.reasons))
        if found.version is None or found.original_url is None:
            return failed(found, "the site names no file", is_transient=False)
        path = original_path(found.photo, found.version)
        if await asyncio.to_thread(self.store.exists, path):  # from a window that was cut off, or another query
            self.counts["already_stored"] += 1
            return stored(found, path, await asyncio.to_thread(self.store.read, path))
        if too_large := self.door.too_large(found.size_bytes):
            return refused(found, too_large)
        try:
            fetched = await self.fetcher.fetch(found.original_url)
            if isinstance(fetched, Original) and differs(found, fetched.data):
                fetched = await self.fetcher.fetch_whole(found.original_url)  # once more, and in one piece
        except OriginalFailed as error:
            return failed(found, str(error), error.http_status, is_transient=error.is_transient)
        if isinstance(fetched, Rejected):
            return refused(found, fetched.verdict, fetched.size_bytes)
        if difference := differs(found, fetched.data):
            return failed(found, difference, is_transient=False)
        await asyncio.to_thread(self.store.publish, path, fetched.data)
        self.counts["bytes"] += len(fetched.data)
        return stored(found, path, fetched.data)

    def on_headers_received(self, headers: Headers, body_length: int, request: scrapy.Request) -> None:
        """Let an original's transfer see the answer's header; it may stop it there."""
        transfer = request.meta.get(TRANSFER)
        size_bytes = body_length if isinstance(body_length, int) else None  # Twisted's mark for "not said" is a str
        if transfer and transfer.begin(is_range=b"Content-Range" in headers, size_bytes=size_bytes):
            raise StopDownload(fail=False)

    def on_bytes_received(self, data: bytes, request: scrapy.Request) -> None:
        """Let an original's transfer see the bytes as they come; it may stop it there."""
        transfer = request.meta.get(TRANSFER)
        if transfer and transfer.receive(data):
            raise StopDownload(fail=False)

    def closed(self, reason: str) -> None:
        """Publish the receipt, if and only if all went well; say in one line what was done."""
        counts = {name: self.counts[name] for name in ("windows", "found", "stored", "refused", "failed", "bytes")}
        summary = ", ".join(f"{name} {number}" for name, number in counts.items())
        faults = int(self.crawler.stats.get_value("spider_exceptions/count", 0) or 0)
        if reason != "finished" or self.problems or faults:
            self.logger.error("crawl not complete (%s; problems: %d): %s", reason, len(self.problems) + faults, summary)
            return
        publish_receipt(self.store, f"crawl-{self.name}", {**counts, **self.receipt_details()})
        self.has_succeeded = True
        self.logger.info("crawl complete in %.1f s: %s", time.monotonic() - self.began_s, summary)

    def receipt_details(self) -> dict[str, Any]:
        """Return what else the receipt of this source says."""
        return {}
