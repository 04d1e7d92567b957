"""A process that has imported Scrapy and the spiders, and forks for every crawl; starting anew takes 2 s of CPU each.

Each line of the standard input is a JSON list, which a line of JSON answers:

    ["start", arguments of scrapy, environment, log file, seconds it may take]   the fork's process id
    ["poll", process id]                                                         its exit code, null while it runs
    ["wait", process id]                                                         its exit code, once it has ended

Exit codes are negative for a signal. Reactors are installed in the forks, as in a fresh process.
"""

import json
import os
import re
import signal
import sys
from importlib import import_module

import pyarrow.parquet
import queuelib  # noqa: F401
import scrapy.cmdline
import scrapy.core.engine
import scrapy.core.scraper
import scrapy.squeues
from scrapy.utils.project import get_project_settings

from crawlers.commands import crawl  # noqa: F401
from crawlers.network import politeness
from crawlers.spiders import flickr, folder, manifest, unit_run, wikimedia  # noqa: F401

# what scrapy itself imports for each crawl: all its commands, and the parts that the settings name
settings = get_project_settings()
scrapy.cmdline._get_commands_dict(settings, inproject=True)
for module in re.findall(r"'(scrapy\.[a-z_.0-9]+)\.[A-Z]\w+'", str(settings.copy_to_dict())):
    import_module(module)
pyarrow.array([None])  # imports pandas where that is installed
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
