"""Shown: the uploads that a site shows at one moment, and the same after one is added, removed or replaced.

Sizes in pixels are read from the files, whatever the listing of uploads says; 0 where a file has none.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image

from demo.uploads.upload import Upload


@dataclass(frozen=True)
class Shown:
    """The uploads that a site shows."""

    folder: Path
    uploads: tuple[Upload, ...]
    replaced_at_s: Mapping[str, int] = field(default_factory=dict)
    """Id of an upload whose file was replaced → when, in seconds since 1970."""

    def with_upload(self, upload: Upload) -> "Shown":
        """Return the site with an upload added; raises ValueError for an id that is taken."""
        if any(upload.id == each.id for each in self.uploads):
            raise ValueError(f"upload {upload.id} is there already")
        return replace(self, uploads=(*self.uploads, measured(self.folder, upload)))

    def without(self, upload_id: str) -> "Shown":
        """Return the site with an upload removed; raises KeyError for an unknown one."""
        gone = self[upload_id]
        return replace(self, uploads=tuple(each for each in self.uploads if each is not gone))

    def with_file(self, upload_id: str, file: str, at_s: int) -> "Shown":
        """Return the site with an upload's file replaced by another one; raises KeyError for an unknown upload."""
        data = (self.folder / file).read_bytes()
        sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        old = self[upload_id]
        new = measured(self.folder, replace(old, file=file, size_bytes=len(data), sha1=sha1))
        uploads = tuple(new if each is old else each for each in self.uploads)
        return replace(self, uploads=uploads, replaced_at_s={**self.replaced_at_s, upload_id: at_s})

    def __getitem__(self, upload_id: str) -> Upload:
        for upload in self.uploads:
            if upload.id == upload_id:
                return upload
        raise KeyError(f"no upload {upload_id}")


def show(folder: Path, uploads: Iterable[Upload]) -> Shown:
    """Return a site's initial state, with the uploads of a folder."""
    return Shown(folder, tuple(measured(folder, upload) for upload in uploads))


def measured(folder: Path, upload: Upload) -> Upload:
    """Return an upload with its picture's size as stored, before EXIF turns it."""
    try:
        with Image.open(folder / upload.file) as image:
            width_px, height_px = image.size
    except Exception:  # noqa: BLE001  Pillow raises anything on broken files, whose size no site can tell
        width_px = height_px = 0
    return replace(upload, width_px=width_px, height_px=height_px)
