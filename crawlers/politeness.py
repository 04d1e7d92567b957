"""Politeness: every request in, at most `requests_per_host` of them at a time out to one host.

Also the one place of retries: a busy or broken server (408, 429, 5xx) and a broken connection are asked again,
up to `retries` times, each time after twice the pause; Retry-After is honoured and, like every 429 and 503,
stops all requests to that host. What is refused for good (404, 403 …) goes back at once.

Scrapy's own limit a host does not hold on the asyncio reactor: its downloader counts a transfer only once its
task runs, and starts whatever is queued until then. Here a request waits for its turn before it gets there.
"""

import asyncio
import email.utils
import logging
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from scrapy.http import Response
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

REQUESTS_SETTING = "SHUTTERPRINT_REQUESTS_PER_HOST"
RETRIES_SETTING = "SHUTTERPRINT_RETRIES"

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 522, 524})
HOST_WIDE_STATUSES = frozenset({429, 503})
TRANSIENT_ERRORS = (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    OSError,
)
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
LONGEST_RETRY_AFTER_S = 3600.0
"""A site that asks for more than an hour gets an hour; the run's next attempt comes with the next crawl."""

logger = logging.getLogger("crawlers.politeness")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 §10.2.3: seconds or a date), None for none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    if seconds != seconds:  # "nan" is a number to Python
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def pause_s(attempt: int) -> float:
    """Return the pause before the retry number `attempt` (1 is the first), without a word from the server."""
    return float(min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S))


class _Host:
    """What is known of one host: who has a turn, and until when all must wait."""

    def __init__(self, requests: int) -> None:
        self.turns = asyncio.Semaphore(requests)
        self.resumes_at_s = 0.0


class Politeness:
    """Downloader middleware, the innermost: what it lets through is sent at once."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        requests = crawler.settings.getint(REQUESTS_SETTING, 1)
        self.retries = crawler.settings.getint(RETRIES_SETTING)
        self.hosts: defaultdict[str, _Host] = defaultdict(lambda: _Host(requests))
        self.sent: set[Request] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware with the limits the spider has put into the settings."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Wait until the request may be sent."""
        await asyncio.sleep(max(0.0, request.meta.get("not_before_s", 0.0) - time.monotonic()))
        host = self._host(request)
        await host.turns.acquire()
        try:
            # a loop: while this request waited, another one's answer may have asked for a longer pause
            while (rest_s := host.resumes_at_s - time.monotonic()) > 0:
                await asyncio.sleep(rest_s)
        except BaseException:  # cancelled at a shutdown: the turn must go to the next one whatever happened
            host.turns.release()
            raise
        self.sent.add(request)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Give the turn back; an answer that says "later" becomes the request's next attempt."""
        self._give_turn_back(request)
        if response.status not in TRANSIENT_STATUSES:
            return response
        header = response.headers.get(b"Retry-After")
        asked_s = retry_after_s(header.decode("latin-1") if header else None, datetime.now(UTC))
        wait_s = pause_s(self._attempt(request)) if asked_s is None else asked_s
        if response.status in HOST_WIDE_STATUSES or asked_s is not None:
            host = self._host(request)
            host.resumes_at_s = max(host.resumes_at_s, time.monotonic() + wait_s)
        return self._again(request, wait_s, f"HTTP {response.status}") or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Give the turn back; a broken connection becomes the request's next attempt."""
        self._give_turn_back(request)
        if not isinstance(exception, TRANSIENT_ERRORS):
            return None
        return self._again(request, pause_s(self._attempt(request)), type(exception).__name__)

    def _host(self, request: Request) -> _Host:
        return self.hosts[urlsplit(request.url).hostname or ""]

    def _give_turn_back(self, request: Request) -> None:
        # not every request that ends here was sent: another middleware may have stopped it before its turn
        if request in self.sent:
            self.sent.remove(request)
            self._host(request).turns.release()

    @staticmethod
    def _attempt(request: Request) -> int:
        return int(request.meta.get("attempt", 0)) + 1

    def _again(self, request: Request, wait_s: float, why: str) -> Request | None:
        attempt = self._attempt(request)
        if attempt > self.retries:
            return None
        self.crawler.stats.inc_value("shutterprint/retries")
        logger.log(
            logging.INFO if wait_s >= LONGEST_PAUSE_S else logging.DEBUG,
            "%s from %s: asking again in %.0f s (%d of %d)",
            *(why, urlsplit(request.url).hostname, wait_s, attempt, self.retries),
        )
        again = request.copy()
        again.meta["attempt"] = attempt
        again.meta["not_before_s"] = time.monotonic() + wait_s
        return again
