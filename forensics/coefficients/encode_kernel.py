"""Encode kernel: the loops that write Huffman-coded data (ITU-T T.81, B.1.1.5, F.1.2, K.2, E.1.4), compiled by numba.

`collect` turns blocks into symbols and counts them, `code_lengths` makes the best Huffman table of the counts, and
`emit` writes the symbols with it. The caller sizes every array by counting coefficients before.
"""

import numpy as np
from numpy.typing import NDArray

from forensics.compiled import compiled
from forensics.jpeg.tables import ZIGZAG_OF_NATURAL

SYMBOLS_OF_A_BLOCK = 5
"""Most symbols of a block beside those of its AC coefficients: DC, three ZRL, EOB."""
RESTART = 0xFFFFFFFF
"""The symbol of `collect` that stands for a restart marker."""
DC_SIZE_MAX, AC_SIZE_MAX = 11, 10
"""Largest categories of 8-bit pictures (tables F.1 and F.2)."""

_NATURAL = np.argsort(ZIGZAG_OF_NATURAL).astype(np.uint8)
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
_BIT_OF = np.zeros(64, np.uint8)
"""The number of a lone bit: by the highest 6 bits of its product with the de Bruijn sequence, which all differ."""
for _bit in range(64):
    _BIT_OF[(int(_DE_BRUIJN) << _bit & (1 << 64) - 1) >> 58] = _bit
_SIZES = np.array([number.bit_length() for number in range(2048)], dtype=np.uint8)


@compiled("int64(Array(int16, 3, 'C', True), int64[::1])")
def count_nonzero(blocks: NDArray[np.int16], rectangle: NDArray[np.int64]) -> int:
    """Return how many coefficients are not 0 in the blocks of a rectangle: rows from, to, columns from, to."""
    found = 0
    for row in range(rectangle[0], rectangle[1]):
        for column in range(rectangle[2], rectangle[3]):
            for index in range(64):
                found += blocks[row, column, index] != 0
    return found


