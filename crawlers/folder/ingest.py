"""Ingest one existing file: its path → its row, with its original in the store where it is let in.

The layout (`crawlers.folder.layouts`) says what names the file's camera, and which device took it. The door judges the
whole file, since its bytes are at hand; a file that it refuses is not copied. One that it lets in is linked into the
store where both are on one file system, else copied. A program that rewrites a linked file in place changes the
original too; curation checks every original's SHA-256 and would report that.
"""

import dataclasses
import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from corpus.catalogue import Catalogue
from corpus.errors import ConfigurationError
from corpus.records import original_path, version_of
from corpus.storage import TEMPORARY_PREFIX, Store
from crawlers.folder.files import File, FileRefused, read_file
from crawlers.folder.layouts import LAYOUTS, read_path
from crawlers.vetting.door import JPEG_START, Door, Refused
from crawlers.windows.records import ListedPhoto, Row, failed, refused, stored
from crawlers.windows.refused_pictures import RefusedPictures
from forensics.jpeg.segments import describe_foreign

FILES_AT_ONCE = 4  # files read side by side: enough to hide a disk's latency, few enough to hold in memory


def listed_file(address: str) -> ListedPhoto:
    """Return a file as the source lists it, by its path below the folder as in an address (`caf%E9.jpg`)."""
    path = readable(address)
    directory, _, name = path.rstrip("/").rpartition("/")
    return ListedPhoto(
        photo=f"folder:{path}", source="folder", original_url=address, title=name, owner_id=directory or "."
    )


def readable(address: str) -> str:
    """Return the path of an address as people read it, control characters escaped; distinct paths stay distinct."""
    text = os.fsdecode(unquote_to_bytes(address))
    text = re.sub(r"[\\\x00-\x1f\x7f]", lambda character: character[0].encode("unicode_escape").decode(), text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass
class FileIngester:
    """Reads and judges files below `root`."""

    root: Path
    store: Store
    door: Door
    catalogue: Catalogue
    layout: str
    counts: Counter[str]
    pictures: RefusedPictures | None = None

    def ingest(self, listed: ListedPhoto) -> Row:
        """Return the row of a file, and publish its original where it is let in."""
        address = listed.original_url or ""
        if not address.endswith("/"):  # a folder that cannot be listed has a row, but no camera
            layout = LAYOUTS[self.layout]
            labelled = read_path(layout, readable(address), self.catalogue)
            if labelled is None:
                error = f"its path does not fit layout {self.layout}: expected {layout.example}"
                return failed(listed, error, is_transient=False)
            listed = dataclasses.replace(
                listed,
                claimed_camera=labelled.claimed_camera,
                labelled_camera=labelled.labelled_camera,
                owner_id=f"{self.layout} {labelled.device}" if labelled.device else listed.owner_id,
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
        if not self.store.exists(original):
            if not self._link(file, original):
                self.store.publish(original, file.data)
            self.counts["bytes"] += len(file.data)
        return stored(listed, original, file.data)

    def _link(self, file: File, original: str) -> bool:
        """Publish a file as a hard link to itself; False where that is impossible or the file has changed meanwhile."""
        if not self.store.is_local:
            return False
        target = Path(self.store.path(original))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{target.name[-40:]}"
        before = file.status
        try:
            temporary.hardlink_to(file.path)
            now = temporary.stat(follow_symlinks=False)
            if (now.st_size, now.st_mtime_ns, now.st_ino) != (before.st_size, before.st_mtime_ns, before.st_ino):
                return False
            temporary.replace(target)
        except OSError:  # another file system, or one without links, or another user's file: it is copied
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True
