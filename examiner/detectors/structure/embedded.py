"""Embedded: the other pictures in a file: EXIF's thumbnail, previews in segments, images behind the first.

bytes → pictures in file order. A JPEG is looked for where segments and the end of the image leave room for one, and
counts only if its header is whole and its end is in the same room. Nothing in a scan is taken for one.
"""

from typing import NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from examiner.detectors.structure.parts import image_end_of
from forensics.errors import JpegError
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.jpeg.quality import estimate_quality_factor, quality_text
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import EXIF_IDENTIFIER, Segment, header_segments
from forensics.jpeg.structure import read_structure
from forensics.metadata.exif.tags import read_exif
from forensics.metadata.multi_picture import MPF_IDENTIFIER, listed_images

PICTURES_MAX = 8
SHOWN_PX = 320
"""Longest side of what is shown of a picture."""
_TRIES_MAX = 64
_START = b"\xff\xd8\xff"
_WHERE = {
    "APP1:Exif": "preview in EXIF",
    "APP13:Photoshop": "Photoshop's thumbnail",
    "APP1:XMP-extension": "in extended XMP",
}


class Embedded(NamedTuple):
    """A picture inside a file, or behind its first one."""

    where: str
    offset: int
    """From the start of the file, in bytes."""
    data: bytes
    width_px: int
    height_px: int
    tables: str
    """Its quantisation tables, in words."""


def embedded_pictures(data: bytes) -> list[Embedded]:
    """Return the JPEGs in and behind a JPEG, at most PICTURES_MAX; raises JpegError where its header is broken."""
    segments = header_segments(data, whole=True)
    end = find_end_of_image(data, segments[-1].end)
    listed = {
        image.offset: f"MPF, {image.kind}"
        for segment in segments
        if segment.name == "APP2:MPF" and data.startswith(MPF_IDENTIFIER, segment.payload_start)
        for image in listed_images(data[segment.payload_start : segment.end], segment.payload_start)
    }
    listed |= {place: "EXIF's thumbnail" for segment in segments if (place := _thumbnail_at(data, segment)) is not None}
    rooms = [
        (_WHERE.get(segment.name, f"in {segment.name}"), segment.payload_start, segment.end)
        for segment in segments
        if segment.name.startswith(("APP", "COM"))
    ]
    if end is not None:
        rooms.append(("behind the end of the image", end, len(data)))
    found: list[Embedded] = []
    tries = 0
    for where, begin, room_end in rooms:
        at = data.find(_START, begin, room_end)
        while at >= 0 and tries < _TRIES_MAX and len(found) < PICTURES_MAX:
            tries += 1
            picture = _picture(data, at, room_end, where)
            if picture is None:
                at = data.find(_START, at + 3, room_end)
                continue
            kind = listed.get(at)
            found.append(picture if kind is None else picture._replace(where=kind))
            at = data.find(_START, at + len(picture.data), room_end)
    return found


def _thumbnail_at(data: bytes, segment: Segment) -> int | None:
    """Return where the thumbnail that IFD1 points to begins in the file; None for other segments."""
    if segment.name != "APP1:Exif":
        return None
    tiff_at = segment.payload_start + len(EXIF_IDENTIFIER) + 1
    offset = read_exif(data[tiff_at : segment.end]).thumbnail_offset
    return None if offset is None else tiff_at + offset


def _picture(data: bytes, begin: int, room_end: int, where: str) -> Embedded | None:
    jpeg = data[begin:room_end]
    end = image_end_of(jpeg, 0)
    if end is None:
        return None
    try:
        structure = read_structure(jpeg, header_segments(jpeg, whole=True))
    except JpegError:
        return None
    tables = quality_text(*estimate_quality_factor(structure.quantisation))
    return Embedded(where, begin, jpeg[:end], structure.frame.width_px, structure.frame.height_px, tables)


def shown(picture: Embedded) -> bytes | None:
    """Return a picture as a small JPEG without metadata, as it is stored; None where it does not decode."""
    if picture.width_px * picture.height_px > DECODED_MAX_PX:
        return None
    try:
        # decoders make an eighth of a picture at a fraction of the cost; never less than what is shown
        pixels = simplejpeg.decode_jpeg(
            picture.data, "RGB", min_width=min(SHOWN_PX, picture.width_px), min_height=1, strict=False
        )
    except ValueError:
        return None
    small = Image.fromarray(np.ascontiguousarray(pixels))
    small.thumbnail((SHOWN_PX, SHOWN_PX))
    encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(small), 88, "RGB", "444")
    return encoded
