"""Decide, while a response arrives piece by piece, whether to stop it and why. Pure.

A server may send anything, of any length, whatever was asked for; a transfer decides how much of it is received. It
keeps bytes only until the door has decided, so that a file that is let in costs no second copy.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from scrapy.http import Headers

from corpus.errors import ConfigurationError
from crawlers.vetting.door import JPEG_START, Accepted, Door, MoreNeeded, Refused, Verdict

FOREIGN_MAX_BYTES = 4096
"""How much is received of what is no JPEG: enough to tell a page from a picture. Most error pages are shorter, and a
response that is stopped costs its connection."""

HEADER_GROWTH = 1.25  # a reading begins at the header's start, so the next one waits for this many times as much


class Span(NamedTuple):
    """A range of a file's bytes as HTTP counts them, `last` included (RFC 9110 §14.1.2)."""

    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return self.last - self.first + 1


class ContentRange(NamedTuple):
    """The span that a 206 response says it holds, and the size of the whole file (RFC 9110 §14.4)."""

    span: Span
    total_bytes: int


class Trouble(NamedTuple):
    """Why a transfer was stopped for no fault of the photo, and whether a later attempt may succeed."""

    text: str
    is_transient: bool


@dataclass
class Transfer:
    """One response: `begin` takes its headers, `receive` its bytes; both return True where it is to be stopped.

    `asked`: the range asked for, None for the whole file.
    """

    door: Door
    asked: Span | None = None
    part: ContentRange | None = field(default=None, init=False)  # range that the response says it holds
    is_misfit: bool = field(default=False, init=False)  # whether that is a range that was not asked for
    announced_bytes: int | None = field(default=None, init=False)  # size of the whole file, where the server states it
    verdict: Verdict | None = field(default=None, init=False)
    trouble: Trouble | None = field(default=None, init=False)
    _head: bytearray = field(default_factory=bytearray, init=False)
    received_bytes: int = field(default=0, init=False)
    _decides_at_bytes: int = field(default=len(JPEG_START), init=False)

    def begin(self, headers: Headers, body_length: object) -> bool:
        """Take a response's headers and forget an earlier attempt; `body_length` in bytes, no int where unknown."""
        self.part, self.is_misfit, self.announced_bytes, self.verdict, self.trouble = None, False, None, None, None
        self._head, self.received_bytes, self._decides_at_bytes = bytearray(), 0, len(JPEG_START)
        length = body_length if isinstance(body_length, int) else None
        if (headers.get(b"Content-Encoding") or b"identity").strip().lower() != b"identity":
            # a few compressed bytes may be gigabytes; and ranges of a compressed file are not those of the file
            self.trouble = Trouble("the file came compressed though asked not to be", is_transient=False)
            return True
        if self.asked is not None and (part := content_range(headers)) is not None:
            self.part, self.announced_bytes = part, part.total_bytes
            self.is_misfit = (
                part.span.first != self.asked.first
                or part.span.last > self.asked.last
                or length not in (None, part.span.size_bytes)
            )
            return self.is_misfit
        self.announced_bytes = length
        self.verdict = self.door.too_large(length)
        return self.verdict is not None

    def receive(self, data: bytes) -> bool:
        """Take the next bytes."""
        self.received_bytes += len(data)
        if self.part is not None:
            self.is_misfit = self.received_bytes > self.part.span.size_bytes
            return self.is_misfit
        if too_large := self.door.too_large(self.received_bytes):
            self.verdict = too_large
            return True
        if isinstance(self.verdict, Accepted):
            return False
        self._head += data
        if not self._head.startswith(JPEG_START):
            return len(self._head) >= FOREIGN_MAX_BYTES
        if len(self._head) >= self._decides_at_bytes:
            self._decide()
        return self.trouble is not None or isinstance(self.verdict, Refused)

    def _decide(self) -> None:
        try:
            self.verdict = self.door.decide(bytes(self._head), whole=False)
        except ConfigurationError as error:
            self.trouble = Trouble(str(error), is_transient=True)
        if isinstance(self.verdict, MoreNeeded):
            self._decides_at_bytes = max(self.verdict.needed_bytes, int(HEADER_GROWTH * len(self._head)))
        else:
            self._head = bytearray()


def content_range(headers: Headers) -> ContentRange | None:
    """Return what a Content-Range header says; None where it is missing, makes no sense or leaves out the size."""
    header = (headers.get(b"Content-Range") or b"").decode("latin-1")
    # no size has more digits, and Python refuses to parse very long ones
    match = re.fullmatch(r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18})\s*", header, re.ASCII | re.IGNORECASE)
    if match is None:
        return None
    first, last, total_bytes = (int(number) for number in match.groups())
    return ContentRange(Span(first, last), total_bytes) if first <= last < total_bytes else None
