"""Downloader middleware that delays requests to what each site allows all crawls of this machine, and retries them.

The limits are those of `crawlers.network.limits` and `crawlers.network.quota`: requests at once by host and kind
(`api`, `file`, named in `meta["kind"]`), the pause between two, the pace of downloads, the calls an hour of a key.

All retries are made here. After a server's error (5xx, 408) or a broken connection a request is sent again up to
`retries` times, each time after twice the pause. A server that asks for patience (429, or a Retry-After) gets it: no
crawl on this machine contacts that host before the time is over, and it does not count as a failure of the photo; but
only PATIENCE_TIMES and for PATIENCE_S.

Scrapy's own limit per host does not hold on the asyncio reactor: its downloader counts a transfer only once its
task runs, and starts whatever is queued until then. Here a request waits before it gets there.
"""

import email.utils
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from scrapy import Request, exceptions
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost

from crawlers.network.concurrency import acquire, sleep
from crawlers.network.hosts import is_named
from crawlers.network.limits import HostLimits, Wait
from crawlers.network.quota import CALLS_SPENT, Quota

LIMITS_SETTING = "SHUTTERPRINT_LIMITS"
"""Setting: {folder, delay_s, retries, api_requests, file_requests, megabits_per_s, quota: [name, calls an hour], sites:
[{hosts, file_requests, megabits_per_s}]}; a host of one of the `sites` has the limits of that."""

KIND = "kind"  # key of a request's meta: `api` or `file`
WAITING_STAT = "shutterprint/waiting"  # Scrapy stat: until when (`time.time()`) the crawl waits, and for what
PATIENCE = "patience"  # key of a request's meta: how often, and by how many seconds in all, its server has put it off

TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 522, 524})
HOST_WIDE_STATUSES = frozenset({429, 503})
TRANSIENT_ERRORS = (
    exceptions.CannotResolveHostError,
    exceptions.DownloadConnectionRefusedError,
    exceptions.DownloadFailedError,
    exceptions.DownloadTimeoutError,
    exceptions.ResponseDataLossError,
    ConnectError,
    ConnectionDone,
    ConnectionLost,
    OSError,
)
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
TRANSFER = "transfer"  # key of an original's meta: its `download.transfer.Transfer`, fed by the spider
LONGEST_RETRY_AFTER_S = 3600.0  # what a longer pause makes fail is tried again by the next crawl
PATIENCE_TIMES, PATIENCE_S = 30, 2 * 3600.0  # how often and long a server may put off a request
WORTH_SAYING_S = 3.0  # from here on a person watching wants to know what the crawl waits for

logger = logging.getLogger("crawlers.network.politeness")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 §10.2.3: seconds or a date).

    None where there is no header or it is neither; at most LONGEST_RETRY_AFTER_S.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        except (ValueError, OverflowError):  # OverflowError: a year beyond the calendar
            return None
    if math.isnan(seconds):  # "nan" is a number to Python
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def pause_s(attempt: int) -> float:
    """Return the seconds to pause before retry number `attempt` (1 is the first) where the server names none."""
    return float(min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S))


class _Queue:
    """Requests of one kind to one host: they wait in order within this process, then for the shared limits."""

    def __init__(
        self, limits: dict[str, Any], host: str, kind: Literal["api", "file"], say: Callable[[float, str], None]
    ) -> None:
        self.host, self.say = host, say
        folder, requests, quota = Path(limits["folder"]), int(limits[f"{kind}_requests"]), limits.get("quota")
        bytes_per_s = limits["megabits_per_s"] * 1e6 / 8 if kind == "file" and limits["megabits_per_s"] else None
        self.semaphore = DeferredSemaphore(requests)
        self.limits = HostLimits(folder, host, kind, requests, limits["delay_s"], bytes_per_s)
        self.quota = Quota(folder, *quota) if quota and kind == "api" else None

    async def enter(self) -> None:
        """Wait until a request may be sent."""
        await acquire(self.semaphore)
        try:
            while (wait := self._try_start()) is not None:
                if wait.seconds > WORTH_SAYING_S or wait.reason == CALLS_SPENT:
                    self.say(wait.seconds, f"{self.host}: {wait.reason}")
                await sleep(wait.seconds)
        except BaseException:  # cancelled at a shutdown: the next request must get the token whatever happened
            self.semaphore.release()
            raise

    def leave(self, size_bytes: int) -> None:
        """End a request that brought `size_bytes`."""
        try:
            self.limits.finish(size_bytes)
        finally:
            self.semaphore.release()

    def _try_start(self) -> Wait | None:
        wait = self.limits.try_start(time.time())
        if wait is not None or self.quota is None:
            return wait
        is_granted = False
        try:  # the quota comes last: a call is counted only when it is made
            wait = self.quota.try_take(time.time())
            is_granted = wait is None
        finally:
            if not is_granted:
                self.limits.finish()
        return wait


