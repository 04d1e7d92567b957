"""Photograph: what is known of a photograph as DCT coefficients, and which photographs are read as such.

Read are grey and YCbCr pictures of 8 bits in the baseline or extended Huffman process, with a usual subsampling.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forensics.errors import JpegError
from forensics.jpeg.frame import Frame, is_frame, read_frame
from forensics.jpeg.segments import Segment

Blocks = npt.NDArray[np.int16]
"""Coefficients of one component: [block row, block column, 64], natural order."""

PHOTO_MAX_PX = 1 << 28
"""Largest photograph that is read: 268 MP take at most 2 GB of memory. The limit is above
`forensics.jpeg.frame.DECODED_MAX_PX`, so that it never refuses what curation has decoded and kept."""

_SUBSAMPLINGS = ("grey", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1")
_ADOBE_MARKER = 0xEE


@dataclass(frozen=True)
class Coefficients:
    """A photograph as its DCT coefficients."""

    frame: Frame
    components: tuple[Blocks, ...]
    """Luma first; the blocks that hold pixels of the photograph, without those that only fill an MCU."""
    tables: tuple[npt.NDArray[np.uint16], ...]
    """Each component's quantisation table, 8x8, natural order."""


def readable_frame(jpeg: bytes, segments: list[Segment]) -> Frame:
    """Return the frame of a header that ends with the first SOS; ValueError says why a photograph is not read."""
    frames = [segment for segment in segments if is_frame(segment.marker)]
    if len(frames) != 1:
        raise JpegError(f"{len(frames)} frame headers before the first scan, not one", segments[-1].offset)
    frame = read_frame(jpeg, frames[0])
    if frame.coding not in ("baseline", "extended") or frame.precision_bits != 8:
        raise ValueError(f"{frame.coding} coding of {frame.precision_bits} bits: only baseline photographs are cut")
    if frame.width_px * frame.height_px > PHOTO_MAX_PX:
        raise ValueError(f"{frame.width_px}x{frame.height_px} px are more than a camera takes ({PHOTO_MAX_PX:,} px)")
    if frame.subsampling not in _SUBSAMPLINGS or not _is_ycbcr(jpeg, segments, frame):
        raise ValueError(f"components {frame.subsampling} are neither grey nor YCbCr with a usual subsampling")
    return frame


def blocks_of(frame: Frame) -> list[tuple[int, int]]:
    """Return the rows and columns of blocks of each component (A.1.1 and A.2.4, without the filling of MCUs)."""
    widest = max(component.horizontal for component in frame.components)
    highest = max(component.vertical for component in frame.components)
    return [
        (-(-frame.height_px * each.vertical // (8 * highest)), -(-frame.width_px * each.horizontal // (8 * widest)))
        for each in frame.components
    ]


def _is_ycbcr(jpeg: bytes, segments: list[Segment], frame: Frame) -> bool:
    """Return whether decoders take the components for luma and chroma, by the rules of libjpeg (jdapimin.c)."""
    if len(frame.components) == 1 or any(segment.name == "APP0:JFIF" for segment in segments):
        return True
    for segment in segments:
        payload = jpeg[segment.payload_start : segment.end]
        if segment.marker == _ADOBE_MARKER and payload.startswith(b"Adobe") and len(payload) >= 12:
            return payload[11] == 1
    return bytes(component.identifier for component in frame.components) != b"RGB"