@compiled(
    "int64[::1](Array(int16, 3, 'C', True), Array(int16, 3, 'C', True), Array(int16, 3, 'C', True), int64[:, ::1], "
    "int64[::1], uint32[::1], int64[:, ::1])"
)
def collect(
    first: NDArray[np.int16],
    second: NDArray[np.int16],
    third: NDArray[np.int16],
    parts: NDArray[np.int64],
    mcus: NDArray[np.int64],
    symbols: NDArray[np.uint32],
    counts: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Fill `symbols` and count them by table in `counts`, of (4, 256); return how many, and 1 for a value out of range.

    `parts`: for each component its first row and column of blocks, how many rows and columns there are from there on
    (those beyond are padding), blocks in an MCU across and down, and 0 for the tables of luma, 2 for those of chroma.
    `mcus`: columns and rows of MCUs, and how many make a segment (0: all). A symbol has its extra bits (16), run and
    size (8), and table (8) from the lowest bit on.
    """
    answer = np.zeros(2, np.int64)
    before = np.zeros(3, np.int64)
    filled = np.int64(0)
    for mcu in range(mcus[0] * mcus[1]):
        if mcus[2] > 0 and mcu > 0 and mcu % mcus[2] == 0:
            symbols[filled] = RESTART
            filled += 1
            before[:] = 0
        mcu_row, mcu_column = mcu // mcus[0], mcu % mcus[0]
        for part in range(len(parts)):
            blocks = first if part == 0 else second if part == 1 else third
            table = parts[part, 6]
            for down in range(parts[part, 5]):
                row = mcu_row * parts[part, 5] + down
                for across in range(parts[part, 4]):
                    column = mcu_column * parts[part, 4] + across
                    if row >= parts[part, 2] or column >= parts[part, 3]:  # padding repeats the DC before it
                        symbols[filled], symbols[filled + 1] = table << 24, (table + 1) << 24
                        filled += 2
                        counts[table, 0] += 1
                        counts[table + 1, 0] += 1
                        continue
                    block = blocks[parts[part, 0] + row, parts[part, 1] + column]
                    value = np.int64(block[0]) - before[part]
                    before[part] = block[0]
                    if value < -2047 or value > 2047:
                        answer[1] = 1
                        return answer
                    size = np.int64(_SIZES[np.uint64(abs(value))])
                    symbols[np.uint64(filled)] = table << 24 | size << 16 | (value + (value >> 63)) & ((1 << size) - 1)
                    filled += 1
                    counts[table, size] += 1
                    left = np.uint64(0)  # a bit for each AC coefficient that is not 0, so that no zero is looked at
                    for index in range(1, 64):
                        left |= np.uint64(block[np.uint64(_NATURAL[np.uint64(index)])] != 0) << np.uint64(index)
                    last = np.int64(0)
                    while left != np.uint64(0):
                        lowest = left & (~left + np.uint64(1))
                        left ^= lowest
                        place = np.int64(_BIT_OF[lowest * _DE_BRUIJN >> np.uint64(58)])
                        value = np.int64(block[np.uint64(_NATURAL[np.uint64(place)])])
                        if value < -1023 or value > 1023:
                            answer[1] = 1
                            return answer
                        run = place - last - 1
                        last = place
                        while run > 15:
                            symbols[np.uint64(filled)] = (table + 1) << 24 | 0xF0 << 16
                            filled += 1
                            counts[table + 1, 0xF0] += 1
                            run -= 16
                        size = np.int64(_SIZES[np.uint64(abs(value))])
                        code = run << 4 | size
                        bits = (value + (value >> 63)) & ((1 << size) - 1)
                        symbols[np.uint64(filled)] = (table + 1) << 24 | code << 16 | bits
                        filled += 1
                        counts[np.uint64(table + 1), np.uint64(code)] += 1
                    if last < 63:
                        symbols[np.uint64(filled)] = (table + 1) << 24
                        filled += 1
                        counts[table + 1, 0] += 1
    answer[0] = filled
    return answer


@compiled("void(int64[::1], uint8[::1], uint8[::1])")
def code_lengths(counts: NDArray[np.int64], bits: NDArray[np.uint8], lengths: NDArray[np.uint8]) -> None:
    """Fill BITS (16 zeros) and each symbol's code length (256 zeros) with the best ones of at most 16 bits (K.2)."""
    left = np.zeros(257, np.int64)
    for symbol in range(256):
        left[symbol] = counts[symbol]
    left[256] = 1  # a symbol that reserves the code of ones alone, which no symbol may have
    sizes = np.zeros(257, np.int64)
    chain = np.zeros(257, np.int64)  # the next symbol of a chain + 1; 0: none
    while True:  # two least frequent ones become one: at most 256 times
        least, next_least = -1, -1
        for symbol in range(257):
            if left[symbol] > 0:
                if least < 0 or left[symbol] <= left[least]:
                    least, next_least = symbol, least
                elif next_least < 0 or left[symbol] <= left[next_least]:
                    next_least = symbol
        if next_least < 0:
            break
        left[least] += left[next_least]
        left[next_least] = 0
        end = least
        while True:
            sizes[end] += 1
            if chain[end] == 0:
                break
            end = chain[end] - 1
        chain[end] = next_least + 1
        end = next_least
        while True:
            sizes[end] += 1
            if chain[end] == 0:
                break
            end = chain[end] - 1
    numbers = np.zeros(258, np.int64)
    for symbol in range(257):
        numbers[sizes[symbol]] += 1
    numbers[0] = 0
    for size in range(257, 16, -1):  # figure K.3: pairs of the longest codes move up
        while numbers[size] > 0:
            shorter = size - 2
            while numbers[shorter] == 0:
                shorter -= 1
            numbers[size] -= 2
            numbers[size - 1] += 1
            numbers[shorter + 1] += 2
            numbers[shorter] -= 1
    longest = 16
    while numbers[longest] == 0:
        longest -= 1
    numbers[longest] -= 1  # the reserved code
    for size in range(1, 17):
        bits[size - 1] = numbers[size]
    # symbols keep their order by length, then by number
    place, size = 0, 0
    for wanted in range(1, 258):
        for symbol in range(256):
            if sizes[symbol] == wanted:
                while place == 0:
                    size += 1
                    place = numbers[size]
                lengths[symbol] = size
                place -= 1


@compiled("int64(uint32[::1], uint32[::1], uint8[::1])")
def emit(symbols: NDArray[np.uint32], codes: NDArray[np.uint32], data: NDArray[np.uint8]) -> int:
    """Write the coded symbols to `data`; return how many bytes. `codes`: by table x 256 + symbol, code x 32 + length.

    `data` must hold twice the coded bits, for stuffed zeros, 3 bytes for each restart marker and 16 more.
    """
    held = np.uint64(0)
    count = np.int64(0)
    filled = np.int64(0)
    restart = 0
    for number in range(len(symbols) + 1):
        is_end = number == len(symbols)
        if is_end or symbols[number] == np.uint32(RESTART):
            if count & 7:  # the last byte is filled with ones (F.1.2.3)
                missing = 8 - (count & 7)
                held = held << np.uint64(missing) | np.uint64((1 << missing) - 1)
                count += missing
        else:
            symbol = np.int64(symbols[number])
            size = symbol >> 16 & 15
            code = np.int64(codes[np.uint64(symbol >> 16)])
            length = (code & 31) + size
            held = held << np.uint64(length) | np.uint64(code >> 5 << size | symbol & 0xFFFF)
            count += length
            if count < 32:
                continue
        while count >= 8:
            count -= 8
            byte = np.uint8(held >> np.uint64(count) & np.uint64(255))
            data[np.uint64(filled)] = byte
            filled += 1
            if byte == 255:
                data[filled] = 0
                filled += 1
        if not is_end and symbols[number] == np.uint32(RESTART):
            data[filled], data[filled + 1] = 255, 0xD0 + restart
            restart = restart + 1 & 7
            filled += 2
    return int(filled)
