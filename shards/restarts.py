"""Restarts: finds the restart markers of a JPEG, and decodes a rectangle from the few segments that it needs.

A restart marker (ITU-T T.81, B.2.4.4 and E.2.4) ends a run of MCUs that can be decoded by itself. With the same number
of runs in every row of MCUs, the segments below a rectangle make a smaller JPEG of their own: they are cut out of the
bytes, their markers are numbered anew, and the frame gets the new size. Only that is decoded; its pixels are those of
the whole picture, to the bit. `Restarts` is the index of one JPEG; its checksums tell a damaged segment before it is
decoded.

Read are baseline and extended Huffman JPEGs of 8 bits with one scan of one grey or three components of a usual
subsampling. All else is refused with ValueError, and can still be decoded whole.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import simplejpeg

from forensics.jpeg.frame import Frame, is_frame, read_frame, read_scan_components
from forensics.jpeg.segments import DRI, EOI, RST0, SOF0, SOS, Segment, header_segments

Rectangle = tuple[int, int, int, int]
"""x_px, y_px, width_px, height_px in the pixels of the picture."""
Pixels = npt.NDArray[np.uint8]
"""Height × width × 3, RGB."""
Places = npt.NDArray[np.int64]

_SEGMENT, _SIZE = struct.Struct(">BBH"), struct.Struct(">HH")
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_MARKER_BYTES = 2
_SUBSAMPLINGS = ("grey", "4:4:4", "4:2:2", "4:2:0", "4:4:0", "4:1:1")
_NARROW_PX = 4
"""A picture so narrow gets its chroma enlarged without interpolation (libjpeg-turbo, jdsample.c), a wider one with it.
With as many pixels to the left of a rectangle, nothing is cut so narrow unless the whole picture is."""


class _Layout(NamedTuple):
    width_px: int
    height_px: int
    mcu_width_px: int
    mcu_height_px: int
    size_at: int
    """Offset in the header of height and width, two bytes each."""
    mcus: int
    columns: int
    """Segments in a row of MCUs."""
    rows: int
    """Rows of MCUs."""
    margin_x_px: int
    """What the pixels of a rectangle need to their left; to their right, one pixel wherever this is not 0."""
    margin_y_px: int


class Area(NamedTuple):
    """Segments that a rectangle needs: rows of MCUs and segments of a row, each from the first to before the last."""

    top: int
    bottom: int
    left: int
    right: int


class Cut(NamedTuple):
    """A JPEG that holds a rectangle, and where the rectangle lies in its picture, in pixels."""

    jpeg: bytes
    x_px: int
    y_px: int


@dataclass(frozen=True)
class Restarts:
    """The index of one JPEG with restart markers; `layout` raises ValueError where its parts contradict each other."""

    header: bytes
    """From the start of image to the end of the scan's header."""
    mcus: int
    """MCUs in a segment; a row of MCUs is a whole number of segments."""
    segment_bytes: npt.NDArray[np.uint32]
    """Length of each segment, without the marker that follows it."""
    checksums: npt.NDArray[np.uint32] | None
    """CRC-32 of all that stands before each segment, then of the whole JPEG: one more than segments. None: not kept."""

    @property
    def width_px(self) -> int:
        """Width of the picture."""
        return self.layout.width_px

    @property
    def height_px(self) -> int:
        """Height of the picture."""
        return self.layout.height_px

    @property
    def mcu_width_px(self) -> int:
        """Width of an MCU."""
        return self.layout.mcu_width_px

    @property
    def mcu_height_px(self) -> int:
        """Height of an MCU."""
        return self.layout.mcu_height_px

    @cached_property
    def layout(self) -> _Layout:
        """What the header says; raises ValueError where it does not fit `mcus`, `segment_bytes` and `checksums`."""
        layout = _read_layout(self.header)
        if layout.mcus != self.mcus:
            raise ValueError(f"restart index: the header states {layout.mcus} MCUs in a segment, the index {self.mcus}")
        segments = layout.rows * layout.columns
        if self.segment_bytes.shape != (segments,) or (
            self.checksums is not None and self.checksums.shape != (segments + 1,)
        ):
            raise ValueError(
                f"restart index: {len(self.segment_bytes)} lengths of segments, and the checksums, do not fit "
                f"{layout.rows} rows of {layout.columns} segments"
            )
        return layout

    @cached_property
    def starts(self) -> Places:
        """Offset of each segment in the JPEG's bytes, and of the end behind the last one's marker."""
        steps = np.empty(len(self.segment_bytes) + 1, np.int64)
        steps[0] = len(self.header)
        np.add(self.segment_bytes, _MARKER_BYTES, out=steps[1:], dtype=np.int64)
        return np.cumsum(steps)


