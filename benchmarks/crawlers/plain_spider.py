"""The plain Scrapy spider that the crawl is compared with: downloads a list of addresses into files.

scrapy runspider plain_spider.py -a urls=LIST -a folder=FOLDER
"""

from collections.abc import AsyncIterator
from pathlib import Path

import scrapy
from scrapy.http import Response


class PlainSpider(scrapy.Spider):  # type: ignore[misc, unused-ignore]
    """Requests every address and writes each response to a file."""

    name = "plain"

    def __init__(self, urls: str, folder: str) -> None:
        super().__init__()
        self.urls, self.folder = Path(urls), Path(folder)

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Yield a request for each address."""
        for url in self.urls.read_text().split():
            yield scrapy.Request(url, dont_filter=True)

    def parse(self, response: Response) -> None:
        """Write one file."""
        (self.folder / response.url.rpartition("/")[2]).write_bytes(response.body)
