"""Coefficients: reads the quantised DCT coefficients of a baseline JPEG and writes rectangles of them as JPEGs.

libjpeg-turbo does both, through jpeglib; nothing is decoded to pixels, so nothing is lost. Everything but a whole,
clean baseline JPEG of one grey or three YCbCr components is refused with ValueError. Given a damaged file, jpeglib
prints, invents coefficients or crashes, so it never gets one: unneeded segments are removed and the rest is decoded
first (`forensics.pixels.decoding`, which knows what is harmless).
"""

import ctypes
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jpeglib
import numpy as np
import numpy.typing as npt
from jpeglib._bind import CJpegLib

from forensics.errors import is_short_of_memory
from forensics.jpeg.frame import Frame, is_frame, read_frame
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import APP0, APP15, COM, SOS, Segment, header_segments
from forensics.pixels.decoding import decode_whole

LIBRARY = "turbo210"
"""The fastest in jpeglib's wheel: 51 ms to read 12 MP and 8 ms to write a 1024 px tile; the default, 6b: 59 and 11."""

Blocks = npt.NDArray[np.int16]
"""Coefficients of one component: [block row, block column, 64]."""

PHOTO_MAX_PX = 1 << 28
"""Largest photograph that is cut: 268 MP take at most 2 GB of memory here. The limit is above
`forensics.jpeg.frame.DECODED_MAX_PX`, so that it never refuses what curation has decoded and kept."""

