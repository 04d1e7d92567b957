"""Decode kernel: the loops that read Huffman-coded data (ITU-T T.81, B.1.1.5, F.2.2 and E.2.4), compiled by numba.

`unstuff` takes the scan's bytes apart into restart segments without stuffed zeros, and stops at the first other marker.
`decode` then needs to look for no marker: a segment is an array of bits. It reads 16 bits ahead in a table that has the
code, the run and, where they fit, the extra bits as one entry. No index depends on the data unchecked: a block takes at
most BLOCK_BYTES_MAX bytes, `plain` has as many behind its data, and each block's end is compared with its segment's.
"""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled
from forensics.jpeg.tables import ZIGZAG_OF_NATURAL

BLOCK_BYTES_MAX = 512
"""More than the longest block: 64 coefficients of a 16-bit code and 15 extra bits take 248 bytes."""
OK, BAD_CODE, TOO_SHORT, OVERFLOW, OUT_OF_RANGE, LEFT_OVER = range(6)
"""What `decode` can say: see `forensics.coefficients.scan`."""

_NATURAL = np.argsort(ZIGZAG_OF_NATURAL).astype(np.uint8)
_END_OF_BLOCK = 64
SHORT = 1 << 16
_SHORT_BITS = 11
_SHORT_REST = (1 << 16 - _SHORT_BITS) - 1
TABLE_ENTRIES = SHORT + (1 << _SHORT_BITS)
_SHORT, _SHORT_SHIFT, _FULL_SHIFT = np.uint64(SHORT), np.uint64(64 - _SHORT_BITS), np.uint64(48)


