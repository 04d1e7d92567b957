"""JPEG: encodes a picture with given tables and segments (EXIF) as a camera does.

As in cameras' files, the segments follow the start of the image and there is no JFIF segment; the scan uses the
standard Huffman tables. Refuses segments longer than the format allows.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Tables = tuple[tuple[int, ...], tuple[int, ...]]
"""Quantisation tables of luma and chroma, 64 entries each, natural order."""
Segment = tuple[int, bytes]
"""Second byte of a segment's marker, e.g. 0xE1 for APP1, and the segment's payload."""

_JFIF_MARKER = b"\xff\xe0"
_SEGMENT_MAX_BYTES = 65533


def encode(picture: NDArray[np.uint8], tables: Tables, subsampling: str, segments: tuple[Segment, ...] = ()) -> bytes:
    """Return the JPEG file of a picture, with `segments` in their order after the start of the image.

    Raises ValueError for a segment that is too long.
    """
    buffer = io.BytesIO()
    qtables = [list(table) for table in tables]
    Image.fromarray(picture).save(buffer, "JPEG", qtables=qtables, subsampling=subsampling)
    plain = buffer.getvalue()
    start, rest = plain[:2], plain[2:]
    if rest.startswith(_JFIF_MARKER):
        rest = rest[2 + int.from_bytes(rest[2:4], "big") :]
    return start + b"".join(_written(marker, payload) for marker, payload in segments) + rest


def _written(marker: int, payload: bytes) -> bytes:
    if len(payload) > _SEGMENT_MAX_BYTES:
        raise ValueError(f"a segment of {len(payload)} bytes is too long: at most {_SEGMENT_MAX_BYTES} fit")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
