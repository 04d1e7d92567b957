"""Decoding: decodes a JPEG that is whole, and refuses every damaged one.

A file with oddities that harm nothing (`forensics.jpeg.oddities`) is decoded from a copy in memory without them, which
must not make the decoder (libjpeg-turbo, through simplejpeg) warn of anything. The pixels are those of the file.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from forensics.jpeg.frame import is_frame
from forensics.jpeg.oddities import STRAY_BYTES, without_oddities, without_stray_bytes
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import SOF0, header_segments

_ATTEMPTS_MAX = 8
_MARGIN_PX = 64
"""More rows than any pixel depends on below its own, where the decoder enlarges subsampled components."""
_SEQUENTIAL = (SOF0, SOF0 + 1)
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
    taken = 0
    # the decoder holds some bytes unseen in its bit buffer, and warns of them only when those after them are gone
    for _ in range(_ATTEMPTS_MAX):
        try:
            picture = simplejpeg.decode_jpeg(jpeg, colorspace, strict=True, **options)
        except ValueError as error:
            stray = _STRAY.fullmatch(str(error).strip())
            mended = None if stray is None else _without_stray_bytes(jpeg, int(stray[1]), taken)
            if stray is None or mended is None:
                raise
            jpeg, taken = mended, taken + int(stray[1])
        else:
            return Decoded(picture, jpeg, tuple(sorted((*oddities, STRAY_BYTES))) if taken else oddities)
    raise ValueError(f"{taken} and more stray bytes before the end of the image")


def decode_luma(jpeg: bytes, rows: int) -> NDArray[np.uint8]:
    """Return the upper rows, at least so many, of the luma of a JPEG that `decode_whole` has found whole.

    (height, width), as in the whole picture. The frame of a sequential picture is told to be lower, in a copy, so that
    the decoder stops there; it warns of the data left over, which says nothing new. Raises ValueError where memory is
    short.
    """
    frame = next(segment for segment in header_segments(jpeg, whole=True) if is_frame(segment.marker))
    height_at = frame.payload_start + 1
    height_px = int.from_bytes(jpeg[height_at : height_at + 2])
    if frame.marker in _SEQUENTIAL and rows + _MARGIN_PX < height_px:
        jpeg = jpeg[:height_at] + (rows + _MARGIN_PX).to_bytes(2) + jpeg[height_at + 2 :]
    luma: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, "GRAY", strict=False)[..., 0]
    return luma


def _without_stray_bytes(jpeg: bytes, count: int, taken: int) -> bytes | None:
    end = find_end_of_image(jpeg, header_segments(jpeg, whole=True)[-1].end)
    return None if end is None else without_stray_bytes(jpeg, end, count, taken)
