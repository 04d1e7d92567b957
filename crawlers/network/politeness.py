"""Politeness: every request in; out only as many, and as fast, as the site grants all crawls of this machine together.

Limits are those of `crawlers.network.limits` and `crawlers.network.quota`: requests at once by host and kind (`api`,
`file`), the pause between two, the pace of downloads, the calls an hour of a key. A request says its kind in
`meta["kind"]`.

Also the one place of retries: a broken server (5xx, 408) and a broken connection are asked again, up to `retries`
times, each time after twice the pause. A server that asks for patience (429, or a Retry-After) gets it: no crawl on
this machine asks that host before the time is over, and it is no failure of the photo; but patience has an end, too.

Scrapy's own limit a host does not hold on the asyncio reactor: its downloader counts a transfer only once its
task runs, and starts whatever is queued until then. Here a request waits for its turn before it gets there.
"""

import email.utils
import logging
import math
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal, Self
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

from crawlers.network.concurrency import Turns, sleep
from crawlers.network.limits import Lane
from crawlers.network.quota import Quota

LIMITS_SETTING = "SHUTTERPRINT_LIMITS"
"""Setting: {folder, delay_s, retries, api_requests, file_requests, megabits_per_s, quota: [name, calls an hour]}."""

KIND = "kind"
"""Key of a request's meta: `api` or `file`."""
WAITING_STAT = "shutterprint/waiting"
"""Scrapy stat: until when (`time.time()`) is waited, and for what."""
PATIENCE = "patience"
"""Key of a request's meta: how often, and for how many seconds in all, its server has put it off."""

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
TRANSFER = "transfer"
"""Key of a request's meta, for originals: its `download.transfer.Transfer`, fed by the spider as the bytes arrive."""
LONGEST_RETRY_AFTER_S = 3600.0
"""A site that asks for more than an hour gets an hour; the run's next attempt comes with the next crawl."""
PATIENCE_TIMES, PATIENCE_S = 30, 2 * 3600.0
"""How often, and for how long in all, one request is put off by its server before it counts as failed."""
WORTH_SAYING_S = 3.0
"""A person watching wants to know what is waited for from here on."""
ASKING_ANEW_S = 0.02
"""Turns that other processes hold are asked for anew after this and up to as much again; nobody queues between them."""

logger = logging.getLogger("crawlers.network.politeness")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for (RFC 9110 §10.2.3: seconds or a date), None for none."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = email.utils.parsedate_to_datetime(value)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
        except (ValueError, OverflowError):  # years beyond all calendars are no dates either
            return None
    if math.isnan(seconds):  # "nan" is a number to Python
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_S)


def pause_s(attempt: int) -> float:
    """Return the pause before the retry number `attempt` (1 is the first), without a word from the server."""
    return float(min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S))


class _Lane:
    """The requests of one kind to one host: first a turn within this process, then one among all."""

    def __init__(
        self, limits: dict[str, Any], host: str, kind: Literal["api", "file"], say: Callable[[float, str], None]
    ) -> None:
        self.host, self.say = host, say
        requests = int(limits[f"{kind}_requests"])
        bytes_per_s = limits["megabits_per_s"] * 1e6 / 8 if kind == "file" and limits["megabits_per_s"] else None
        self.turns = Turns(requests)
        self.shared = Lane(Path(limits["folder"]), host, kind, requests, limits["delay_s"], bytes_per_s)
        quota = limits.get("quota")
        self.quota = Quota(Path(limits["folder"]), *quota) if quota and kind == "api" else None

    async def enter(self) -> None:
        """Wait until a request may be sent."""
        await self.turns.take()
        has_turn = False
        try:
            while not (has_turn := self.shared.take_turn()):
                await sleep(ASKING_ANEW_S * (1 + random.random()))
            while True:  # while this request waited, another one's answer may have asked for a longer pause
                if (wait_s := self.shared.wait_s(time.time())) > 0:
                    if wait_s > WORTH_SAYING_S:
                        self.say(wait_s, f"{self.host} has asked for a pause, or the pace is reached")
                elif self.quota is not None and (wait_s := self.quota.take(time.time())) > 0:
                    self.say(wait_s, "the key's calls of this hour are spent")
                else:
                    break
                await sleep(wait_s)
        except BaseException:  # cancelled at a shutdown: the turn must go to the next one whatever happened
            if has_turn:
                self.shared.give_turn_back()
            self.turns.give_back()
            raise

    def leave(self, size_bytes: int) -> None:
        """Give the turn back, `size_bytes` after it was taken."""
        try:
            self.shared.charge(size_bytes)
        finally:
            self.shared.give_turn_back()
            self.turns.give_back()