def interval(mcu_columns: int, wish: int) -> int:
    """Return how many MCUs a segment gets: the divisor of a row's MCUs that is nearest to `wish` in ratio.

    Of two equally near ones it is the smaller. 0 wishes no markers and gives 0.
    """
    if mcu_columns < 1 or wish < 0:
        raise ValueError(f"{mcu_columns} columns of MCUs, {wish} wanted in a segment")
    if wish == 0:
        return 0
    divisors = [number for number in range(1, mcu_columns + 1) if mcu_columns % number == 0]
    return min(divisors, key=lambda number: max(number / wish, wish / number))


def find_restarts(jpeg: bytes, *, with_checksums: bool = True) -> Restarts:
    """Return the index of a whole JPEG; raises ValueError where it has no markers, or not those of this module."""
    header = jpeg[: header_segments(jpeg, whole=True)[-1].end]
    layout = _read_layout(header)
    data = np.frombuffer(jpeg, np.uint8)
    places = len(header) + np.flatnonzero(data[len(header) : -1] == 0xFF)
    followers = data[places + 1]
    marked = followers != 0  # 0xFF 0x00 is the value 255
    markers, numbers = places[marked], followers[marked]
    segments = layout.rows * layout.columns
    if len(markers) != segments:
        raise ValueError(
            f"{segments} segments of {layout.mcus} MCUs end with as many markers, found are {len(markers)} markers"
        )
    expected = RST0 + np.arange(segments) % 8
    expected[-1] = EOI
    if (numbers != expected).any():
        at = int(np.argmax(numbers != expected))
        raise ValueError(f"marker 0x{numbers[at]:02X} at byte {markers[at]} where 0x{expected[at]:02X} must stand")
    if markers[-1] != len(jpeg) - _MARKER_BYTES:
        raise ValueError(f"{len(jpeg) - int(markers[-1]) - _MARKER_BYTES} bytes behind the end of the image")
    starts = np.concatenate(([len(header)], markers + _MARKER_BYTES))
    return Restarts(
        header,
        layout.mcus,
        (markers - starts[:-1]).astype(np.uint32),
        _running_checksums(jpeg, header, starts.tolist()) if with_checksums else None,
    )


def byte_range(restarts: Restarts, rectangle: Rectangle) -> tuple[int, int]:
    """Return the first byte, and the one behind the last, of what `cut` needs of the JPEG for a rectangle."""
    area, columns = needed_area(restarts, rectangle), restarts.layout.columns
    return (
        int(restarts.starts[area.top * columns + area.left]),
        int(restarts.starts[(area.bottom - 1) * columns + area.right]),
    )


