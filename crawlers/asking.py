"""Asking an API: an address and parameters in, the JSON it answers out, asked again where it is only busy.

Both APIs report their errors with HTTP status 200; `Fault` is what such an answer means for the crawl.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from scrapy import Request
from scrapy.http import Response

from corpus.errors import StageError
from crawlers.hosts import HostRefused
from crawlers.politeness import TRANSIENT_ERRORS, TRANSIENT_STATUSES, pause_s

Answer = dict[str, Any]


class CrawlStopped(StageError):  # noqa: N818 - it says what happened to the crawl
    """The site refuses this crawl altogether: the key, the contact or a limit is wrong."""


class ListingFailed(StageError):  # noqa: N818
    """One listing could not be had; its query stays open, the others go on."""


class QuerySkipped(StageError):  # noqa: N818
    """The site says that one query has nothing for us; the others go on."""


@dataclass(frozen=True)
class Fault:
    """What an API's error means: ask again (after `wait_s`, if it said so), stop the crawl, or skip the query."""

    meaning: Literal["retry", "stop", "skip"]
    text: str
    wait_s: float | None = None


@dataclass(frozen=True)
class Api:
    """One site's API. `fault` reads its answers, given the body and the Retry-After header."""

    url: str
    download: Callable[[Request], Awaitable[Response]]
    fault: Callable[[Answer, str | None], Fault | None]
    retries: int

    async def ask(self, parameters: Mapping[str, str]) -> Answer:
        """Return the answer to one call; raises CrawlStopped, ListingFailed or QuerySkipped."""
        host = urlsplit(self.url).hostname
        attempt = 0
        while True:
            attempt += 1
            answer, retry_after = await self._answer(f"{self.url}?{urlencode(parameters)}")
            fault = self.fault(answer, retry_after) if answer is not None else Fault("retry", "no JSON")
            if fault is None and answer is not None:
                return answer
            assert fault is not None  # noqa: S101 - an answer without a fault was returned
            if fault.meaning == "stop":
                raise CrawlStopped(f"{host}: {fault.text}")
            if fault.meaning == "skip":
                raise QuerySkipped(f"{host}: {fault.text}")
            if attempt > self.retries:
                raise ListingFailed(f"{host}: {fault.text} ({attempt} times)")
            await asyncio.sleep(pause_s(attempt) if fault.wait_s is None else fault.wait_s)

    async def _answer(self, url: str) -> tuple[Answer | None, str | None]:
        host = urlsplit(url).hostname
        try:
            response = await self.download(Request(url, headers={"Accept": "application/json"}, dont_filter=True))
        except HostRefused as error:
            raise CrawlStopped(f"{host}: {error}") from error
        except TRANSIENT_ERRORS as error:
            raise ListingFailed(f"{host}: {type(error).__name__}") from error
        if response.status in TRANSIENT_STATUSES:
            raise ListingFailed(f"{host}: HTTP {response.status} again and again")
        if response.status != 200:
            text = " ".join(response.body[:200].decode("utf-8", "replace").split())
            raise CrawlStopped(f"{host}: the API answered HTTP {response.status}: {text}")
        header = response.headers.get(b"Retry-After")
        try:
            answer = json.loads(response.body)
        except ValueError:
            return None, None
        return (answer if isinstance(answer, dict) else None), header.decode("latin-1") if header else None
