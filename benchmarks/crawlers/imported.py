"""All that a crawl imports, for a process whose forks crawl (`benchmarks/preloaded.py`).

Reactors are installed in the forks, as in a fresh process.
"""

import re
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
from crawlers.spiders import flickr, folder, manifest, unit_run, wikimedia  # noqa: F401

# what scrapy itself imports for each crawl: all its commands, and the parts that the settings name
settings = get_project_settings()
scrapy.cmdline._get_commands_dict(settings, inproject=True)
for module in re.findall(r"'(scrapy\.[a-z_.0-9]+)\.[A-Z]\w+'", str(settings.copy_to_dict())):
    import_module(module)
pyarrow.array([None])  # imports pandas where that is installed
assert "twisted.internet.reactor" not in sys.modules
