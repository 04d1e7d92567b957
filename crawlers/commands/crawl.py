"""`scrapy crawl`, honest: a user's mistake is a sentence, and the exit code says whether the crawl succeeded.

Scrapy's own command exits 0 though a callback raised. This one exits 0 only when the spider has published its
receipt, 2 with the sentence of a mistake in the configuration, 1 for all else. `-a set=a.b=c` may be repeated.
"""

import argparse
import asyncio
import os
import sys
import traceback
from typing import Any, cast

import pyarrow as pa
from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError
from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from corpus.errors import ShutterprintError
from crawlers.network.redaction import redacted
from crawlers.spiders.flickr import KEY_VARIABLE

READ_BYTES = 1 << 18


class Command(ScrapyCrawl):  # type: ignore[misc, unused-ignore]
    """Run a spider of this project by name."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Join repeated `-a set=…` into one argument, a line each: Scrapy keeps the last only."""
        overrides = [text for text in opts.spargs if text.startswith("set=")]
        if overrides:
            joined = "set=" + "\n".join(text.removeprefix("set=") for text in overrides)
            opts.spargs = [text for text in opts.spargs if not text.startswith("set=")] + [joined]
        super().process_options(args, opts)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, and set the exit code."""
        if len(args) != 1:
            raise UsageError
        # Arrow's own allocators keep what they once had; a crawl writes one small table now and then
        pa.set_memory_pool(pa.system_memory_pool())
        # every read takes Twisted and Scrapy a dozen calls in Python; 64 KiB, their default, is a fortieth of a photo
        tcp.Connection.bufferSize = READ_BYTES
        assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before a command runs
        try:
            crawler = self._create_crawler(args[0])
        except KeyError:
            known = ", ".join(self.crawler_process.spider_loader.list())
            print(f"scrapy crawl: there is no spider {args[0]}; there are {known}", file=sys.stderr)
            self.exitcode = 2
            return
        ended: list[BaseException] = []
        started = self.crawler_process.crawl(crawler, **opts.spargs)
        if isinstance(started, asyncio.Task):
            self.crawler_process.start()
            if started.done() and not started.cancelled() and (error := started.exception()) is not None:
                ended.append(error)
        else:  # a Deferred, on every reactor but asyncio's

            def note(failure: Failure) -> None:
                ended.append(cast(BaseException, failure.value))

            cast("Deferred[Any]", started).addErrback(note)
            self.crawler_process.start()
        if not ended:
            self.exitcode = 0 if getattr(crawler.spider, "has_succeeded", False) else 1
        elif isinstance(ended[0], ShutterprintError):
            print(ended[0], file=sys.stderr)
            self.exitcode = 2
        else:  # a fault of ours: all there is to know of it, but for the key
            text = "".join(traceback.format_exception(ended[0]))
            print(redacted(text, os.environ.get(KEY_VARIABLE, "").strip()), file=sys.stderr)
            self.exitcode = 1
