"""Ingest one existing file: its path → its row, with its original in the store where it is let in.

The layout (`crawlers.folder.layouts`) says what names the file's camera, and which device took it, and the key `owner`
whose photograph it is (`crawlers.folder.owners`). The door judges the whole file, since its bytes are at hand; a file
that it refuses is not copied. One that it lets in becomes an original (`crawlers.folder.originals`).
"""

import dataclasses
import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote_to_bytes

from corpus.cameras.catalogue import Catalogue
from corpus.errors import ConfigurationError
from corpus.records import original_path, version_of
from corpus.storage import Store
from corpus.text import as_utf8
from crawlers.download.known_originals import KnownOriginals
from crawlers.folder.files import File, FileRefused, read_file
from crawlers.folder.layouts import LAYOUTS, read_path
from crawlers.folder.originals import publish_original
from crawlers.folder.owners import owner_of
from crawlers.vetting.door import JPEG_START, Door, Refused
from crawlers.windows.records import ListedPhoto, Row, failed, refused, stored
from crawlers.windows.refused_pictures import RefusedPictures
from forensics.jpeg.segments import describe_foreign

FILES_AT_ONCE = 4  # files read side by side: enough to hide a disk's latency, few enough to hold in memory


def listed_file(address: str) -> ListedPhoto:
    """Return a file as the source lists it, by its path below the folder as in an address (`caf%E9.jpg`)."""
    path = readable(address)
    name = path.rstrip("/").rpartition("/")[2]
    return ListedPhoto(photo=f"folder:{path}", source="folder", original_url=address, title=name)


def readable(address: str) -> str:
    """Return the path of an address as people read it, control characters escaped; distinct paths stay distinct."""
    text = os.fsdecode(unquote_to_bytes(address))
    text = re.sub(r"[\\\x00-\x1f\x7f]", lambda character: character[0].encode("unicode_escape").decode(), text)
    return as_utf8(text)


@dataclass
class FileIngester:
    """Reads and judges files below `root`."""

    root: Path
    store: Store
    door: Door
    catalogue: Catalogue
    layout: str
    owner: int | str | None
    link: bool
    counts: Counter[str]
    pictures: RefusedPictures | None = None
    originals: KnownOriginals = field(init=False)

    def __post_init__(self) -> None:
        self.originals = KnownOriginals(self.store, "folder")

    def ingest(self, listed: ListedPhoto) -> Row:
        """Return the row of a file, and publish its original where it is let in."""
        address = listed.original_url or ""
        path = readable(address)
        listed = dataclasses.replace(listed, owner_id=owner_of(path, self.owner))
        if not address.endswith("/"):  # a folder that cannot be listed has a row, but no camera
            layout = LAYOUTS[self.layout]
            labelled = read_path(layout, path, self.catalogue)
            if labelled is None:
                error = f"its path does not fit layout {self.layout}: expected {layout.example}"
                return failed(listed, error, is_transient=False)
            device = f"{self.layout} {labelled.device}" if labelled.device else None
            listed = dataclasses.replace(
                listed,
                claimed_camera=labelled.claimed_camera,
                labelled_camera=labelled.labelled_camera,
                owner_id=owner_of(path, self.owner, device),
            )
            if layout.label == "path" and labelled.labelled_camera is None:
                return refused(listed, Refused(("camera_unknown",), error="its path names no camera of the catalogue"))
        try:
            file = read_file(self.root, address, self.door.original_max_bytes)
        except FileRefused as error:
            return failed(listed, str(error), is_transient=False)
        except OSError as error:
            # later crawls try again: permission to read is given without changing the file
            return failed(listed, f"cannot be read: {error.strerror}", is_transient=True)
        if too_large := self.door.too_large(max(file.status.st_size, len(file.data))):
            return refused(listed, too_large, file.status.st_size)
        return self._judge(listed, file)

    def _judge(self, listed: ListedPhoto, file: File) -> Row:
        listed = dataclasses.replace(listed, version=version_of(hashlib.sha256(file.data).hexdigest()))
        if not file.data.startswith(JPEG_START):
            return refused(
                listed, Refused(("not_jpeg",), error=f"not a JPEG: {describe_foreign(file.data)}"), len(file.data)
            )
        try:
            verdict = self.door.decide(file.data, whole=True, labelled_camera=listed.labelled_camera)
        except ConfigurationError as error:  # a mistake in the catalogue, found only when such a photo is met
            return failed(listed, str(error), is_transient=True)
        if isinstance(verdict, Refused):
            if self.pictures is not None:
                self.pictures.keep(listed, verdict, file.data)
            return refused(listed, verdict, len(file.data))
        original = original_path(listed.photo, str(listed.version))
        if publish_original(self.store, original, file, link=self.link, known=self.originals):
            self.counts["bytes"] += len(file.data)
        return stored(listed, original, file.data)
