"""Originals: a photo whose site names a file in; the file's bytes exactly as served out, or why not.

There are two ways, and a photo's row is the same by both. Where the door refuses many, a first range holds the header
and the door says whether the rest is asked for. Where it refuses few, the whole file is asked for at once, and the
answer is stopped should the door refuse; so are answers of servers that do not honour ranges. Ranges are joined only
when the server says that they are of one and the same file (If-Range, RFC 9110 §13.1.5).
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

LANE_DECISIONS = 50
"""Photos of one camera's query that tell how many of the next are refused: queries differ, and change slowly."""
WHOLE_BELOW = 0.10
"""Share refused below which files are asked for whole: a second request costs a round trip, some 0.1 s or as much as
400 KB of a fast connection; an answer stopped too late costs about as much, but only for photos that are refused."""
SMALL_HEADERS = 2
"""A file of at most so many first ranges is asked for whole: there is nothing to save."""
PARTS_MAX = 8
"""Ranges of one file, at most: a server that hands out less than asked for each time is asked for the whole."""
ERROR_MAX_CHARACTERS = 500
LOOKED_AT_BYTES = 512
NOT_IN_TEXT = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b")
UTF_16_STARTS = (b"\xff\xfe", b"\xfe\xff")
FINAL_STATUSES = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
"""What says that there is no such file. With others (401, 403, 418 …) hosts refuse a machine, for a day or so."""


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
        super().__init__(error[:ERROR_MAX_CHARACTERS])
        self.http_status = http_status
        self.is_transient = is_transient


class _Changed(Exception):  # noqa: N818 - turns the walk through ranges into one request for all
    """The ranges do not belong together, or the server cannot say."""


def _lanes() -> defaultdict[str, deque[bool]]:
    return defaultdict(lambda: deque(maxlen=LANE_DECISIONS))