_SUBSAMPLINGS = ("grey", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1")
_ADOBE_MARKER = 0xEE
_MEMORY = Path("/dev/shm")  # noqa: S108  a private folder is made in it
_LIBRARY_LOCK = threading.Lock()


@dataclass(frozen=True)
class Coefficients:
    """A photograph as its DCT coefficients."""

    frame: Frame
    components: tuple[Blocks, ...]
    """Luma first."""
    tables: tuple[npt.NDArray[np.uint16], ...]
    """Each component's quantisation table, 8x8."""


def read_coefficients(jpeg: bytes) -> Coefficients:
    """Return the coefficients of a whole baseline JPEG, exactly as in the file.

    Raises ValueError for truncated or damaged data, other coding processes, and colours other than grey and YCbCr.
    """
    segments = header_segments(jpeg, whole=True)
    frame = _frame(jpeg, segments)
    bare = _without_metadata(jpeg, segments)
    try:  # at an eighth of the size all entropy-coded data is read at a quarter of the cost
        bare = decode_whole(bare, "GRAY", min_factor=8, min_height=1, min_width=1).jpeg
    except ValueError as error:
        if is_short_of_memory(error):
            raise
        raise ValueError(f"damaged JPEG: {error}") from error
    widest = max(component.horizontal for component in frame.components)
    highest = max(component.vertical for component in frame.components)
    sizes = [
        (-(-frame.height_px * each.vertical // (8 * highest)), -(-frame.width_px * each.horizontal // (8 * widest)))
        for each in frame.components
    ]
    components = tuple(np.zeros((rows, columns, 64), np.int16) for rows, columns in sizes)
    tables = np.zeros((4, 8, 8), dtype=np.uint16)
    numbers = np.zeros(4, dtype=np.int16)
    pointers: list[ctypes.c_void_p | None] = [blocks.ctypes.data_as(ctypes.c_void_p) for blocks in components]
    pointers += [None] * (4 - len(pointers))
    with _folder() as folder:
        source = folder / "photo.jpg"
        source.write_bytes(bare)
        _choose_library()
        # not jpeglib.read_dct, which decodes the whole file once more for facts not needed here, through static
        # variables that two threads would share
        try:
            CJpegLib.read_jpeg_dct(
                str(source), *pointers, tables.ctypes.data_as(ctypes.c_void_p), numbers.ctypes.data_as(ctypes.c_void_p)
            )
        except OSError as error:
            raise ValueError("damaged JPEG: libjpeg cannot read its coefficients") from error
    if tables.max() > 255:
        raise ValueError("quantisation table of 16 bits: not a baseline JPEG")
    return Coefficients(frame, components, tuple(tables[numbers[index]] for index in range(len(components))))


def write_rectangle(photo: Coefficients, x_px: int, y_px: int, width_px: int, height_px: int) -> bytes:
    """Return a rectangle of `photo` as a baseline JPEG with its tables and coefficients and nothing else.

    All four numbers, in pixels, must be multiples of the MCU's size. Huffman tables are optimised.
    """
    mcu_width_px, mcu_height_px = photo.frame.mcu_size_px
    if x_px % mcu_width_px or width_px % mcu_width_px or y_px % mcu_height_px or height_px % mcu_height_px:
        raise ValueError(f"{width_px}x{height_px}+{x_px}+{y_px} is off the {mcu_width_px}x{mcu_height_px} grid")
    parts = []
    luma = photo.frame.components[0]
    for blocks, component in zip(photo.components, photo.frame.components, strict=True):
        step_x_px = 8 * luma.horizontal // component.horizontal
        step_y_px = 8 * luma.vertical // component.vertical
        rows = slice(y_px // step_y_px, (y_px + height_px) // step_y_px)
        columns = slice(x_px // step_x_px, (x_px + width_px) // step_x_px)
        part = np.ascontiguousarray(blocks[rows, columns])
        parts.append(part.reshape(*part.shape[:2], 8, 8))
    tables, numbers = _distinct(photo.tables)
    tile = jpeglib.from_dct(*parts, qt=tables, quant_tbl_no=numbers)
    with _folder() as folder:
        target = folder / "tile.jpg"
        _choose_library()
        try:
            tile.write_dct(str(target), flags=["+OPTIMIZE_CODING"])
        except OSError as error:
            raise ValueError("libjpeg cannot write these coefficients: values out of the baseline range") from error
        return _with_usual_identifiers(target.read_bytes())


def _frame(jpeg: bytes, segments: list[Segment]) -> Frame:
    frames = [segment for segment in segments if is_frame(segment.marker)]
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} frame headers before the first scan, not one")
    frame = read_frame(jpeg, frames[0])
    if frame.coding not in ("baseline", "extended") or frame.precision_bits != 8:
        raise ValueError(f"{frame.coding} coding of {frame.precision_bits} bits: only baseline photographs are cut")
    if frame.width_px * frame.height_px > PHOTO_MAX_PX:
        raise ValueError(f"{frame.width_px}x{frame.height_px} px are more than a camera takes ({PHOTO_MAX_PX:,} px)")
    if frame.subsampling not in _SUBSAMPLINGS or not _is_ycbcr(jpeg, segments, frame):
        raise ValueError(f"components {frame.subsampling} are neither grey nor YCbCr with a usual subsampling")
    return frame


def _is_ycbcr(jpeg: bytes, segments: list[Segment], frame: Frame) -> bool:
    """Return whether decoders take the components for luma and chroma, by the rules of libjpeg (jdapimin.c)."""
    if len(frame.components) == 1 or any(segment.name == "APP0:JFIF" for segment in segments):
        return True
    for segment in segments:
        payload = jpeg[segment.payload_start : segment.end]
        if segment.marker == _ADOBE_MARKER and payload.startswith(b"Adobe") and len(payload) >= 12:
            return payload[11] == 1
    return bytes(component.identifier for component in frame.components) != b"RGB"


def _without_metadata(jpeg: bytes, segments: list[Segment]) -> bytes:
    """Return the file from start to end of image, without application segments and comments."""
    end = find_end_of_image(jpeg, segments[-1].end)
    if end is None:
        raise ValueError("truncated JPEG: no end of image")
    needed = [
        jpeg[segment.offset : segment.end]
        for segment in segments
        if not APP0 <= segment.marker <= APP15 and segment.marker != COM
    ]
    return b"\xff\xd8" + b"".join(needed) + jpeg[segments[-1].end : end]


def _distinct(tables: tuple[npt.NDArray[np.uint16], ...]) -> tuple[npt.NDArray[np.uint16], list[int]]:
    """Return the distinct tables in order of use, and each component's table number, as jpeglib needs them."""
    different = {table.tobytes(): table for table in tables}
    return np.stack(list(different.values())), [list(different).index(table.tobytes()) for table in tables]


def _with_usual_identifiers(jpeg: bytes) -> bytes:
    """Return a tile with its components numbered 1, 2, 3, as JFIF demands; jpeglib counts from 0."""
    data = bytearray(jpeg)
    for segment in header_segments(jpeg, whole=True):
        start = segment.payload_start
        if is_frame(segment.marker):
            places = range(start + 6, segment.end, 3)
        elif segment.marker == SOS:
            places = range(start + 1, segment.end - 3, 2)
        else:
            continue
        for number, place in enumerate(places):
            data[place] = number + 1
    return bytes(data)


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a temporary folder for one file that libjpeg reads or writes, in memory where the system allows."""
    with tempfile.TemporaryDirectory(prefix="tile-", dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def _choose_library() -> None:
    with _LIBRARY_LOCK:
        if jpeglib.version.get() != LIBRARY:
            jpeglib.version.set(LIBRARY)
