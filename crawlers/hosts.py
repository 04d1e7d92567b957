"""Hosts: every request in, only those to the source's own hosts let through, redirects included.

A file's address comes out of an API's answer, and a redirect out of a stranger's: neither may send the crawler
anywhere else, into this machine's own network least of all.
"""

import fnmatch
from collections.abc import Iterable
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest

ALLOWED_HOSTS_SETTING = "SHUTTERPRINT_HOSTS"


class HostRefused(IgnoreRequest):
    """A request to a host that the source's `hosts` do not name; its text says so."""


def is_allowed(url: str, patterns: Iterable[str]) -> bool:
    """Whether `url` is HTTP(S) to a host one of the shell-style `patterns` takes, case ignored."""
    parts = urlsplit(url)
    host = (parts.hostname or "").casefold()
    return parts.scheme in ("http", "https") and any(
        fnmatch.fnmatchcase(host, pattern.casefold()) for pattern in patterns
    )


class AllowedHosts:
    """Downloader middleware that lets no other host be contacted; the photo then gets a failed row."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.patterns = tuple(patterns)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware for the hosts the spider has put into the settings."""
        return cls(crawler.settings.getlist(ALLOWED_HOSTS_SETTING))

    def process_request(self, request: Request) -> None:
        """Raise HostRefused for a request that may not be made."""
        if not is_allowed(request.url, self.patterns):
            host = urlsplit(request.url).hostname
            raise HostRefused(f"host {host} is not one of the source's hosts: {', '.join(self.patterns)}")
