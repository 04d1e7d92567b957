"""Reduced: decodes a JPEG at a reduced scale, to be looked at: 100 megapixels cost little memory.

A damaged picture is decoded as far as it goes. One whose stated size or number of scans would cost more than a
photograph may is refused.
"""

from contextlib import suppress

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from forensics.errors import JpegError
from forensics.jpeg.frame import DECODED_MAX_PX
from forensics.jpeg.oddities import without_oddities

_SCANNED_PIXELS_MAX = 1_000_000_000
"""Largest pixels × scans: a scan of a progressive file may cover the whole picture in a few bytes. Programs write about
ten scans, so up to 100 megapixels pass."""
_SCAN = b"\xff\xda"


def decode_reduced(data: bytes, edge_px: int) -> NDArray[np.uint8] | None:
    """Return RGB pixels (height, width, 3) whose longer edge is at least `edge_px`, or that of a smaller picture.

    As stored: EXIF turns nothing. None where the picture does not decode at all, or costs too much.
    """
    try:
        with suppress(JpegError):  # a header that only the decoder can read is drawn as well
            data, _ = without_oddities(data)
        height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        pixels = height_px * width_px
        if pixels > DECODED_MAX_PX or pixels * data.count(_SCAN) > _SCANNED_PIXELS_MAX:
            return None
        # only the longer edge: a minimum for both would decode a panorama at full scale
        longer = {"min_width": edge_px} if width_px >= height_px else {"min_height": edge_px}
        picture: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", strict=False, **longer)
        return picture
    except (ValueError, KeyError, MemoryError):  # KeyError: simplejpeg, for a header without a frame
        return None
