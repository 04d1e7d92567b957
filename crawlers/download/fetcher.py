"""Fetch the original of a photo: its bytes exactly as served, or the reasons why it is refused.

There are two ways, and both give a photo the same row. Where many photos of a camera are refused, a first range fetches
the header, and the door (`crawlers.vetting.door`) decides whether the rest is asked for. Where few are, the whole file
is asked for at once, and the response is stopped if the door refuses it; so are responses of servers that do not honour
ranges. Ranges are joined only where the server says that they belong to the same file (If-Range, RFC 9110 §13.1.5).
"""

from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from corpus.errors import ConfigurationError, ShutterprintError
from crawlers.download.transfer import Span, Transfer
from crawlers.network.hosts import HostRefused
from crawlers.network.politeness import KIND, TRANSFER, TRANSIENT_ERRORS
from crawlers.vetting.door import Accepted, Door, MoreNeeded, Refused, Verdict
from crawlers.windows.records import ListedPhoto
from forensics.jpeg.segments import describe_foreign

DECISIONS_KEPT = 50  # latest photos of a query, which tell how many of the next will be refused
WHOLE_BELOW = 0.10
"""Share refused below which files are asked for whole: a second request costs a round trip, some 0.1 s or as much as
400 KB of a fast connection; a response stopped too late costs about as much, but only for photos that are refused."""
SMALL_HEADERS = 2  # a file of at most this many first ranges is asked for whole: there is nothing to save
PARTS_MAX = 8  # ranges of one file; a server that sends less each time is asked for the whole file
ERROR_MAX_CHARACTERS = 500
PAGE_START_BYTES = 512  # how much of a response is looked at to tell whether it is a page
NOT_IN_TEXT = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")
UTF_16_STARTS = (b"\xff\xfe", b"\xfe\xff")
FINAL_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""These say that there is no such file. With others (401, 403, 418 …) hosts refuse a machine, for a day or so."""


@dataclass(frozen=True)
class Rejected:
    """A file that the door refused; `size_bytes` of the whole file where the server said; `beginning`: what came."""

    verdict: Refused
    size_bytes: int | None
    beginning: bytes = field(default=b"", repr=False, compare=False)


class OriginalFailed(Exception):  # noqa: N818 - an outcome of one photo, turned into its row
    """A file that could not be fetched; transient where a later attempt may succeed."""

    def __init__(self, error: str, http_status: int | None = None, *, is_transient: bool) -> None:
        super().__init__(error[:ERROR_MAX_CHARACTERS])
        self.http_status = http_status
        self.is_transient = is_transient


class _RangesUnusable(Exception):  # noqa: N818 - turns to one request for the whole file
    """The ranges do not belong together, or the server cannot say whether they do."""


@dataclass(frozen=True)
class Fetcher:
    """Fetches originals through `download` as far as `door` wants; `header_bytes` is the length of the first range."""

    download: Callable[[Request], Awaitable[Response]]
    door: Door
    header_bytes: int
    decisions: defaultdict[str, deque[bool]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=DECISIONS_KEPT))
    )
    """By claimed camera: whether each of the latest photos was refused."""

    async def fetch(self, listed: ListedPhoto) -> bytes | Rejected:
        """Return a file's bytes, or why the door refused it, in the cheaper way; raises OriginalFailed."""
        try:
            fetched = await (self.fetch_whole(listed) if self.asks_whole(listed) else self._in_ranges(listed))
        except _RangesUnusable:
            fetched = await self.fetch_whole(listed)
        self.decisions[listed.claimed_camera or ""].append(isinstance(fetched, Rejected))
        return fetched

    async def fetch_whole(self, listed: ListedPhoto) -> bytes | Rejected:
        """Do the same with a single request for the whole file."""
        return self._from_whole(listed, *await self._get(listed))

    def asks_whole(self, listed: ListedPhoto) -> bool:
        """Whether one request for the whole file is the cheaper way for this photo."""
        if listed.size_bytes is not None and listed.size_bytes <= SMALL_HEADERS * self.header_bytes:
            return True
        refused = self.decisions[listed.claimed_camera or ""]
        # one refused and one accepted photo are counted beforehand, so that the first few do not decide
        return (sum(refused) + 1) / (len(refused) + 2) < WHOLE_BELOW

    async def _in_ranges(self, listed: ListedPhoto) -> bytes | Rejected:
        parts: list[bytes] = []
        has_bytes, wanted_bytes = 0, self.header_bytes
        validator: dict[str, str] = {}
        verdict: Verdict | None = None
        for _ in range(PARTS_MAX):
            response, transfer = await self._get(listed, Span(has_bytes, wanted_bytes - 1), validator)
            if response.status == HTTPStatus.OK:
                return self._from_whole(listed, response, transfer)
            part, first = transfer.part, not parts
            if part is None or transfer.is_misfit or len(response.body) != part.span.size_bytes:
                raise _RangesUnusable
            if first:
                total_bytes, validator = part.total_bytes, _validator(response)
                if too_large := self.door.too_large(total_bytes):
                    return Rejected(too_large, total_bytes)
            elif part.total_bytes != total_bytes or _validator(response) != validator:
                raise _RangesUnusable
            parts.append(response.body)
            has_bytes += len(response.body)
            if not isinstance(verdict, Accepted):
                verdict = self._decide(b"".join(parts), whole=False)
                if isinstance(verdict, Refused):
                    return self._rejected(verdict, b"".join(parts), total_bytes)
            if has_bytes == total_bytes:
                return self._judged_whole(listed, b"".join(parts), verdict, total_bytes)
            if not validator:  # nothing would tell that the next range is of the same file
                raise _RangesUnusable
            if isinstance(verdict, MoreNeeded):
                wanted_bytes = min(max(2 * has_bytes, verdict.needed_bytes), total_bytes)
            else:
                wanted_bytes = total_bytes
        raise _RangesUnusable

    def _from_whole(self, listed: ListedPhoto, response: Response, transfer: Transfer) -> bytes | Rejected:
        verdict, announced_bytes = transfer.verdict, transfer.announced_bytes
        if verdict is None or isinstance(verdict, MoreNeeded):
            verdict = self._decide(response.body, whole=False)
        if isinstance(verdict, Refused):
            return self._rejected(verdict, response.body, announced_bytes)
        return self._judged_whole(listed, response.body, verdict, announced_bytes)

    def _judged_whole(
        self, listed: ListedPhoto, data: bytes, header: Accepted | MoreNeeded, announced_bytes: int | None
    ) -> bytes | Rejected:
        """Judge a file that has arrived whole; `header`: the door's verdict on its beginning."""
        verdict = self.door.decide_end(header, data) if isinstance(header, Accepted) else self._decide(data, whole=True)
        if not isinstance(verdict, Refused):
            return data
        if "truncated" in verdict.reasons and announced_bytes is None and len(data) != listed.size_bytes:
            text = "the file ends before its picture does, and nobody said how long it is"
            raise OriginalFailed(text, HTTPStatus.OK, is_transient=True)
        return self._rejected(verdict, data, len(data))

    def _rejected(self, verdict: Refused, data: bytes, size_bytes: int | None) -> Rejected:
        """Return a refusal; raises OriginalFailed where the server sent a page instead of the file."""
        if "not_jpeg" in verdict.reasons and (page := page_instead(data)):
            raise OriginalFailed(f"{page} instead of the file", HTTPStatus.OK, is_transient=True)
        return Rejected(verdict, size_bytes, data)

    def _decide(self, data: bytes, *, whole: bool) -> Verdict:
        try:
            return self.door.decide(data, whole=whole)
        except ConfigurationError as error:  # to be corrected in the catalogue; the other photos go on
            raise OriginalFailed(str(error), is_transient=True) from error

    async def _get(
        self, listed: ListedPhoto, span: Span | None = None, validator: dict[str, str] | None = None
    ) -> tuple[Response, Transfer]:
        """Return a response with status 200, or 206 to a range; raises _RangesUnusable for 416, else OriginalFailed."""
        url, transfer = listed.original_url or "", Transfer(self.door, span)
        headers = {"Accept-Encoding": "identity", **(validator or {})}  # ranges of a compressed file are not the file's
        if span is not None:
            headers["Range"] = f"bytes={span.first}-{span.last}"
        try:
            request = Request(url, headers=headers, meta={KIND: "file", TRANSFER: transfer}, dont_filter=True)
            response = await self.download(request)
        except HostRefused as error:  # the source's `hosts` may name it in a later crawl
            raise OriginalFailed(str(error), is_transient=True) from error
        except ShutterprintError:  # a fault of this machine, not of the photo: the window stays open
            raise
        except TRANSIENT_ERRORS as error:
            raise OriginalFailed(f"{type(error).__name__} from {urlsplit(url).hostname}", is_transient=True) from error
        # an address may be unusable in other ways (it has no scheme, it redirects forever): the photo's row says so
        except Exception as error:
            raise OriginalFailed(f"{type(error).__name__}: {error}", is_transient=False) from error
        if span is not None and response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _RangesUnusable
        if response.status != HTTPStatus.OK and not (span and response.status == HTTPStatus.PARTIAL_CONTENT):
            raise _failure(response)
        if transfer.trouble is not None:
            raise OriginalFailed(transfer.trouble.text, response.status, is_transient=transfer.trouble.is_transient)
        return response, transfer


