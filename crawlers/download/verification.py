"""Verification: what a site says of a file and the bytes it served in, the difference out.

A difference is no fault of the photo: the site may have replaced the file since it listed it, or have served another.
"""

import hashlib

from crawlers.windows.records import ListedPhoto
from forensics.errors import JpegError
from forensics.header import read_facts


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
