"""A process that has imported Scrapy and the spiders, and forks for every crawl; starting anew takes 2 s of CPU each.

Each line of the standard input is a JSON list, which a line of JSON answers:

    ["start", arguments of scrapy, environment, log file, seconds it may take]   the fork's process id
    ["poll", process id]                                                         its exit code, null while it runs
    ["wait", process id]                                                         its exit code, once it has ended

Exit codes are negative for a signal. Reactors are installed in the forks, as in a fresh process.
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
from crawlers.network import politeness
from crawlers.spiders import flickr, folder, manifest, unit_run, wikimedia  # noqa: F401

# nothing waits here for a real server, and tests of politeness look at the true values
politeness.FIRST_PAUSE_S = 0.1
unit_run.RETRY_EVERY_S = 0.2


def main() -> None:
    assert "twisted.internet.reactor" not in sys.modules
    for line in sys.stdin:
        what, *told = json.loads(line)
        answer: int | None = None
        if what == "start":
            if (answer := os.fork()) == 0:
                crawl_here(*told)
                return
        elif (ended := os.waitpid(told[0], os.WNOHANG if what == "poll" else 0))[0]:
            answer = os.waitstatus_to_exitcode(ended[1])
        print(json.dumps(answer), flush=True)


def crawl_here(arguments: list[str], environment: dict[str, str], log: str, limit_s: int) -> None:
    """Be a process of scrapy's from here on."""
    os.environ.clear()
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for number, file in enumerate((nothing, written, written)):
        os.dup2(file, number)
    signal.alarm(limit_s)
    sys.argv = ["scrapy", *arguments]
    scrapy.cmdline.execute()


main()
