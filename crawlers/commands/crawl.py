"""`scrapy crawl`, honest: a user's mistake is a sentence, and the exit code says whether the crawl succeeded.

Scrapy's own command exits 0 though a callback raised. This one exits 0 only when the spider has published its
receipt, 2 with the sentence of a mistake in the configuration, 1 for all else. `-a set=a.b=c` may be repeated.
"""

import argparse
import asyncio
import sys
from typing import cast

from scrapy.commands.crawl import Command as ScrapyCrawl
from scrapy.exceptions import UsageError

from corpus.errors import ShutterprintError


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
        assert self.crawler_process is not None  # noqa: S101 - Scrapy sets it before a command runs
        try:
            crawler = self._create_crawler(args[0])
        except KeyError:
            known = ", ".join(self.crawler_process.spider_loader.list())
            print(f"scrapy crawl: there is no spider {args[0]}; there are {known}", file=sys.stderr)  # noqa: T201
            self.exitcode = 2
            return
        # the asyncio reactor, Scrapy's default, makes it a task
        task = cast("asyncio.Task[None]", self.crawler_process.crawl(crawler, **opts.spargs))
        self.crawler_process.start()
        error = task.exception() if task.done() and not task.cancelled() else None
        if isinstance(error, ShutterprintError):
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = 2
        elif error is not None:
            raise error
        else:
            self.exitcode = 0 if getattr(crawler.spider, "has_succeeded", False) else 1
