"""API client: sends a call to a site's API, repeats it while the site is only busy, and returns the answer's JSON.

Both APIs report their errors with HTTP status 200; `Fault` says what such an answer means for the crawl.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from scrapy import Request
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response

from corpus.errors import StageError
from crawlers.network.concurrency import sleep
from crawlers.network.hosts import HostRefused
from crawlers.network.politeness import KIND, PATIENCE_S, PATIENCE_TIMES, TRANSIENT_ERRORS, TRANSIENT_STATUSES, pause_s
from crawlers.network.scrapy_settings import ANSWER_MAX_BYTES

Answer = dict[str, Any]


class CrawlStopped(StageError):  # noqa: N818 - it says what happened to the crawl
    """The site refuses the whole crawl: the key, the contact or a limit is wrong."""


class ListingFailed(StageError):  # noqa: N818
    """One listing failed; its query stays open, and the others go on."""


class QuerySkipped(StageError):  # noqa: N818
    """The site says that one query has no results for us; the others go on."""


@dataclass(frozen=True)
class Fault:
    """What an API's error means: ask again (after `wait_s` where it says so), stop the crawl, or skip the query."""

    meaning: Literal["retry", "stop", "skip"]
    text: str
    wait_s: float | None = None


@dataclass(frozen=True)
class Api:
    """One site's API. `fault`: returns the error of an answer, given its body and Retry-After header."""

    url: str
    download: Callable[[Request], Awaitable[Response]]
    fault: Callable[[Answer, str | None], Fault | None]
    retries: int

    async def ask(self, parameters: Mapping[str, str]) -> Answer:
        """Return the answer to one call; raises CrawlStopped, ListingFailed or QuerySkipped."""
        host = urlsplit(self.url).hostname
        attempt, times, waited_s = 0, 0, 0.0
        while True:
            answer, retry_after = await self._answer(f"{self.url}?{urlencode(parameters)}")
            fault = self.fault(answer, retry_after) if answer is not None else Fault("retry", "no JSON")
            if fault is None and answer is not None:
                return answer
            assert fault is not None  # noqa: S101 - an answer without a fault was returned
            if fault.meaning == "stop":
                raise CrawlStopped(f"{host}: {fault.text}")
            if fault.meaning == "skip":
                raise QuerySkipped(f"{host}: {fault.text}")
            if fault.wait_s is None:
                attempt += 1
                wait_s = pause_s(attempt)
            else:  # the site asks for patience, and gets it: the replicas of a wiki lag for minutes
                times, wait_s = times + 1, max(fault.wait_s, pause_s(1))
                waited_s += wait_s
            if attempt > self.retries or times > PATIENCE_TIMES or waited_s > PATIENCE_S:
                raise ListingFailed(f"{host}: {fault.text} ({attempt + times} times)")
            await sleep(wait_s)

    async def _answer(self, url: str) -> tuple[Answer | None, str | None]:
        host = urlsplit(url).hostname
        try:
            meta = {KIND: "api", "download_maxsize": ANSWER_MAX_BYTES}
            response = await self.download(
                Request(url, headers={"Accept": "application/json"}, meta=meta, dont_filter=True)
            )
        except HostRefused as error:
            raise CrawlStopped(f"{host}: {error}") from error
        except TRANSIENT_ERRORS as error:
            raise ListingFailed(f"{host}: {type(error).__name__}") from error
        except (DownloadCancelledError, IgnoreRequest):  # their texts hold the address, which holds the key
            text = f"the answer is longer than {ANSWER_MAX_BYTES} bytes, or leads nowhere"
            raise ListingFailed(f"{host}: {text}") from None
        if response.status in TRANSIENT_STATUSES:
            raise ListingFailed(f"{host}: HTTP {response.status} again and again")
        if response.status != 200:
            text = " ".join(response.body[:200].decode("utf-8", "replace").split())
            raise CrawlStopped(f"{host}: the API answered HTTP {response.status}: {text}")
        header = response.headers.get(b"Retry-After")
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):  # not JSON, or brackets nested too deep
            return None, None
        return (answer if isinstance(answer, dict) else None), header.decode("latin-1") if header else None
