"""JPEGs: the pixels of a few rectangles of a photograph, equal to those of the whole picture decoded, in half the time.

All Huffman codes are read (`forensics.coefficients`), so damage anywhere is found; the blocks below the rectangles are
written as small JPEGs, and only these are transformed into pixels. Where the rectangles cover much of the picture, and
for files that are not plain (progressive, CMYK, damaged), the whole picture is decoded, which is also what judges
damage.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from forensics.coefficients import Coefficients, read_coefficients, write_rectangle
from forensics.pixels.decoding import decode_whole
from shards.restarts import Rectangle

Pixels = NDArray[np.uint8]

_MARGIN_PX = 8
"""More than the pixels of a rectangle need beside it: up to 4 px of chroma, and 8 px are a block."""
_SHARE_MAX = 0.25
"""Share of the picture from which on decoding all of it is faster: a rectangle is decoded twice and written once."""


@dataclass(frozen=True)
class WholePicture:
    """All pixels: height × width × 3, RGB."""

    picture: Pixels

    def pixels(self, rectangle: Rectangle) -> Pixels:
        """Return those of a rectangle, a view."""
        x_px, y_px, width_px, height_px = rectangle
        return self.picture[y_px : y_px + height_px, x_px : x_px + width_px]

    def luma(self, rectangle: Rectangle) -> Pixels:
        """Return the luma of a rectangle, height × width, to within rounding."""
        return luma_of(self.pixels(rectangle))


@dataclass(frozen=True)
class CodedPicture:
    """The coefficients below some rectangles."""

    coefficients: Coefficients

    def pixels(self, rectangle: Rectangle) -> Pixels:
        """Return the pixels of one of the rectangles, or of a part of one: height × width × 3, RGB."""
        return self._decoded(rectangle, "RGB")

    def luma(self, rectangle: Rectangle) -> Pixels:
        """Return the luma of one of the rectangles, height × width."""
        return np.ascontiguousarray(self._decoded(rectangle, "GRAY")[..., 0])

    def _decoded(self, rectangle: Rectangle, colours: str) -> Pixels:
        frame = self.coefficients.frame
        area = _area(rectangle, frame.mcu_size_px, frame.width_px, frame.height_px)
        jpeg = write_rectangle(self.coefficients, *area)
        whole: Pixels = simplejpeg.decode_jpeg(jpeg, colours, fastdct=False, fastupsample=False, strict=True)
        x_px, y_px = rectangle[0] - area[0], rectangle[1] - area[1]
        return whole[y_px : y_px + rectangle[3], x_px : x_px + rectangle[2]]


def open_jpeg(
    data: bytes, size_px: tuple[int, int], mcu_size_px: tuple[int, int], rectangles: Sequence[Rectangle]
) -> WholePicture | CodedPicture:
    """Return what the pixels of these rectangles can be had of; `size_px` and `mcu_size_px` are its frame's.

    Raises ValueError for a damaged JPEG, or one that the decoder does not know.
    """
    areas = [_area(each, mcu_size_px, *size_px) for each in rectangles]
    if sum(width_px * height_px for _, _, width_px, height_px in areas) <= _SHARE_MAX * size_px[0] * size_px[1]:
        try:
            return CodedPicture(read_coefficients(data, areas))
        except ValueError:  # not a plain one, or damaged: the decoder has the last word
            pass
    return WholePicture(decode_whole(data, "RGB", fastdct=False, fastupsample=False).picture)


def luma_of(pixels: Pixels) -> Pixels:
    """Return the luma, height × width, of RGB pixels."""
    return np.ascontiguousarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)


def _area(rectangle: Rectangle, mcu_size_px: tuple[int, int], width_px: int, height_px: int) -> Rectangle:
    """Return the whole MCUs that the pixels of a rectangle depend on, within the picture."""
    x_px, y_px, wide_px, high_px = rectangle
    left, right = _span(x_px, x_px + wide_px, mcu_size_px[0], width_px)
    top, bottom = _span(y_px, y_px + high_px, mcu_size_px[1], height_px)
    return left, top, right - left, bottom - top


def _span(start: int, end: int, mcu_px: int, whole: int) -> tuple[int, int]:
    first = max(start - _MARGIN_PX, 0) // mcu_px * mcu_px
    return first, min(-(-(end + _MARGIN_PX) // mcu_px) * mcu_px, whole)
