"""Obtaining: one photo as its site lists it in; its row out, its original published where it may come in.

The order is that of the cost: what the takedown list, the listing, the store and earlier refusals say comes first, and
only then is the file asked for, of which the door lets as little come as it needs.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

from corpus.records import original_path
from corpus.storage import Store
from corpus.takedowns import forgotten_row
from crawlers.download.fetcher import Fetcher, Original, OriginalFailed, Rejected
from crawlers.network.concurrency import in_thread
from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, failed, refused, stored
from crawlers.windows.refused_uploads import RefusedUploads
from forensics.errors import JpegError
from forensics.header import read_facts

Row = dict[str, Any]

PHOTOS_AHEAD = 2
"""Photos in work beyond the downloads a site allows at once: they are written while the next ones come, and each is
held in memory."""


class Obtaining(Protocol):
    """What turns photos into rows."""

    at_once: int
    """Photos in work at the same time."""

    async def obtain(self, found: ListedPhoto, *, is_forgotten: bool) -> Row:
        """Return what becomes of one photo."""

    def note(self, window: str, rows: list[Row]) -> None:
        """Learn from a window that is now whole."""


@dataclass
class Downloading:
    """Obtains photos from a site."""

    store: Store
    fetcher: Fetcher
    known: RefusedUploads | None
    counts: Counter[str]
    at_once: int

    async def obtain(self, found: ListedPhoto, *, is_forgotten: bool) -> Row:
        """Return what becomes of one photo."""
        if is_forgotten:
            return forgotten_row(vars(found))
        if found.error:
            return failed(found, found.error, is_transient=False)
        if found.reasons:
            return refused(found, Refused(found.reasons))
        if found.version is None or found.original_url is None:
            return failed(found, "the site names no file", is_transient=False)
        path = original_path(found.photo, found.version)
        if (row := await in_thread(self._known, found, path)) is not None:
            self.counts["already_known"] += 1
            return row
        if too_large := self.fetcher.door.too_large(found.size_bytes):
            return refused(found, too_large)
        try:
            fetched = await self.fetcher.fetch(found)
            difference = await in_thread(differs, found, fetched.data) if isinstance(fetched, Original) else None
            if difference is not None:
                fetched = await self.fetcher.fetch_whole(found)  # once more, and in one piece
                difference = await in_thread(differs, found, fetched.data) if isinstance(fetched, Original) else None
        except OriginalFailed as error:
            return failed(found, str(error), error.http_status, is_transient=error.is_transient)
        if isinstance(fetched, Rejected):
            return refused(found, fetched.verdict, fetched.size_bytes)
        if difference is not None:  # the site may have replaced the file since it was listed
            return failed(found, difference, is_transient=True)
        self.counts["bytes"] += len(fetched.data)
        return await in_thread(self._keep, found, path, fetched.data)

    def note(self, window: str, rows: list[Row]) -> None:
        """Learn from a window that is now whole."""
        if self.known is not None:
            self.known.note(window, rows)

    def _known(self, found: ListedPhoto, path: str) -> Row | None:
        """Return the row of an upload that is stored (by a crawl that was cut off, or another query) or was refused."""
        if self.store.exists(path):
            return stored(found, path, self.store.read(path))
        return self.known.row(found) if self.known is not None else None

    def _keep(self, found: ListedPhoto, path: str, data: bytes) -> Row:
        self.store.publish(path, data, keep_cached=False)
        return stored(found, path, data)


def differs(found: ListedPhoto, data: bytes) -> str | None:
    """Return how a whole file differs from what its site states, None where they agree or it states nothing.

    Compared are its size in bytes, its SHA-1, and its picture's width and height: in either orientation, as some
    sites state them turned as EXIF says. Bytes that are no JPEG have no width, and are others' to refuse.
    """
    if found.size_bytes is not None and found.size_bytes != len(data):
        return f"the site states {found.size_bytes} bytes and served {len(data)}"
    if found.site_sha1 is not None:
        digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        if found.site_sha1.lower() != digest:
            return f"the site states SHA-1 {found.site_sha1} and served {digest}"
    if found.site_width_px and found.site_height_px:
        return _differs_in_size(found.site_width_px, found.site_height_px, data)
    return None


def _differs_in_size(width_px: int, height_px: int, data: bytes) -> str | None:
    try:
        facts = read_facts(data, whole=False)
    except JpegError:
        return None
    if sorted((width_px, height_px)) == sorted((facts.width_px, facts.height_px)):
        return None
    return f"the site states {width_px}×{height_px} pixels and served {facts.width_px}×{facts.height_px}"
