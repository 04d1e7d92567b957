"""Reading: reads the quantised DCT coefficients of a whole JPEG exactly as they are in the file (ITU-T T.81, annex F).

Baseline and extended Huffman coding of 8 bits are read, in one scan or several. What cameras write against the standard
without harm to the picture (`forensics.jpeg.oddities`) is read as decoders read it; everything else is refused, so no
coefficient is ever made up. Memory is bounded by the file's size: a block is coded in 2 bits at least.

All Huffman codes must be read to know where any block begins, so a few rectangles of a photograph take two thirds of
the time of all coefficients. What is saved is the memory: only the pages that hold wanted blocks are ever touched.
"""

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forensics.coefficients.huffman import look_up_table
from forensics.coefficients.photograph import Coefficients, blocks_of, readable_frame
from forensics.coefficients.scan import Part, Plan, decode_scan
from forensics.errors import JpegError
from forensics.jpeg.frame import Frame
from forensics.jpeg.oddities import are_harmless_strays
from forensics.jpeg.scans import BETWEEN_SCANS_MAX
from forensics.jpeg.segments import (
    APP0,
    APP15,
    COM,
    DAC,
    DHT,
    DNL,
    DQT,
    DRI,
    EOI,
    RST0,
    RST7,
    SOI,
    SOS,
    TEM,
    Segment,
    header_segments,
)
from forensics.jpeg.tables import STANDARD_HUFFMAN, HuffmanTable, Table, read_huffman, read_quantisation

_SKIPPED = frozenset((DAC, DNL, COM, *range(APP0, APP15 + 1)))
_WITHOUT_SEGMENT = frozenset((TEM, *range(RST0, RST7 + 1)))

Rectangle = tuple[int, int, int, int]
"""x_px, y_px, width_px, height_px in the pixels of the picture."""


@dataclass
class _State:
    """What the segments before a scan have set; Motion JPEG leaves the standard's Huffman tables out (K.3)."""

    quantisation: dict[int, Table] = field(default_factory=dict)
    huffman: dict[tuple[int, int], HuffmanTable] = field(
        default_factory=lambda: {
            (table_class, number): table
            for table_class, tables in STANDARD_HUFFMAN.items()
            for number, table in enumerate(tables)
        }
    )
    restart_mcus: int = 0

    def take(self, data: bytes, segment: Segment) -> None:
        payload = data[segment.payload_start : segment.end]
        if segment.marker == DQT:
            read_quantisation(payload, segment.payload_start, self.quantisation)
        elif segment.marker == DHT:
            read_huffman(payload, segment.payload_start, self.huffman)
        elif segment.marker == DRI:
            if len(payload) != 2:
                raise JpegError(f"damaged JPEG: DRI of {len(payload)} bytes, not 2", segment.offset)
            self.restart_mcus = int.from_bytes(payload)


def read_coefficients(jpeg: bytes, rectangles: Sequence[Rectangle] | None = None) -> Coefficients:
    """Return the coefficients of a whole baseline JPEG, exactly as in the file.

    `rectangles`: where they are given, only the MCUs that one of them touches are sure to be read; others may be zero.
    Damage is found anywhere in the file all the same.
    Raises ValueError for other coding processes, colours other than grey and YCbCr, and quantisation tables of 16 bits;
    JpegError, which has the offset, for truncated or damaged data.
    """
    segments = header_segments(jpeg, whole=True)
    frame = readable_frame(jpeg, segments)
    state = _State()
    for segment in segments:
        state.take(jpeg, segment)
    sizes = blocks_of(frame)
    lengths = [64 * rows * columns for rows, columns in sizes]
    if sum(lengths) // 64 * 2 > 8 * (len(jpeg) - segments[-1].end):
        raise JpegError(f"truncated JPEG: too few bytes for {frame.width_px}x{frame.height_px} px", len(jpeg))
    kept = _touched(frame, rectangles)
    coefficients = _zeros(sum(lengths) + 64, sparse=kept.size > 0)
    begins = [sum(lengths[:index]) for index in range(len(lengths))]
    tables: dict[int, Table] = {}
    scan: Segment | None = segments[-1]
    while scan is not None:
        scanned = _scan_components(jpeg, scan, frame)
        for index in scanned:
            if index in tables:
                raise JpegError(f"damaged JPEG: component {index + 1} is coded in two scans", scan.offset)
            tables[index] = _quantisation(state, frame, index, scan)
        plan = _plan(jpeg, scan, frame, scanned, state, sizes, begins, kept)
        end = decode_scan(jpeg, scan.end, plan, coefficients)
        scan = _next_scan(jpeg, end.offset, end.stray, end.before, state)
    if len(tables) < len(frame.components):
        raise JpegError(f"truncated JPEG: {len(tables)} of {len(frame.components)} components are coded", len(jpeg))
    return Coefficients(
        frame,
        tuple(
            coefficients[begin : begin + length].reshape(*size, 64)
            for begin, length, size in zip(begins, lengths, sizes, strict=True)
        ),
        tuple(np.array(tables[index], np.uint16).reshape(8, 8) for index in range(len(lengths))),
    )


