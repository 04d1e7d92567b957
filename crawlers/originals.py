"""Originals: the address of a file in, its bytes exactly as served out, or why not.

The first range holds the header; the door says whether the rest is asked for. A server that does not honour
ranges sends everything: its answer is stopped as soon as the door refuses. Ranges are joined only when the server
says that they are of one and the same file (If-Range, RFC 9110 §13.1.5).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from crawlers.door import Door, MoreNeeded, Refused, Transfer
from crawlers.hosts import HostRefused
from crawlers.politeness import TRANSIENT_ERRORS, TRANSIENT_STATUSES

TRANSFER = "transfer"
"""Key of a request's meta: its `Transfer`, fed by the spider as the bytes arrive."""


@dataclass(frozen=True)
class Original:
    """A whole file, as served."""

    data: bytes


@dataclass(frozen=True)
class Rejected:
    """A file the door refused; `size_bytes` of the whole file where the server said."""

    verdict: Refused
    size_bytes: int | None


class OriginalFailed(Exception):  # noqa: N818 - an outcome of one photo, turned into its row
    """A file that could not be had; transient where a later attempt may succeed."""

    def __init__(self, error: str, http_status: int | None = None, *, is_transient: bool) -> None:
        super().__init__(error)
        self.http_status = http_status
        self.is_transient = is_transient


class _Changed(Exception):  # noqa: N818 - turns the walk through ranges into one request for all
    """The ranges do not belong together, or the server cannot say."""


@dataclass(frozen=True)
class Range:
    """What a 206 answer says it holds (RFC 9110 §14.4)."""

    start: int
    total_bytes: int


@dataclass(frozen=True)
class Fetcher:
    """Fetches originals through `download`, asking `door`."""

    download: Callable[[Request], Awaitable[Response]]
    door: Door
    header_bytes: int

    async def fetch(self, url: str) -> Original | Rejected:
        """Return a file's bytes, or why the door refused it; raises OriginalFailed."""
        try:
            return await self._in_ranges(url)
        except _Changed:
            return self._whole(await self._get(url))

    async def fetch_whole(self, url: str) -> Original | Rejected:
        """Do the same by a single request for the whole file."""
        return self._whole(await self._get(url))

    async def _in_ranges(self, url: str) -> Original | Rejected:
        data, asked_bytes, total_bytes = b"", self.header_bytes, None
        headers: dict[str, str] = {}
        is_accepted = False
        while True:
            response = await self._get(url, {"Range": f"bytes={len(data)}-{asked_bytes - 1}"} | headers)
            if response.status == HTTPStatus.OK:
                return self._whole(response)
            part = _content_range(response)
            if part is None or part.start != len(data) or total_bytes not in (None, part.total_bytes):
                raise _Changed
            if not response.body:
                raise OriginalFailed("the server sent an empty range", response.status, is_transient=True)
            data, total_bytes = data + response.body, part.total_bytes
            if refused := self.door.too_large(total_bytes):
                return Rejected(refused, total_bytes)
            if len(data) > total_bytes:
                raise _Changed
            is_whole = len(data) == total_bytes
            if not is_accepted:
                verdict = self.door.decide(data, whole=is_whole)
                if isinstance(verdict, Refused):
                    return Rejected(verdict, total_bytes)
                is_accepted = not isinstance(verdict, MoreNeeded)
                if isinstance(verdict, MoreNeeded):
                    asked_bytes = max(2 * len(data), verdict.needed_bytes)
            if is_whole:
                return Original(data)
            if is_accepted or asked_bytes > total_bytes:
                asked_bytes = total_bytes
            headers = _same_file(response)

    def _whole(self, response: Response) -> Original | Rejected:
        if response.status != HTTPStatus.OK:
            raise _failure(response)
        transfer: Transfer = response.meta[TRANSFER]
        announced = response.headers.get(b"Content-Length")
        size_bytes = int(announced) if announced and announced.isdigit() else None
        if isinstance(transfer.verdict, Refused):
            return Rejected(transfer.verdict, size_bytes)
        verdict = self.door.too_large(len(response.body)) or self.door.decide(response.body, whole=True)
        if isinstance(verdict, Refused):
            return Rejected(verdict, len(response.body))
        return Original(response.body)

    async def _get(self, url: str, headers: dict[str, str] | None = None) -> Response:
        """Return the answer 200 or 206, or 416 to a range; raises OriginalFailed for all else."""
        try:
            request = Request(
                url,
                # identity: a file squeezed on the way would be another file by its ranges
                headers={"Accept-Encoding": "identity"} | (headers or {}),
                meta={TRANSFER: Transfer(self.door)},
                dont_filter=True,
            )
            response = await self.download(request)
        except HostRefused as error:
            raise OriginalFailed(str(error), is_transient=False) from error
        except TRANSIENT_ERRORS as error:
            raise OriginalFailed(f"{type(error).__name__} from {urlsplit(url).hostname}", is_transient=True) from error
        # whatever else cannot be done with an address (it has no scheme, it redirects forever): the photo's row says so
        except Exception as error:
            raise OriginalFailed(f"{type(error).__name__}: {error}", is_transient=False) from error
        if headers and response.status in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            return response
        if response.status != HTTPStatus.OK:
            raise _failure(response)
        return response


def _failure(response: Response) -> OriginalFailed:
    phrase = next((status.phrase for status in HTTPStatus if status == response.status), "unknown status")
    text = f"HTTP {response.status} ({phrase}) from {urlsplit(response.url).hostname}"
    return OriginalFailed(text, response.status, is_transient=response.status in TRANSIENT_STATUSES)


def _content_range(response: Response) -> Range | None:
    header = (response.headers.get(b"Content-Range") or b"").decode("latin-1")
    match = re.fullmatch(r"\s*bytes\s+(\d+)-(\d+)/(\d+)\s*", header)
    return Range(int(match[1]), int(match[3])) if match else None


def _same_file(response: Response) -> dict[str, Any]:
    """Return the header that makes the server send the next range only of the same file."""
    tag = response.headers.get(b"ETag")
    if tag and not tag.startswith(b"W/"):  # a weak tag may not be used for ranges
        return {"If-Range": tag.decode("latin-1")}
    modified = response.headers.get(b"Last-Modified")
    return {"If-Range": modified.decode("latin-1")} if modified else {}
