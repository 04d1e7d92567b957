"""Multi-picture: counts and lists the images in the index of an APP2 segment `MPF` (CIPA DC-007).

Cameras and phones append further images after the first: previews, depth maps, gain maps.
"""

import struct
from typing import NamedTuple

from forensics.metadata.exif.tiff import ENDIANS, Directory, number_of, read_directory

MPF_IDENTIFIER = b"MPF\0"

_IMAGES, _ENTRIES = 0xB001, 0xB002
_INDEX_TAGS = frozenset((_IMAGES, _ENTRIES))
_ENTRY_BYTES = 16
IMAGES_MAX = 64
_KINDS = {
    0x030000: "primary image", 0x010001: "preview of full-HD size", 0x010002: "preview of VGA size",
    0x020001: "panorama", 0x020002: "disparity", 0x020003: "multiple view angles",
}  # fmt: skip


class ListedImage(NamedTuple):
    """One image of an index."""

    kind: str
    """What the index calls it: `primary image`, `preview of VGA size`, or `undefined` as phones write."""
    offset: int
    """In the file; 0 for the first image."""
    size_bytes: int


def count_images(payload: bytes) -> int | None:
    """Return the stated number of images, including the first; None where the index is broken; never raises."""
    read = _index(payload)
    return None if read is None else number_of(read[0], read[1], read[2].entries.get(_IMAGES))


def listed_images(payload: bytes, payload_at: int) -> list[ListedImage]:
    """Return the images that the index in `payload` lists; `payload_at`: its offset in the file. Never raises.

    Offsets are as stated: they may lie outside the file.
    """
    read = _index(payload)
    if read is None:
        return []
    tiff, endian, index = read
    entry = index.entries.get(_ENTRIES)
    if entry is None:
        return []
    table = tiff[entry.at : entry.at + min(entry.size_bytes, IMAGES_MAX * _ENTRY_BYTES) // _ENTRY_BYTES * _ENTRY_BYTES]
    found = []
    for attributes, size_bytes, offset, _first, _second in struct.iter_unpack(f"{endian}IIIHH", table):
        kind = _KINDS.get(attributes & 0xFFFFFF, "undefined")
        place = offset + payload_at + len(MPF_IDENTIFIER) if offset else 0
        found.append(ListedImage(kind, place, size_bytes))
    return found


def _index(payload: bytes) -> tuple[bytes, str, Directory] | None:
    tiff = payload[len(MPF_IDENTIFIER) :]
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 8:
        return None
    (offset,) = struct.unpack_from(endian + "I", tiff, 4)
    index = read_directory(tiff, endian, offset, "MP Index IFD", _INDEX_TAGS, [])
    return None if index is None else (tiff, endian, index)