def _touched(frame: Frame, rectangles: Sequence[Rectangle] | None) -> NDArray[np.bool_]:
    """Return for each MCU whether a rectangle touches it; empty where there are no rectangles."""
    if rectangles is None:
        return np.zeros(0, np.bool_)
    mcu_width_px, mcu_height_px = frame.mcu_size_px
    touched = np.zeros((-(-frame.height_px // mcu_height_px), -(-frame.width_px // mcu_width_px)), np.bool_)
    for x_px, y_px, width_px, height_px in rectangles:
        touched[
            y_px // mcu_height_px : -(-(y_px + height_px) // mcu_height_px),
            x_px // mcu_width_px : -(-(x_px + width_px) // mcu_width_px),
        ] = True
    return touched.ravel()


def _zeros(length: int, *, sparse: bool) -> NDArray[np.int16]:
    """Return so many zeros; `sparse` ones take no memory, and no time, where nothing is written."""
    return np.frombuffer(mmap.mmap(-1, 2 * length), np.int16) if sparse else np.zeros(length, np.int16)


def _scan_components(data: bytes, scan: Segment, frame: Frame) -> list[int]:
    """Return the indices of a scan's components, by libjpeg's rule for identifiers that are not unique (jdmarker.c)."""
    payload = data[scan.payload_start : scan.end]
    if not payload or not 1 <= payload[0] <= 4 or len(payload) != 4 + 2 * payload[0]:
        raise JpegError(f"damaged JPEG: SOS of {len(payload)} bytes", scan.offset)
    chosen: list[int] = []
    for place in range(payload[0]):
        identifier = payload[1 + 2 * place]
        matching = [
            index
            for index, component in enumerate(frame.components)
            if component.identifier == identifier and index >= place
        ]
        if not matching or matching[0] in chosen:
            raise JpegError(f"damaged JPEG: a scan codes component {identifier}, unknown or out of order", scan.offset)
        chosen.append(matching[0])
    return chosen


def _quantisation(state: _State, frame: Frame, index: int, scan: Segment) -> Table:
    number = frame.components[index].table
    table = state.quantisation.get(number)
    if table is None:
        raise JpegError(f"damaged JPEG: no quantisation table {number} for component {index + 1}", scan.offset)
    if max(table) > 255:
        raise ValueError("quantisation table of 16 bits: not a baseline JPEG")
    return table


def _plan(
    data: bytes,
    scan: Segment,
    frame: Frame,
    scanned: list[int],
    state: _State,
    sizes: list[tuple[int, int]],
    begins: list[int],
    kept: NDArray[np.bool_],
) -> Plan:
    """Return how a scan is laid out; the MCU of one component alone is one block (A.2.2 and A.2.3)."""
    tables = []
    for place, _index in enumerate(scanned):
        chosen = data[scan.payload_start + 2 + 2 * place]
        pair = []
        for table_class, number in ((0, chosen >> 4), (1, chosen & 15)):
            table = state.huffman.get((table_class, number))
            if table is None:
                raise JpegError(f"damaged JPEG: no Huffman table {number} of class {table_class}", scan.offset)
            pair.append(look_up_table(table, table_class, scan.offset))
        tables.append((pair[0], pair[1]))
    if len(scanned) == 1:
        rows, columns = sizes[scanned[0]]
        part = Part(begins[scanned[0]], columns, rows, 1, 1)
        # the MCUs of a scan of its own are others: all are read
        return Plan((part,), tuple(tables), columns, rows, state.restart_mcus, kept[:0])
    widest, highest = frame.mcu_size_px
    parts = []
    for index in scanned:
        rows, columns = sizes[index]
        component = frame.components[index]
        parts.append(Part(begins[index], columns, rows, component.horizontal, component.vertical))
    if sum(part.across * part.down for part in parts) > 10:
        raise JpegError("damaged JPEG: more than 10 blocks in an MCU", scan.offset)
    mcu_columns, mcu_rows = -(-frame.width_px // widest), -(-frame.height_px // highest)
    return Plan(tuple(parts), tuple(tables), mcu_columns, mcu_rows, state.restart_mcus, kept)


def _next_scan(data: bytes, position: int, stray: bytes, before: bytes, state: _State) -> Segment | None:
    """Return the next SOS after a scan, None at the end of the image; takes the tables between them into `state`.

    `position`: of the marker after the scan; `stray`: bytes before it that the scan left, `before`: those it took.
    """
    for _ in range(BETWEEN_SCANS_MAX):
        offset = position
        while position < len(data) and data[position] == 0xFF:
            position += 1
        if position >= len(data):
            break
        marker = data[position]
        position += 1
        if stray and (marker != EOI or not are_harmless_strays(stray, before)):
            raise JpegError(f"damaged JPEG: {len(stray)} bytes left over before marker 0x{marker:02X}", offset)
        if marker == EOI:
            return None
        if marker in _WITHOUT_SEGMENT:
            end = position
        elif marker in (SOS, DHT, DQT, DRI) or marker in _SKIPPED:
            length = int.from_bytes(data[position : position + 2])
            end = position + length
            if length < 2 or position + 2 > len(data):
                raise JpegError(f"damaged JPEG: segment 0x{marker:02X} of impossible length {length}", offset)
            if end > len(data):
                raise JpegError(f"truncated JPEG: inside segment 0x{marker:02X} after a scan", offset)
            segment = Segment(marker, "", offset, position + 2, end)
            if marker == SOS:
                return segment
            state.take(data, segment)
        elif marker == SOI:
            raise JpegError("truncated JPEG: a second start of image before the end of the first", offset)
        else:
            raise JpegError(f"damaged JPEG: marker 0x{marker:02X} after a scan", offset)
        position = data.find(b"\xff", end)
        if position < 0:
            break
        stray, before = data[end:position], data[max(0, end - 9) : end]
    raise JpegError("truncated JPEG: no end of image", len(data))
