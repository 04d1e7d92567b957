"""JPEG as a camera writes it: a picture, tables and segments (EXIF) in, a file's bytes out.

The segments stand right behind the start of the image and there is no JFIF segment, as in the files of cameras;
the scan is coded with the standard Huffman tables. Refuses segments longer than a segment can be.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Tables = tuple[tuple[int, ...], tuple[int, ...]]
"""Quantisation tables of luma and chroma, 64 entries each, natural order."""
Segment = tuple[int, bytes]
"""Second byte of a segment's marker, e.g. 0xE1 for APP1, and what it holds."""

_JFIF_MARKER = b"\xff\xe0"
_SEGMENT_MAX_BYTES = 65533


def encode(picture: NDArray[np.uint8], tables: Tables, subsampling: str, segments: tuple[Segment, ...] = ()) -> bytes:
    """Return the JPEG file of a picture, `segments` behind its start in their order.

    Raises ValueError for a segment that is too long to be written.
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
        raise ValueError(f"a segment of {len(payload)} bytes does not fit: {_SEGMENT_MAX_BYTES} are the most")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload
