"""Decoding: decodes a JPEG that is whole, and refuses every damaged one.

A file with oddities that harm nothing (`forensics.jpeg.oddities`) is decoded from a copy in memory without them, which
must not make the decoder (libjpeg-turbo, through simplejpeg) warn of anything. The pixels are those of the file.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from forensics.jpeg.oddities import STRAY_BYTES, without_oddities, without_stray_bytes
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import header_segments

_STRAY = re.compile(r"Corrupt JPEG data: ([0-9]{1,9}) extraneous bytes before marker 0xd9")


class Decoded(NamedTuple):
    """A picture of (height, width, channels), the bytes it was decoded from, and the oddities those are without."""

    picture: NDArray[np.uint8]
    jpeg: bytes
    oddities: tuple[str, ...]


def decode_whole(data: bytes, colorspace: str, **options: Any) -> Decoded:
    """Return the picture of a whole JPEG; raises ValueError, which says why, for a damaged one.

    `options`: those of `simplejpeg.decode_jpeg`. Bytes behind the end of the image do not matter.
    """
    jpeg, oddities = without_oddities(data)
    try:
        return Decoded(simplejpeg.decode_jpeg(jpeg, colorspace, strict=True, **options), jpeg, oddities)
    except ValueError as error:
        stray = _STRAY.fullmatch(str(error).strip())
        if stray is None:
            raise
        end = find_end_of_image(jpeg, header_segments(jpeg, whole=True)[-1].end)
        mended = None if end is None else without_stray_bytes(jpeg, end, int(stray[1]))
        if mended is None:
            raise
    # without the stray bytes nothing hides another warning
    picture = simplejpeg.decode_jpeg(mended, colorspace, strict=True, **options)
    return Decoded(picture, mended, tuple(sorted((*oddities, STRAY_BYTES))))
