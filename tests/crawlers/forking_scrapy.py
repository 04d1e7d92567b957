"""A process that has imported Scrapy and the spiders, and forks for every crawl; starting anew takes 2 s of CPU each.

Each line of the standard input is a JSON list: arguments of scrapy, environment, log file, seconds it may take. The
answer is a line with the exit code, negative for a signal. Reactors are installed in the forks, as in a fresh process.
"""

import json
import os
import signal
import sys

import pyarrow.parquet  # noqa: F401
import scrapy.cmdline
import scrapy.commands.crawl
import scrapy.core.downloader.handlers.http11
import scrapy.core.engine
import scrapy.core.scraper
import scrapy.downloadermiddlewares.httpcompression
import scrapy.downloadermiddlewares.redirect
import scrapy.extensions.corestats

from crawlers.commands import crawl  # noqa: F401
from crawlers.spiders import flickr, folder, wikimedia  # noqa: F401


def main() -> None:
    assert "twisted.internet.reactor" not in sys.modules
    for line in sys.stdin:
        arguments, environment, log, limit_s = json.loads(line)
        if (child := os.fork()) == 0:
            os.environ.clear()
            os.environ.update(environment)
            nothing = os.open(os.devnull, os.O_RDONLY)
            written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number, file in enumerate((nothing, written, written)):
                os.dup2(file, number)
            signal.alarm(limit_s)
            sys.argv = ["scrapy", *arguments]
            scrapy.cmdline.execute()
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


main()
