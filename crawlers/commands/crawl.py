"""`scrapy crawl` with honest exit codes: 0 only when the spider has published its receipt.

Scrapy's own command exits 0 even though a callback raised. This one exits 2 with one sentence for a mistake in the
configuration or a storage that refuses or does not answer, and 1 for everything else that went wrong. `-a set=a.b=c`
may be repeated.
"""

import argparse
import asyncio
import os
import traceback
from typing import Any, cast

import pyarrow as pa
from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError
from twisted.internet import tcp

from corpus.errors import ShutterprintError
from corpus.events import FLAG, as_asked, complain, is_asked, set_level
from corpus.storage.requests import counted
from corpus.text import escaped
from crawlers.network.redaction import redacted
from crawlers.spiders.flickr import KEY_VARIABLE

READ_BYTES = 1 << 18


class Command(ScrapyCrawl):  # type: ignore[misc, unused-ignore]
    """Run a spider of this project by name."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add `--log-json` to Scrapy's own options."""
        super().add_options(parser)
        parser.add_argument(FLAG, action="store_true", help="write every line as a JSON object")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Join repeated `-a set=…` into one argument, a line each, since Scrapy keeps only the last."""
        overrides = [text for text in opts.spargs if text.startswith("set=")]
        if overrides:
            joined = "set=" + "\n".join(text.removeprefix("set=") for text in overrides)
            opts.spargs = [text for text in opts.spargs if not text.startswith("set=")] + [joined]
        super().process_options(args, opts)
        assert self.settings is not None  # noqa: S101 - Scrapy sets them before a command runs
        if is_asked():
            # Scrapy's own handler, which it sets up anew for each crawl, takes no formatter
            self.settings.set("LOG_ENABLED", False, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, and set the exit code."""
        assert self.settings is not None  # noqa: S101 - as above
        if len(args) != 1:
            raise UsageError
        with as_asked(), counted():
            set_level(self.settings["LOG_LEVEL"])
            self._crawl(args[0], opts)

    def _crawl(self, spider: str, opts: argparse.Namespace) -> None:
        # Arrow's own allocators keep memory once they have it; a crawl writes one small table now and then
        pa.set_memory_pool(pa.system_memory_pool())
        # every read costs Twisted and Scrapy a dozen calls in Python; their default, 64 KiB, is a fortieth of a photo
        tcp.Connection.bufferSize = READ_BYTES
        assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before a command runs
        try:
            crawler = self._create_crawler(spider)
        except KeyError:
            known = ", ".join(self.crawler_process.spider_loader.list())
            complain(f"scrapy crawl: there is no spider {spider}; there are {known}")
            self.exitcode = 2
            return
        errors: list[BaseException] = []
        started = self.crawler_process.crawl(crawler, **opts.spargs)
        if isinstance(started, asyncio.Task):
            self.crawler_process.start()
            if started.done() and not started.cancelled() and (error := started.exception()) is not None:
                errors.append(error)
        else:  # a Deferred, on every reactor but asyncio's
            cast(Any, started).addErrback(lambda failure: errors.append(failure.value))
            self.crawler_process.start()
        if not errors:
            unavailable = getattr(crawler.spider, "is_storage_unavailable", False)
            self.exitcode = 0 if getattr(crawler.spider, "has_succeeded", False) else 2 if unavailable else 1
        elif isinstance(errors[0], ShutterprintError):
            complain(escaped(str(errors[0]), keep="\n"))
            self.exitcode = 2
        else:  # a fault of ours: the whole traceback, without the key
            text = "".join(traceback.format_exception(errors[0]))
            complain(redacted(text, os.environ.get(KEY_VARIABLE, "").strip()), "fault")
            self.exitcode = 1
