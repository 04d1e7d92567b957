"""Previews: tells raw files from other ones, and finds the largest JPEG that a camera has put into one.

Raw files are TIFFs (DNG, CR2, NEF, ARW …), nearly TIFFs (ORF, RW2), or forms of their own (RAF, CR3). Their previews
stand in directories that differ from maker to maker, also in makers' notes, so they are found as what they are: a start
of image with a frame of 8 bits that is not lossless, and the end that belongs to it. The raw data of some files are
lossless JPEGs; these are passed over.
"""

import re
from typing import NamedTuple

from forensics.errors import JpegError
from forensics.jpeg.frame import is_frame, read_frame
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import SOS, header_segments
from forensics.metadata.exif.tiff import ENDIANS, find_entry, number_of

STARTS_MAX = 1000
"""Most starts of image that are looked at: chance gives one in 16 MB."""
_HEADER_BYTES = 1 << 20
"""Most bytes of a preview's header; those of cameras have at most 64 KiB of EXIF."""
_START = re.compile(rb"\xff\xd8\xff[\xc0\xc2\xc4\xdb\xdd\xe0-\xef\xfe]")
_CODINGS = ("baseline", "extended", "progressive")
_DNG_VERSION, _SUB_IFDS, _NEW_SUBFILE_TYPE, _REDUCED = 50706, 330, 254, 1
_CR2_AT, _CR2 = 8, b"CR\x02"
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"FUJIFILMCCD-RAW", "RAF"),
    (b"IIRO", "ORF"),
    (b"IIRS", "ORF"),
    (b"MMOR", "ORF"),
    (b"IIU\0", "RW2"),
    (b"FOVb", "X3F"),
    (b"\0MRM", "MRW"),
    (b"II\x1a\0\0\0HEAPCCDR", "CRW"),
)


class Preview(NamedTuple):
    """A JPEG inside a file: its bytes are `start` to `end` of the file."""

    start: int
    end: int
    width_px: int
    height_px: int


def raw_form(data: bytes) -> str | None:
    """Return which form of raw file the bytes are (`DNG`, `CR2`, `RAF` …; `raw` for other TIFFs), None for all else.

    A TIFF counts as raw where its first directory says that it is a DNG or a reduced picture, or points to others below
    itself: pyramids of software do so as well.
    """
    for start, form in _STARTS:
        if data.startswith(start):
            return form
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    endian = ENDIANS.get(data[:2])
    if endian is None or data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if data[_CR2_AT : _CR2_AT + 3] == _CR2:
        return "CR2"
    first = int.from_bytes(data[4:8], "little" if endian == "<" else "big")
    if find_entry(data, endian, first, _DNG_VERSION) is not None:
        return "DNG"
    is_reduced = number_of(data, endian, find_entry(data, endian, first, _NEW_SUBFILE_TYPE)) == _REDUCED
    return "raw" if is_reduced or find_entry(data, endian, first, _SUB_IFDS) is not None else None


def largest_preview(data: bytes) -> Preview | None:
    """Return the JPEG inside a raw file with the most pixels, of equal ones the first; None where it has none."""
    found = [preview for start in _starts(data) if (preview := _preview_at(data, start)) is not None]
    return max(found, key=lambda each: (each.width_px * each.height_px, -each.start), default=None)


def _starts(data: bytes) -> list[int]:
    starts = []
    for match in _START.finditer(data):
        starts.append(match.start())
        if len(starts) == STARTS_MAX:
            break
    return starts


def _preview_at(data: bytes, start: int) -> Preview | None:
    header = data[start : start + _HEADER_BYTES]
    try:
        segments = header_segments(header, whole=True)
        frame = next(read_frame(header, each) for each in segments if is_frame(each.marker))
    except (JpegError, StopIteration):
        return None
    if segments[-1].marker != SOS or frame.coding not in _CODINGS or frame.precision_bits != 8:
        return None
    end = find_end_of_image(data, start + segments[-1].end)
    return None if end is None else Preview(start, end, frame.width_px, frame.height_px)