@compiled("int64[::1](Array(uint8, 1, 'C', True), int64, uint8[::1], int64[:, ::1])")
def unstuff(
    data: NDArray[np.uint8], start: int, plain: NDArray[np.uint8], segments: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Copy the scan data of `data` from `start` on to `plain`, without stuffed zeros, fill bytes and restart markers.

    `plain` must be as long as the data from `start` on. `segments`, of (most segments, 3), receives for each segment
    its end in `plain`, the number of the restart marker after it (-1: none) and that marker's offset in `data`.
    Returns the number of segments and the offset of the marker that ended the scan, -1 where the data ends without.
    """
    answer = np.zeros(2, np.int64)
    size, most = len(data), len(segments)
    position, filled, count = np.uint64(start), np.uint64(0), 0
    one = np.uint64(1)
    while position < size:
        byte = data[position]
        if byte != 255:
            plain[filled] = byte
            filled += one
            position += one
            continue
        behind = position + one
        while behind < size and data[behind] == 255:
            behind += one
        if behind >= size:
            break
        byte = data[behind]
        if byte == 0:
            plain[filled] = 255
            filled += one
        else:
            segments[count, 0] = filled
            segments[count, 1] = -1
            segments[count, 2] = position
            count += 1
            if byte < 0xD0 or byte > 0xD7 or count == most:
                answer[0], answer[1] = count, position
                return answer
            segments[count - 1, 1] = byte - 0xD0
        position = behind + one
    answer[0], answer[1] = count, -1
    return answer


@compiled("void(uint8[::1], uint8[::1], int32[::1])")
def fill_table(bits: NDArray[np.uint8], symbols: NDArray[np.uint8], table: NDArray[np.int32]) -> None:
    """Fill the look-up table of a Huffman table, given as BITS and HUFFVAL; `table` has TABLE_ENTRIES zeros.

    An entry has from its lowest bit on: how many bits to take (5), how many extra bits remain (4), how many
    coefficients to pass (7), and the value (16), unless extra bits remain. 0: no code begins so. The first entries are
    by 16 bits ahead, those from SHORT on by 11, with 0 for longer codes: they stay in the processor's nearest cache.
    BITS must be checked.
    """
    place = np.int64(0)
    number = np.int64(0)
    for length in range(1, 17):
        for _ in range(np.int64(bits[length - 1])):
            symbol = np.int64(symbols[number])
            number += 1
            run, size = symbol >> 4, symbol & 15
            behind = 16 - length
            if size == 0:
                if run != 0 and run != 15:  # undefined in a sequential scan (F.1.2.2.1)
                    place += 1 << behind
                    continue
                run = np.int64(16 if run == 15 else _END_OF_BLOCK)
            for rest in range(1 << behind):
                entry = length | size << 5 | run << 9
                if size > 0 and size <= behind:
                    value = rest >> (behind - size)
                    if value < 1 << (size - 1):
                        value -= (1 << size) - 1
                    entry = (length + size) | run << 9 | value << 16
                table[place + rest] = entry
                if length <= _SHORT_BITS and rest & _SHORT_REST == 0:
                    if length + size > _SHORT_BITS:
                        entry = length | size << 5 | run << 9
                    table[SHORT + (place + rest >> 16 - _SHORT_BITS)] = entry
            place += 1 << behind


@compiled("int64[::1](uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1], int32[::1], boolean[::1], int16[::1])")
def decode(
    plain: NDArray[np.uint8],
    segments: NDArray[np.int64],
    parts: NDArray[np.int64],
    mcus: NDArray[np.int64],
    tables: NDArray[np.int32],
    kept: NDArray[np.bool_],
    coefficients: NDArray[np.int16],
) -> NDArray[np.int64]:
    """Decode a scan into `coefficients`; return what went wrong, the byte of `plain` where, the MCU, and the end.

    `segments`: from `unstuff`. `parts`: for each component of the scan, where its blocks begin in `coefficients`, its
    columns and rows of blocks, its blocks in an MCU across and down, and where its DC and AC tables begin in `tables`.
    Blocks beyond the columns and rows are padding: they go to the last 64 entries. `mcus`: columns and rows of MCUs,
    and how many make a segment. `kept`: for each MCU whether its blocks are wanted; those of others go where padding
    goes. It is empty where all are. The end is the number of bytes taken of the last segment.
    """
    answer = np.zeros(4, np.int64)
    before = np.zeros(4, np.int64)
    padding = np.int64(len(coefficients) - 64)
    columns, all_mcus, interval = mcus[0], mcus[0] * mcus[1], mcus[2]
    all_kept = len(kept) == 0
    begin = np.int64(0)
    mcu = 0
    for segment in range(len(segments)):
        end = segments[segment, 0]
        position = np.uint64(begin)
        held = np.uint64(0)  # bits not used yet, from the highest on
        count = np.int64(0)
        before[:] = 0
        for mcu in range(segment * interval, min(all_mcus, (segment + 1) * interval)):
            mcu_row, mcu_column = mcu // columns, mcu % columns
            is_kept = all_kept or kept[mcu]
            for part in range(len(parts)):
                first, across, down = parts[part, 0], parts[part, 3], parts[part, 4]
                part_columns, part_rows, ac_table = parts[part, 1], parts[part, 2], np.uint64(parts[part, 6])
                for down_there in range(down):
                    row = mcu_row * down + down_there
                    for across_there in range(across):
                        column = mcu_column * across + across_there
                        block = np.uint64(padding)
                        if is_kept and column < part_columns and row < part_rows:
                            block = np.uint64(first + (row * part_columns + column) * 64)
                        table = np.uint64(parts[part, 5])
                        index = np.uint64(0)
                        status = OK
                        while index < 64:
                            if count <= 32:
                                four = (
                                    np.uint32(plain[position]) << np.uint32(24)
                                    | np.uint32(plain[position + np.uint64(1)]) << np.uint32(16)
                                    | np.uint32(plain[position + np.uint64(2)]) << np.uint32(8)
                                    | np.uint32(plain[position + np.uint64(3)])
                                )
                                held |= np.uint64(four) << np.uint64(32 - count)
                                count += 32
                                position += np.uint64(4)
                            entry = np.int64(tables[table + _SHORT + (held >> _SHORT_SHIFT)])
                            if entry == 0:
                                entry = np.int64(tables[table + (held >> _FULL_SHIFT)])
                            taken = entry & 31
                            held <<= np.uint64(taken)
                            count -= taken
                            value = entry >> 16
                            if value == 0:
                                size = (entry >> 5) & 15
                                if size > 0:
                                    value = np.int64(held >> np.uint64(64 - size))
                                    held <<= np.uint64(size)
                                    count -= size
                                    if value < 1 << (size - 1):
                                        value -= (1 << size) - 1
                                elif entry == 0:
                                    status = BAD_CODE
                                    break
                                elif index > 0:
                                    if entry >> 9 & 127 == _END_OF_BLOCK:
                                        break
                                    index += np.uint64(16)
                                    if index > 64:
                                        status = OVERFLOW
                                        break
                                    continue
                            if index == 0:
                                value += before[part]
                                before[part] = value
                                if value < -32768 or value > 32767:
                                    status = OUT_OF_RANGE
                                    break
                                coefficients[block] = value
                                index = np.uint64(1)
                                table = ac_table
                                continue
                            index += np.uint64(entry >> 9 & 127)
                            if index > 63:
                                status = OVERFLOW
                                break
                            coefficients[block + np.uint64(_NATURAL[index])] = value
                            index += np.uint64(1)
                        where = np.int64(position) - (count >> 3)
                        if np.int64(position) * 8 - count > end * 8:
                            status = TOO_SHORT
                        if status != OK:
                            answer[0], answer[1], answer[2] = status, min(end, where), mcu
                            return answer
        used = np.int64(position) - (count >> 3)
        if used < end and segment < len(segments) - 1:
            answer[0], answer[1], answer[2] = LEFT_OVER, used, mcu
            return answer
        answer[3] = used - begin
        begin = end
    return answer