class Politeness:
    """The innermost downloader middleware: what it lets through is sent at once."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.limits: dict[str, Any] = crawler.settings.getdict(LIMITS_SETTING)
        self.queues: dict[tuple[str, str], _Queue] = {}
        self.sent: set[Request] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware with the limits that the spider has put into the settings."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Wait until the request may be sent."""
        await sleep(request.meta.get("not_before_s", 0.0) - time.monotonic())
        await self._queue(request).enter()
        self.sent.add(request)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Free the request's slot; an answer that says "later" becomes the request's next attempt."""
        try:
            header = response.headers.get(b"Retry-After")
            asked_s = retry_after_s(header.decode("latin-1") if header else None, datetime.now(UTC))
            is_later = response.status in TRANSIENT_STATUSES
            put_off = request.meta.get(PATIENCE, (0, 0.0))[0]
            # never at once: to a clock that is fast, every date lies in the past
            wait_s = max(asked_s or 0.0, pause_s(self._attempt(request) + put_off)) if is_later else asked_s or 0.0
            # MediaWiki's "maxlag" comes with status 200; paused before the slot is free, or the next one would not wait
            if wait_s > 0 and (asked_s is not None or response.status in HOST_WIDE_STATUSES):
                self._queue(request).limits.pause_until(time.time() + wait_s)
                self._wait(wait_s, f"{_host(request)} asked for a pause of {wait_s:.0f} s")
        finally:
            self._free_slot(request, len(response.body))
        if not is_later:
            return response
        is_patient = asked_s is not None or response.status == HTTPStatus.TOO_MANY_REQUESTS
        again = self._later(request, wait_s) if is_patient else self._again(request, wait_s)
        if again is not None:
            logger.debug("HTTP %d from %s: asking again in %.0f s", response.status, _host(request), wait_s)
        return again or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Free the request's slot; a broken connection becomes the request's next attempt."""
        transfer = request.meta.get(TRANSFER)
        self._free_slot(request, transfer.received_bytes if transfer else 0)
        if not isinstance(exception, TRANSIENT_ERRORS):
            return None
        wait_s = pause_s(self._attempt(request))
        if (again := self._again(request, wait_s)) is not None:
            logger.debug("%s from %s: asking again in %.0f s", type(exception).__name__, _host(request), wait_s)
        return again

    def _queue(self, request: Request) -> _Queue:
        host = _host(request)
        kind: Literal["api", "file"] = "api" if request.meta.get(KIND) == "api" else "file"
        if (host, kind) not in self.queues:
            own: dict[str, Any] = next(
                (each for each in self.limits.get("sites", ()) if is_named(each["hosts"], host)), {}
            )
            self.queues[host, kind] = _Queue({**self.limits, **own}, host, kind, self._wait)
        return self.queues[host, kind]

    def _free_slot(self, request: Request, size_bytes: int) -> None:
        # not every request that ends here was sent: another middleware may have stopped it before
        if request in self.sent:
            self.sent.remove(request)
            self._queue(request).leave(size_bytes)

    @staticmethod
    def _attempt(request: Request) -> int:
        return int(request.meta.get("attempt", 0)) + 1

    def _again(self, request: Request, wait_s: float) -> Request | None:
        attempt = self._attempt(request)
        return _repeated(request, wait_s, "attempt", attempt) if attempt <= self.limits["retries"] else None

    @staticmethod
    def _later(request: Request, wait_s: float) -> Request | None:
        """Return the request for when its server asks for it, None where it was put off too often or too long."""
        times, waited_s = request.meta.get(PATIENCE, (0, 0.0))
        if times >= PATIENCE_TIMES or waited_s + wait_s > PATIENCE_S:
            return None
        return _repeated(request, wait_s, PATIENCE, (times + 1, waited_s + wait_s))

    def _wait(self, wait_s: float, why: str) -> None:
        """Note what the crawl waits for, for the spider's progress to show."""
        self.crawler.stats.set_value(WAITING_STAT, (time.time() + wait_s, why))
        logger.log(logging.INFO if wait_s > LONGEST_PAUSE_S else logging.DEBUG, "%s; going on in %.0f s", why, wait_s)


def _host(request: Request) -> str:
    return urlsplit(request.url).hostname or ""


def _repeated(request: Request, wait_s: float, key: str, value: Any) -> Request:
    again: Request = request.copy()
    again.meta.update({key: value, "not_before_s": time.monotonic() + wait_s})
    return again