class Politeness:
    """Downloader middleware, the innermost: what it lets through is sent at once."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.limits: dict[str, Any] = crawler.settings.getdict(LIMITS_SETTING)
        self.lanes: dict[tuple[str, str], _Lane] = {}
        self.sent: set[Request] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Return the middleware with the limits the spider has put into the settings."""
        return cls(crawler)

    async def process_request(self, request: Request) -> None:
        """Wait until the request may be sent."""
        await sleep(request.meta.get("not_before_s", 0.0) - time.monotonic())
        await self._lane(request).enter()
        self.sent.add(request)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """Give the turn back; an answer that says "later" becomes the request's next attempt."""
        try:
            header = response.headers.get(b"Retry-After")
            asked_s = retry_after_s(header.decode("latin-1") if header else None, datetime.now(UTC))
            is_later = response.status in TRANSIENT_STATUSES
            put_off = request.meta.get(PATIENCE, (0, 0.0))[0]
            # never at once: a clock that is fast makes every date one of the past
            wait_s = max(asked_s or 0.0, pause_s(self._attempt(request) + put_off)) if is_later else asked_s or 0.0
            # MediaWiki's "maxlag" comes with status 200. Before the turn is given back: whoever takes it must wait
            if wait_s > 0 and (asked_s is not None or response.status in HOST_WIDE_STATUSES):
                self._lane(request).shared.pause_until(time.time() + wait_s)
                self._wait(wait_s, f"{urlsplit(request.url).hostname} asked for a pause of {wait_s:.0f} s")
        finally:
            self._give_turn_back(request, len(response.body))
        if not is_later:
            return response
        is_patient = asked_s is not None or response.status == HTTPStatus.TOO_MANY_REQUESTS
        again = self._later(request, wait_s) if is_patient else self._again(request, wait_s)
        if again is not None:
            self._say(request, f"HTTP {response.status}", wait_s)
        return again or response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Give the turn back; a broken connection becomes the request's next attempt."""
        transfer = request.meta.get(TRANSFER)
        self._give_turn_back(request, transfer.received_bytes if transfer else 0)
        if not isinstance(exception, TRANSIENT_ERRORS):
            return None
        wait_s = pause_s(self._attempt(request))
        if (again := self._again(request, wait_s)) is not None:
            self._say(request, type(exception).__name__, wait_s)
        return again

    def _lane(self, request: Request) -> _Lane:
        host = urlsplit(request.url).hostname or ""
        kind: Literal["api", "file"] = "api" if request.meta.get(KIND) == "api" else "file"
        if (host, kind) not in self.lanes:
            self.lanes[host, kind] = _Lane(self.limits, host, kind, self._wait)
        return self.lanes[host, kind]

    def _give_turn_back(self, request: Request, size_bytes: int) -> None:
        # not every request that ends here was sent: another middleware may have stopped it before its turn
        if request in self.sent:
            self.sent.remove(request)
            self._lane(request).leave(size_bytes)

    @staticmethod
    def _attempt(request: Request) -> int:
        return int(request.meta.get("attempt", 0)) + 1

    def _again(self, request: Request, wait_s: float) -> Request | None:
        """Return the next attempt after a failure, None when there were enough."""
        attempt = self._attempt(request)
        if attempt > self.limits["retries"]:
            return None
        again: Request = request.copy()
        again.meta["attempt"] = attempt
        again.meta["not_before_s"] = time.monotonic() + wait_s
        return again

    @staticmethod
    def _later(request: Request, wait_s: float) -> Request | None:
        """Return the request for when its server will have it, None when it was put off often or long enough."""
        times, waited_s = request.meta.get(PATIENCE, (0, 0.0))
        if times >= PATIENCE_TIMES or waited_s + wait_s > PATIENCE_S:
            return None
        again: Request = request.copy()
        again.meta[PATIENCE] = (times + 1, waited_s + wait_s)
        again.meta["not_before_s"] = time.monotonic() + wait_s
        return again

    def _wait(self, wait_s: float, why: str) -> None:
        """Note what is waited for, for the spider's progress to show."""
        self.crawler.stats.set_value(WAITING_STAT, (time.time() + wait_s, why))
        logger.log(logging.INFO if wait_s > LONGEST_PAUSE_S else logging.DEBUG, "%s; going on in %.0f s", why, wait_s)

    def _say(self, request: Request, why: str, wait_s: float) -> None:
        logger.debug("%s from %s: asking again in %.0f s", why, urlsplit(request.url).hostname, wait_s)
