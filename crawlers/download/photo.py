"""Download one photo: a photo as its site lists it → its row, with its original published where it is let in.

The checks run in order of their cost: what the listing, the store and earlier refusals say comes first, and only then
is the file asked for, of which no more is transferred than the door needs (`crawlers.vetting.door`).
"""

import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from corpus.errors import StorageError
from corpus.records import original_path
from corpus.storage import Store
from crawlers.download.fetcher import Fetcher, OriginalFailed, Rejected
from crawlers.download.known_originals import KnownOriginals
from crawlers.network.concurrency import in_thread
from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto, Row, failed, refused, stored
from crawlers.windows.refused_pictures import RefusedPictures
from crawlers.windows.refused_uploads import RefusedUploads
from forensics.errors import JpegError
from forensics.header import read_facts

PHOTOS_AHEAD = 2
"""Photos in work beyond the downloads that a site allows at once: they are written while the next ones arrive, and each
is held in memory."""


@dataclass
class PhotoDownloader:
    """Downloads photos from a site."""

    store: Store
    originals: KnownOriginals
    fetcher: Fetcher
    refused_uploads: RefusedUploads | None
    pictures: RefusedPictures
    counts: Counter[str]

    async def download(self, listed: ListedPhoto) -> Row:
        """Return the row of one photo."""
        if listed.error:
            return failed(listed, listed.error, is_transient=False)
        if listed.reasons:
            return refused(listed, Refused(listed.reasons))
        if listed.version is None or listed.original_url is None:
            return failed(listed, "the site names no file", is_transient=False)
        path = original_path(listed.photo, listed.version)
        if (row := await in_thread(self._known_row, listed, path)) is not None:
            self.counts["already_known"] += 1
            return row
        if too_large := self.fetcher.door.too_large(listed.size_bytes):
            return refused(listed, too_large)
        try:
            for fetch in (self.fetcher.fetch, self.fetcher.fetch_whole):  # where it differs, once more and in one piece
                fetched = await fetch(listed)
                if isinstance(fetched, Rejected):
                    await in_thread(self.pictures.keep, listed, fetched.verdict, fetched.beginning)
                    return refused(listed, fetched.verdict, fetched.size_bytes)
                difference = await in_thread(differs, listed, fetched)
                if difference is None:
                    self.counts["bytes"] += len(fetched)
                    return await in_thread(self._publish, listed, path, fetched)
        except OriginalFailed as error:
            return failed(listed, str(error), error.http_status, is_transient=error.is_transient)
        return failed(listed, str(difference), is_transient=True)  # the site may have replaced the file since

    def _known_row(self, listed: ListedPhoto, path: str) -> Row | None:
        """Return the row of an upload that is stored (by a crawl cut off, or for another query) or was refused."""
        if self.originals.has(path):
            with suppress(StorageError):  # it was removed since it was listed
                data = self.store.read(path)
                if listed.site_sha1 in (None, hashlib.sha1(data, usedforsecurity=False).hexdigest()):
                    return stored(listed, path, data)
                # other bytes lie there, put by a list or damaged: the file is fetched, and takes their place
        return self.refused_uploads.row(listed) if self.refused_uploads is not None else None

    def _publish(self, listed: ListedPhoto, path: str, data: bytes) -> Row:
        self.store.publish(path, data, keep_cached=False)
        self.originals.add(path)
        return stored(listed, path, data)


def differs(listed: ListedPhoto, data: bytes) -> str | None:
    """Return how a whole file differs from what its site states, None where they agree or it states nothing.

    Compares the size in bytes, the SHA-1, and the picture's width and height, in either orientation, since some sites
    state them turned as EXIF says. Bytes that are no JPEG have no width; other checks refuse them. A difference does
    not refuse the photo: the site may have replaced the file since it listed it, or have served another.
    """
    if listed.size_bytes is not None and listed.size_bytes != len(data):
        return f"the site states {listed.size_bytes} bytes and served {len(data)}"
    if listed.site_sha1 is not None:
        digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        if listed.site_sha1.lower() != digest:
            return f"the site states SHA-1 {listed.site_sha1} and served {digest}"
    if not (listed.site_width_px and listed.site_height_px):
        return None
    try:
        facts = read_facts(data, whole=False)
    except JpegError:
        return None
    if sorted((listed.site_width_px, listed.site_height_px)) == sorted((facts.width_px, facts.height_px)):
        return None
    stated = f"{listed.site_width_px}×{listed.site_height_px}"
    return f"the site states {stated} pixels and served {facts.width_px}×{facts.height_px}"
