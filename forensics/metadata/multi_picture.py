"""Multi-picture: counts the images listed in the index of an APP2 segment `MPF` (CIPA DC-007).

Cameras and phones append further images after the first: previews, depth maps, gain maps.
"""

import struct

from forensics.metadata.tiff import ENDIANS, number_of, read_directory

MPF_IDENTIFIER = b"MPF\0"

_IMAGES = 0xB001
_INDEX_TAGS = frozenset((_IMAGES,))


def count_images(payload: bytes) -> int | None:
    """Return the stated number of images, including the first; None where the index is broken; never raises."""
    tiff = payload[len(MPF_IDENTIFIER) :]
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 8:
        return None
    (offset,) = struct.unpack_from(endian + "I", tiff, 4)
    index = read_directory(tiff, endian, offset, "MP Index IFD", _INDEX_TAGS, [])
    return number_of(tiff, endian, index.entries.get(_IMAGES)) if index is not None else None
