"""Originals of a manifest: a listed photo → its row, with its original stored if it has the bytes that are listed.

The SHA-256 decides, not the rules: the manifest's author has judged the photograph, and curation here will again. Only
files of lists without verdicts pass the door as any other source's do. No more of a file is received than the list says
that it has. Asked of a mirror, a photograph that the mirror lacks stays open, since its site may have it.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from corpus.errors import StorageError
from corpus.records import original_path, version_of
from corpus.storage import Store
from crawlers.download.fetcher import FINAL_STATUSES, Fetcher, OriginalFailed, Rejected
from crawlers.download.known_originals import KnownOriginals
from crawlers.network.concurrency import in_thread
from crawlers.vetting.door import JPEG_START, Accepted, Door, Refused, Verdict
from crawlers.windows.records import ListedPhoto, Row, failed, gone, refused, stored
from crawlers.windows.refused_pictures import RefusedPictures
from forensics.photo_facts import facts_of_row

CHANGED = "changed_at_source"
WIKIMEDIA = "wikimedia"
_UNREAD = facts_of_row({"width_px": 0, "height_px": 0})


@dataclass(frozen=True)
class ManifestPhoto(ListedPhoto):
    """A photo as a manifest lists it."""

    wanted_sha256: str | None = None
    has_verdict: bool = False


@dataclass(frozen=True)
class OpenDoor(Door):
    """Lets in every JPEG: other things decide."""

    def decide(self, data: bytes, *, whole: bool, labelled_camera: str | None = None) -> Verdict:
        """Refuse what is no JPEG; ask nothing else."""
        return Accepted(_UNREAD) if data.startswith(JPEG_START) else Refused(("not_jpeg",))

    def decide_end(self, accepted: Accepted, data: bytes) -> Accepted | Refused:
        """Let it in."""
        return accepted


@dataclass
class ManifestDownloader:
    """Fetches the photographs of a manifest."""

    store: Store
    download: Callable[[Request], Awaitable[Response]]
    door: Door
    header_bytes: int
    mirror: str
    """Address of a mirror with `{sha256}` in it; empty: the sites are asked."""
    pictures: RefusedPictures
    counts: Counter[str]
    _originals: dict[str, KnownOriginals] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    async def row_of(self, listed: ListedPhoto) -> Row:
        """Return the row of one photo."""
        if not isinstance(listed, ManifestPhoto) or listed.version is None:
            raise TypeError(f"{listed.photo} is not of a manifest")
        path = original_path(listed.photo, listed.version)
        if (known := await in_thread(self._known, listed, path)) is not None:
            return known
        address = self._address(listed)
        if address is None:
            what = "the mirror is asked by SHA-256, which the list lacks" if self.mirror else "no site serves it"
            return failed(listed, f"{what}; crawl again with -a mirror=…", is_transient=True)
        asked = replace(listed, original_url=address)
        try:
            for _ in range(2):  # what differs is fetched once more: a connection may have broken unnoticed
                fetched = await self._fetched(asked)
                if isinstance(fetched, Rejected) and not self._is_of_bytes(listed, fetched):
                    await in_thread(self.pictures.keep, listed, fetched.verdict, fetched.beginning)
                    return refused(listed, fetched.verdict, fetched.size_bytes)
                difference = _difference(listed, fetched)  # by the listed address, not the mirror's
                if difference is None and isinstance(fetched, bytes):
                    self.counts["bytes"] += len(fetched)
                    return await in_thread(self._publish, listed, path, fetched)
        except OriginalFailed as error:
            if error.http_status in FINAL_STATUSES and not self.mirror:
                return gone(listed, str(error), error.http_status)
            return failed(listed, str(error), error.http_status, is_transient=error.is_transient or bool(self.mirror))
        if self.mirror:
            return failed(listed, f"the mirror: {difference}", HTTPStatus.OK, is_transient=True)
        return refused(listed, Refused((CHANGED,), error=difference))

    async def _fetched(self, asked: ManifestPhoto) -> bytes | Rejected:
        most_bytes = min(asked.size_bytes or self.door.original_max_bytes, self.door.original_max_bytes)
        if asked.has_verdict:
            kind = OpenDoor(self.door.catalogue, self.door.chosen, self.door.rules, most_bytes)
            return await Fetcher(self.download, kind, self.header_bytes).fetch_whole(asked)
        door = replace(self.door, original_max_bytes=most_bytes)
        return await Fetcher(self.download, door, self.header_bytes).fetch(asked)

    def _address(self, listed: ManifestPhoto) -> str | None:
        if not self.mirror:
            return listed.original_url
        return self.mirror.replace("{sha256}", listed.wanted_sha256) if listed.wanted_sha256 else None

    def _is_of_bytes(self, listed: ManifestPhoto, rejected: Rejected) -> bool:
        """Whether a refusal says that these are not the listed bytes, rather than that a rule objects."""
        if "too_large" in rejected.verdict.reasons:  # than the list says; else than this crawl takes
            return listed.size_bytes is not None
        return listed.has_verdict

    def _known(self, listed: ManifestPhoto, path: str) -> Row | None:
        """Return the row of an upload that is in the store, from this crawl or another one; None where it is not."""
        if not self._originals_like(path).has(path):
            return None
        try:
            data = self.store.read(path)
        except StorageError:  # it was removed since it was listed
            return None
        difference = _difference(listed, data)
        if difference is not None:
            return refused(listed, Refused((CHANGED,), error=f"in the store already: {difference}"))
        self.counts["already_known"] += 1
        return stored(listed, path, data)

    def _publish(self, listed: ManifestPhoto, path: str, data: bytes) -> Row:
        self.store.publish(path, data, keep_cached=False)
        self._originals_like(path).add(path)
        return stored(listed, path, data)

    def _originals_like(self, path: str) -> KnownOriginals:
        """Return the originals of the same source, which in an object store are listed once."""
        source = path.split("/")[1]
        with self._lock:
            return self._originals.setdefault(source, KnownOriginals(self.store, source))


def _difference(listed: ManifestPhoto, fetched: bytes | Rejected) -> str | None:
    """Return how a file differs from what is listed, None where it does not."""
    if isinstance(fetched, Rejected):
        found = f"{fetched.size_bytes:,} bytes" if fetched.size_bytes is not None else "another file"
        what = "too many" if "too_large" in fetched.verdict.reasons else "no JPEG"
        wanted = f"{listed.size_bytes:,} bytes of a JPEG" if listed.size_bytes is not None else "a JPEG"
        return f"{found} were served, {what}; listed: {wanted}"
    if listed.size_bytes is not None and len(fetched) != listed.size_bytes:
        return f"{listed.size_bytes:,} bytes are listed and {len(fetched):,} were served"
    if listed.wanted_sha256 is not None and (found := hashlib.sha256(fetched).hexdigest()) != listed.wanted_sha256:
        return f"SHA-256 {listed.wanted_sha256} is listed and {found} was served"
    if listed.source == WIKIMEDIA and listed.version not in _wikimedia_versions(listed, fetched):
        return f"version {listed.version} is listed, which is not made of the SHA-1 of what was served"
    return None


def _wikimedia_versions(listed: ManifestPhoto, data: bytes) -> list[str]:
    """Return the versions that `crawlers.sites.mediawiki` makes of a file: of its SHA-1, else of the path."""
    made_of = [hashlib.sha1(data, usedforsecurity=False).hexdigest()]
    if listed.original_url is not None:
        made_of.append(urlsplit(listed.original_url).path)
    return [version_of(identity) for identity in made_of]
