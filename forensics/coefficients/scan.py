"""Scan: decodes the entropy-coded data of one scan (ITU-T T.81, F.2.2) and says exactly what is wrong with it.

Data that ends early or late, bits that are no code, more than 64 coefficients in a block, values out of range, and
restart markers that are missing, too many or out of order are damage. Nothing is guessed in their place.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forensics.errors import JpegError


class Part(NamedTuple):
    """One component in a scan: where its blocks begin, its columns and rows of blocks, its blocks in an MCU."""

    begin: int
    columns: int
    rows: int
    across: int
    down: int


class Plan(NamedTuple):
    """How a scan is laid out: its components with their look-up tables (DC, AC), its MCUs, those of a restart."""

    parts: tuple[Part, ...]
    tables: tuple[tuple[NDArray[np.int32], NDArray[np.int32]], ...]
    mcu_columns: int
    mcu_rows: int
    restart_mcus: int
    """0: no restart markers."""
    kept: NDArray[np.bool_]
    """For each MCU whether its blocks are wanted; empty where all are."""


class End(NamedTuple):
    """Where a scan ends: the marker's offset, the bytes before it that no code took, and up to 9 before those."""

    offset: int
    stray: bytes
    before: bytes


def decode_scan(data: bytes, start: int, plan: Plan, coefficients: NDArray[np.int16]) -> End:
    """Decode the scan whose data begins at `start` into `coefficients`, whose last 64 entries are for padding.

    Raises JpegError with the offset of the byte where damage shows.
    """
    from forensics.coefficients import decode_kernel

    mcus = plan.mcu_columns * plan.mcu_rows
    interval = plan.restart_mcus or mcus
    plain = np.empty(len(data) - start + decode_kernel.BLOCK_BYTES_MAX, np.uint8)
    found = np.empty((-(-mcus // interval), 3), np.int64)
    number, marker_at = decode_kernel.unstuff(np.frombuffer(data, np.uint8), start, plain, found)
    if marker_at < 0:
        raise JpegError("truncated JPEG: no end of image", len(data))
    segments = found[:number]
    for index, (_, marker, offset) in enumerate(segments[:-1]):
        if marker != index & 7:
            raise JpegError(f"damaged JPEG: restart marker RST{marker} where RST{index & 7} must stand", int(offset))
    if number < len(found):
        raise JpegError(f"damaged JPEG: {number} restart segments, not {len(found)}", int(marker_at))
    plain[segments[-1, 0] : segments[-1, 0] + decode_kernel.BLOCK_BYTES_MAX] = 0
    tables = {id(table): table for pair in plan.tables for table in pair}
    places = {key: place * decode_kernel.TABLE_ENTRIES for place, key in enumerate(tables)}
    parts = [
        (*part, *(places[id(table)] for table in pair)) for part, pair in zip(plan.parts, plan.tables, strict=True)
    ]
    layout = np.array([plan.mcu_columns, plan.mcu_rows, interval], np.int64)
    entries = np.concatenate(list(tables.values()))
    status, where, mcu, end = decode_kernel.decode(
        plain, segments, np.array(parts, np.int64), layout, entries, plan.kept, coefficients
    )
    if status != decode_kernel.OK:
        what = {
            decode_kernel.BAD_CODE: "bits that are no Huffman code",
            decode_kernel.TOO_SHORT: "the data ends too early",
            decode_kernel.OVERFLOW: "more than 64 coefficients in a block",
            decode_kernel.OUT_OF_RANGE: "a DC coefficient out of range",
            decode_kernel.LEFT_OVER: "data left over before a restart marker",
        }[status]
        raise JpegError(f"damaged JPEG: {what} in MCU {mcu} of {mcus}", _offset(data, start, segments, int(where)))
    begin = segments[-2, 0] if number > 1 else 0
    last = plain[begin : segments[-1, 0]].tobytes()
    return End(int(marker_at), last[end:], last[max(0, int(end) - 9) : end])


def _offset(data: bytes, start: int, segments: NDArray[np.int64], plain_at: int) -> int:
    """Return the offset in the file of a byte that `unstuff` has copied: only a faulty file needs it."""
    ends = segments[:, 0]
    segment = min(int(np.searchsorted(ends, plain_at, side="left")), len(ends) - 1)
    copied, position = 0, start
    if segment:
        copied, position = int(ends[segment - 1]), int(segments[segment - 1, 2])
        while data[position] == 0xFF:
            position += 1
        position += 1
    while copied < plain_at and position < len(data):
        if data[position] == 0xFF:
            while position + 1 < len(data) and data[position + 1] == 0xFF:
                position += 1
            position += 1
        position += 1
        copied += 1
    return position