@dataclass(frozen=True)
class Fetcher:
    """Fetches originals through `download`, asking `door`; `header_bytes` is the length of the first range."""

    download: Callable[[Request], Awaitable[Response]]
    door: Door
    header_bytes: int
    lanes: defaultdict[str, deque[bool]] = field(default_factory=_lanes)
    """By the camera claimed: whether each of the latest photos was refused."""

    async def fetch(self, found: ListedPhoto) -> Original | Rejected:
        """Return a file's bytes, or why the door refused it; raises OriginalFailed."""
        try:
            fetched = await (self.fetch_whole(found) if self.asks_whole(found) else self._in_ranges(found))
        except _Changed:
            fetched = await self.fetch_whole(found)
        self.lanes[found.claimed_camera or ""].append(isinstance(fetched, Rejected))
        return fetched

    async def fetch_whole(self, found: ListedPhoto) -> Original | Rejected:
        """Do the same by a single request for the whole file."""
        return self._of_whole(found, *await self._get(found))

    def asks_whole(self, found: ListedPhoto) -> bool:
        """Whether one request for the whole file is the cheaper way for this photo."""
        if found.size_bytes is not None and found.size_bytes <= SMALL_HEADERS * self.header_bytes:
            return True
        refused = self.lanes[found.claimed_camera or ""]
        # one refused and one accepted counted beforehand, so that the first few photos do not settle it
        return (sum(refused) + 1) / (len(refused) + 2) < WHOLE_BELOW

    async def _in_ranges(self, found: ListedPhoto) -> Original | Rejected:
        parts: list[bytes] = []
        has_bytes, wanted_bytes = 0, self.header_bytes
        validator: dict[str, str] = {}
        verdict: Verdict | None = None
        for _ in range(PARTS_MAX):
            response, transfer = await self._get(found, Span(has_bytes, wanted_bytes - 1), validator)
            if response.status == HTTPStatus.OK:
                return self._of_whole(found, response, transfer)
            part, first = transfer.part, not parts
            if part is None or transfer.is_misfit or len(response.body) != part.span.size_bytes:
                raise _Changed
            if first:
                total_bytes, validator = part.total_bytes, _validator(response)
                if too_large := self.door.too_large(total_bytes):
                    return Rejected(too_large, total_bytes)
            elif part.total_bytes != total_bytes or _validator(response) != validator:
                raise _Changed
            parts.append(response.body)
            has_bytes += len(response.body)
            if not isinstance(verdict, Accepted):
                verdict = self._decide(b"".join(parts), whole=False)
                if isinstance(verdict, Refused):
                    return self._rejected(verdict, parts[0], total_bytes)
            if has_bytes == total_bytes:
                return self._whole_file(found, b"".join(parts), verdict, total_bytes)
            if not validator:  # nothing would tell that the next range is of the same file
                raise _Changed
            if isinstance(verdict, MoreNeeded):
                wanted_bytes = min(max(2 * has_bytes, verdict.needed_bytes), total_bytes)
            else:
                wanted_bytes = total_bytes
        raise _Changed

    def _of_whole(self, found: ListedPhoto, response: Response, transfer: Transfer) -> Original | Rejected:
        verdict, announced_bytes = transfer.verdict, transfer.announced_bytes
        if verdict is None or isinstance(verdict, MoreNeeded):
            verdict = self._decide(response.body, whole=False)
        if isinstance(verdict, Refused):
            return self._rejected(verdict, response.body, announced_bytes)
        return self._whole_file(found, response.body, verdict, announced_bytes)

    def _whole_file(
        self, found: ListedPhoto, data: bytes, header: Accepted | MoreNeeded, announced_bytes: int | None
    ) -> Original | Rejected:
        """Judge a file that is there as a whole; `header`: what the door said of its beginning."""
        verdict = self.door.decide_end(header, data) if isinstance(header, Accepted) else self._decide(data, whole=True)
        if not isinstance(verdict, Refused):
            return Original(data)
        if "truncated" in verdict.reasons and announced_bytes is None and len(data) != found.size_bytes:
            text = "the file ends before its picture does, and nobody said how long it is"
            raise OriginalFailed(text, HTTPStatus.OK, is_transient=True)
        return self._rejected(verdict, data, len(data))

    def _rejected(self, verdict: Refused, data: bytes, size_bytes: int | None) -> Rejected:
        """Return a refusal; raises OriginalFailed for a site's page in the place of a file."""
        if "not_jpeg" in verdict.reasons and (page := page_instead(data)):
            raise OriginalFailed(f"{page} instead of the file", HTTPStatus.OK, is_transient=True)
        return Rejected(verdict, size_bytes)

    def _decide(self, data: bytes, *, whole: bool) -> Verdict:
        try:
            return self.door.decide(data, whole=whole)
        except ConfigurationError as error:  # mended in the catalogue, not here; the other photos go on
            raise OriginalFailed(str(error), is_transient=True) from error

    async def _get(
        self, found: ListedPhoto, span: Span | None = None, validator: dict[str, str] | None = None
    ) -> tuple[Response, Transfer]:
        """Return the answer 200, or to a range 206; raises OriginalFailed for all else, _Changed for 416."""
        url, transfer = found.original_url or "", Transfer(self.door, span)
        headers = {"Accept-Encoding": "identity", **(validator or {})}  # packed, it would be another file by its ranges
        if span is not None:
            headers["Range"] = f"bytes={span.first}-{span.last}"
        try:
            request = Request(url, headers=headers, meta={KIND: "file", TRANSFER: transfer}, dont_filter=True)
            response = await self.download(request)
        except HostRefused as error:
            raise OriginalFailed(str(error), is_transient=True) from error  # the source's `hosts` may yet name it
        except ShutterprintError:  # this machine's fault, not the photo's: the window stays open
            raise
        except TRANSIENT_ERRORS as error:
            raise OriginalFailed(f"{type(error).__name__} from {urlsplit(url).hostname}", is_transient=True) from error
        # whatever else cannot be done with an address (it has no scheme, it redirects forever): the photo's row says so
        except Exception as error:
            raise OriginalFailed(f"{type(error).__name__}: {error}", is_transient=False) from error
        if span is not None and response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _Changed
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
    """Return the header that makes the server send the next range only of the same file; none where it has none."""
    tag = response.headers.get(b"ETag")
    if tag and not tag.startswith(b"W/"):  # a weak tag may not be used for ranges
        return {"If-Range": tag.decode("latin-1")}
    modified = response.headers.get(b"Last-Modified")
    return {"If-Range": modified.decode("latin-1")} if modified else {}


def page_instead(data: bytes) -> str | None:
    """Return in words what came instead of a picture; None where it is bytes of another kind."""
    if not data:
        return "an empty answer"
    start = data[:LOOKED_AT_BYTES]
    if not start.startswith(UTF_16_STARTS) and not NOT_IN_TEXT.isdisjoint(start):
        return None
    what = describe_foreign(start)
    return {"an HTML page": what, "XML or HTML text": "an HTML or XML page"}.get(what, "a text")