def _failure(response: Response) -> OriginalFailed:
    phrase = next((status.phrase for status in HTTPStatus if status == response.status), "unknown status")
    text = f"HTTP {response.status} ({phrase}) from {urlsplit(response.url).hostname}"
    is_transient = response.status >= HTTPStatus.BAD_REQUEST and response.status not in FINAL_STATUSES
    return OriginalFailed(text, response.status, is_transient=is_transient)


def _validator(response: Response) -> dict[str, str]:
    """Return the header that makes the server send the next range only if it is of the same file; {} without one."""
    tag = response.headers.get(b"ETag")
    if tag and not tag.startswith(b"W/"):  # a weak tag may not be used for ranges
        return {"If-Range": tag.decode("latin-1")}
    modified = response.headers.get(b"Last-Modified")
    return {"If-Range": modified.decode("latin-1")} if modified else {}


def page_instead(data: bytes) -> str | None:
    """Return in words what a server sent instead of a picture; None for bytes of another kind.

    A picture of another kind is the photo's own and refuses it. A page, a text or nothing at all is what a server, or
    something on the way, answers when it cannot give the file, whatever status it says; the file itself may come later.
    """
    if not data:
        return "an empty answer"
    start = data[:PAGE_START_BYTES]
    if not start.startswith(UTF_16_STARTS) and not NOT_IN_TEXT.isdisjoint(start):
        return None
    what = describe_foreign(start)
    return {"an HTML page": what, "XML or HTML text": "an HTML or XML page"}.get(what, "a text")
