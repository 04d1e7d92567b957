"""Refused pictures: keeps the EXIF thumbnails of a few photos that the door refused, so that the report can show them.

The crawl keeps no bytes of refused photos. Of each source and reason, PICTURES thumbnails are kept, without metadata:
those of the photos whose keys have the smallest digests, a random choice that is the same in whatever order photos are
met. A forgotten photo's is removed with it (`remove_pictures`).
"""

import base64
import threading
from collections.abc import Collection

from corpus.records import REFUSED_PICTURES, refused_picture_name
from corpus.storage import Store
from crawlers.vetting.door import Refused
from crawlers.windows.records import ListedPhoto
from forensics.header import embedded_thumbnail

PICTURES = 6
"""As many as the report shows of a reason."""
PICTURE_MAX_BYTES = 32 << 10
"""A larger thumbnail is left out; usual ones have 5 to 15 kB."""


class RefusedPictures:
    """The thumbnails of one source's refused photos; may be used by several threads, and beside other processes."""

    def __init__(self, store: Store, source: str) -> None:
        self.store, self.folder = store, f"{REFUSED_PICTURES}/{source}"
        self._names: dict[str, set[str]] = {}  # by reason
        self._lock = threading.Lock()

    def keep(self, listed: ListedPhoto, verdict: Refused, data: bytes) -> None:
        """Keep the thumbnail of a refused photo, if it belongs to the choice; `data`: the file, or its header."""
        if verdict.facts is None or not verdict.facts.thumbnail_bytes:
            return
        name = refused_picture_name(listed.photo)
        with self._lock:
            wanted = [reason for reason in verdict.reasons if self._is_wanted(reason, name)]
            picture = embedded_thumbnail(data) if wanted else None
            if picture is None or len(picture) > PICTURE_MAX_BYTES:
                return
            value = {"photo": listed.photo, "version": listed.version, "jpeg": base64.b64encode(picture).decode()}
            for reason in wanted:
                self._replace(reason, name, value)

    def _replace(self, reason: str, name: str, value: dict[str, str | None]) -> None:
        """Publish a thumbnail in the place of the one that no longer belongs to the choice.

        That one is removed first: a crawl that is killed in between meets the new photo again, not the old one.
        """
        del self._names[reason]  # another process may have changed them
        if self._is_wanted(reason, name):
            for surplus in sorted({*self._names[reason], name})[PICTURES:]:
                self.store.remove(f"{self.folder}/{reason}/{surplus}")
                self._names[reason].discard(surplus)
            self.store.publish_json(f"{self.folder}/{reason}/{name}", value)
            self._names[reason].add(name)

    def _is_wanted(self, reason: str, name: str) -> bool:
        if reason not in self._names:
            self._names[reason] = set(self.store.names(f"{self.folder}/{reason}"))
        chosen = sorted(self._names[reason])[:PICTURES]
        return name not in chosen and (len(chosen) < PICTURES or name < chosen[-1])


def remove_pictures(store: Store, photos: Collection[str]) -> None:
    """Remove the thumbnails of photos, whatever they were refused for."""
    wanted = {refused_picture_name(photo) for photo in photos}
    for source in store.names(REFUSED_PICTURES) if wanted else ():
        for reason in store.names(f"{REFUSED_PICTURES}/{source}"):
            folder = f"{REFUSED_PICTURES}/{source}/{reason}"
            for name in wanted.intersection(store.names(folder)):
                store.remove(f"{folder}/{name}")