def needed_area(restarts: Restarts, rectangle: Rectangle) -> Area:
    """Return the segments that a rectangle's pixels depend on; raises ValueError where it leaves the picture."""
    layout, (x_px, y_px, width_px, height_px) = restarts.layout, rectangle
    right_px, bottom_px = x_px + width_px, y_px + height_px
    if not (0 <= x_px < right_px <= layout.width_px and 0 <= y_px < bottom_px <= layout.height_px):
        raise ValueError(
            f"rectangle of {width_px}x{height_px} px at {x_px},{y_px} leaves the picture of "
            f"{layout.width_px}x{layout.height_px} px"
        )
    segment_px = layout.mcus * layout.mcu_width_px
    return Area(
        max(y_px - layout.margin_y_px, 0) // layout.mcu_height_px,
        min(-(-(bottom_px + layout.margin_y_px) // layout.mcu_height_px), layout.rows),
        max(x_px - layout.margin_x_px, 0) // segment_px,
        min(-(-(right_px + (layout.margin_x_px > 0)) // segment_px), layout.columns),
    )


def cut(restarts: Restarts, rectangle: Rectangle, data: bytes | memoryview, start: int) -> Cut:
    """Return a JPEG made of the segments that a rectangle needs.

    `data` are the bytes of the JPEG from offset `start` on, at least those of `byte_range`. Raises ValueError for
    fewer, and for a segment whose checksum is another, which it names.
    """
    layout, area = restarts.layout, needed_area(restarts, rectangle)
    shape = (layout.rows, layout.columns)
    first = restarts.starts[:-1].reshape(shape)[area.top : area.bottom, area.left]
    after = restarts.starts[1:].reshape(shape)[area.top : area.bottom, area.left : area.right]
    begins, ends = first.tolist(), after[:, -1].tolist()
    if begins[0] < start or ends[-1] > start + len(data):
        raise ValueError(
            f"bytes {begins[0]} to {ends[-1]} are needed, {start} to {start + len(data)} are given: "
            "the JPEG is truncated, or the index is not of it"
        )
    view = memoryview(data)
    # a row's segments stand one behind the other, with their markers: they are one piece
    pieces = [view[begin - start : end - start] for begin, end in zip(begins, ends, strict=True)]
    if restarts.checksums is not None:
        _check(restarts, restarts.checksums, area, pieces)
    header = _resized_header(restarts, area)
    jpeg = bytearray().join((header, *pieces))
    sizes = after[:, -1] - first
    moved = len(header) + np.cumsum(sizes) - sizes - first
    markers = (after + moved[:, None]).ravel() - _MARKER_BYTES
    written = np.frombuffer(jpeg, np.uint8)
    written[markers] = 0xFF
    written[markers + 1] = RST0 + (np.arange(len(markers)) & 7)
    jpeg[-_MARKER_BYTES:] = _EOI
    left_px, top_px = area.left * layout.mcus * layout.mcu_width_px, area.top * layout.mcu_height_px
    return Cut(bytes(jpeg), rectangle[0] - left_px, rectangle[1] - top_px)


def decode_rectangle(restarts: Restarts, rectangle: Rectangle, data: bytes | memoryview, start: int) -> Pixels:
    """Return a rectangle's pixels, equal to those of the whole decoded JPEG; arguments and errors as `cut` has them.

    The array is a view of what was decoded, which is larger by up to a segment on each side.
    """
    piece = cut(restarts, rectangle, data, start)
    width_px, height_px = rectangle[2:]
    picture: Pixels = simplejpeg.decode_jpeg(piece.jpeg, "RGB", fastdct=False, fastupsample=False, strict=True)
    return picture[piece.y_px : piece.y_px + height_px, piece.x_px : piece.x_px + width_px]


def _read_layout(header: bytes) -> _Layout:
    frames, mcus, segments = [], 0, _plain_segments(header)
    for segment in segments:
        if segment.marker == DRI:
            mcus = _stated_interval(header[segment.payload_start : segment.end])
        elif is_frame(segment.marker):
            frames.append(segment)
    if len(frames) != 1:
        raise ValueError(f"{len(frames)} frame headers before the first scan, not one")
    frame = read_frame(header, frames[0])
    if frame.coding not in ("baseline", "extended") or frame.precision_bits != 8:
        raise ValueError(f"{frame.coding} coding of {frame.precision_bits} bits has no restart index")
    if frame.subsampling not in _SUBSAMPLINGS:
        raise ValueError(f"components {frame.subsampling} have no restart index")
    if read_scan_components(header, segments[-1]) != tuple(component.identifier for component in frame.components):
        raise ValueError("the first scan is not of all components")
    mcu_width_px, mcu_height_px = frame.mcu_size_px
    columns = -(-frame.width_px // mcu_width_px)
    if mcus == 0 or columns % mcus:
        what = f"segments of {mcus} MCUs do not divide a row of {columns}" if mcus else "no restart markers"
        raise ValueError(f"{what}: the JPEG has no restart index and must be decoded whole")
    margin_x_px, margin_y_px = _margins(frame)
    return _Layout(
        frame.width_px, frame.height_px, mcu_width_px, mcu_height_px, frames[0].payload_start + 1,
        mcus, columns // mcus, -(-frame.height_px // mcu_height_px), margin_x_px, margin_y_px,
    )  # fmt: skip


def _plain_segments(header: bytes) -> list[Segment]:
    """Return the segments of a header without stray bytes; a fifth of the time of `header_segments`."""
    if header[:2] != _SOI:
        raise ValueError("the header does not begin with a start of image")
    segments, offset, size = [], len(_SOI), len(header)
    while offset + 4 <= size:
        fill, marker, length = _SEGMENT.unpack_from(header, offset)
        end = offset + 2 + length
        if fill != 0xFF or marker < SOF0 or RST0 <= marker <= EOI or length < 2 or end > size:
            raise ValueError(f"bytes {header[offset : offset + 4].hex(' ')} at {offset} of the header begin no segment")
        segments.append(Segment(marker, "", offset, offset + 4, end))
        if marker == SOS and end == size:
            return segments
        offset = end
    raise ValueError(f"the header of {size} bytes does not end with that of a scan")


def _stated_interval(payload: bytes) -> int:
    if len(payload) != 2:
        raise ValueError(f"DRI of {len(payload)} bytes, not 2")
    return int.from_bytes(payload, "big")


def _margins(frame: Frame) -> tuple[int, int]:
    """Return how far to the left of a pixel, and how far above and below it, the chroma lies that it depends on.

    libjpeg interpolates between a chroma sample and the next one where two pixels share a sample along an axis; where
    four do, it repeats the sample.
    """
    if len(frame.components) == 1:
        return 0, 0
    luma, chroma = frame.components[:2]
    return (
        _NARROW_PX if luma.horizontal == 2 * chroma.horizontal else 0,
        1 if luma.vertical == 2 * chroma.vertical else 0,
    )


def _resized_header(restarts: Restarts, area: Area) -> bytearray:
    """Return the header with the size of an area; at the picture's right and bottom edge its true size ends there."""
    layout = restarts.layout
    segment_px = layout.mcus * layout.mcu_width_px
    width_px = min(area.right * segment_px, layout.width_px) - area.left * segment_px
    height_px = min(area.bottom * layout.mcu_height_px, layout.height_px) - area.top * layout.mcu_height_px
    header = bytearray(restarts.header)
    _SIZE.pack_into(header, layout.size_at, height_px, width_px)
    return header


def _running_checksums(jpeg: bytes, header: bytes, starts: list[int]) -> npt.NDArray[np.uint32]:
    """Return the CRC-32 of the bytes before each of `starts`, each made from the one before."""
    view = memoryview(jpeg)
    checksums = [zlib.crc32(header)]
    for begin, end in pairwise(starts):
        checksums.append(zlib.crc32(view[begin:end], checksums[-1]))
    return np.array(checksums, np.uint32)


def _check(restarts: Restarts, checksums: npt.NDArray[np.uint32], area: Area, pieces: list[memoryview]) -> None:
    """Raise ValueError where header or pieces are not those that the checksums are of; names the first bad segment.

    The checksum of what stands before a piece and that of the piece make the next one, so a row needs one look.
    """
    if zlib.crc32(restarts.header) != checksums[0]:
        raise ValueError(
            f"the header is damaged: its CRC-32 is {zlib.crc32(restarts.header):08x}, not {checksums[0]:08x}"
        )
    shape = (restarts.layout.rows, restarts.layout.columns)
    before = checksums[:-1].reshape(shape)[area.top : area.bottom, area.left].tolist()
    after = checksums[1:].reshape(shape)[area.top : area.bottom, area.right - 1].tolist()
    for row, (piece, known, wanted) in enumerate(zip(pieces, before, after, strict=True)):
        if zlib.crc32(piece, known) == wanted:
            continue
        begin = 0
        leftmost = (area.top + row) * shape[1]
        for number in range(leftmost + area.left, leftmost + area.right):
            end = begin + int(restarts.segment_bytes[number]) + _MARKER_BYTES
            found = zlib.crc32(piece[begin:end], int(checksums[number]))
            if found != checksums[number + 1]:
                raise ValueError(
                    f"segment {number} of {len(restarts.segment_bytes)} is damaged: CRC-32 up to its end is "
                    f"{found:08x}, not {int(checksums[number + 1]):08x}"
                )
            begin = end
