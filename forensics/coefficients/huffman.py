"""Huffman: makes look-up tables for reading of the Huffman tables of a file, and codes for writing of symbols' counts.

A table comes as BITS and HUFFVAL (ITU-T T.81, B.2.4.2); codes are given out by length, then in the order of HUFFVAL
(annex C).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from forensics.errors import JpegError
from forensics.jpeg.tables import HuffmanTable

_DC_SYMBOL_MAX = 15


@lru_cache(maxsize=16)
def _look_up(table: HuffmanTable) -> NDArray[np.int32]:
    from forensics.coefficients.decode_kernel import TABLE_ENTRIES, fill_table

    entries = np.zeros(TABLE_ENTRIES, np.int32)
    fill_table(np.frombuffer(bytearray(table[0]), np.uint8), np.frombuffer(bytearray(table[1]), np.uint8), entries)
    return entries


def look_up_table(table: HuffmanTable, table_class: int, offset: int) -> NDArray[np.int32]:
    """Return the entries of `decode_kernel.fill_table` for a table of class 0 (DC) or 1 (AC).

    Raises JpegError, with `offset`, for a table with more codes than its lengths allow (annex C; the code of ones alone
    is none) and for DC symbols above 15.
    """
    free = 1
    for count in table[0]:
        free = 2 * free - count
        if free < 0 or (count and free < 1):
            raise JpegError("damaged JPEG: a Huffman table has more codes than its lengths allow", offset)
    if table_class == 0 and max(table[1], default=0) > _DC_SYMBOL_MAX:
        raise JpegError(f"damaged JPEG: a DC table has the symbol {max(table[1])}", offset)
    return _look_up(table)


def codes_for(counts: NDArray[np.int64]) -> tuple[HuffmanTable, NDArray[np.uint32]]:
    """Return the best table of codes of at most 16 bits for the symbols 0..255 of `counts` (K.2), and their codes.

    A code is given times 32 plus its length; 0 for symbols that do not occur.
    """
    from forensics.coefficients.encode_kernel import code_lengths

    bits, lengths = np.zeros(16, np.uint8), np.zeros(256, np.uint8)
    code_lengths(counts, bits, lengths)
    symbols = np.argsort(lengths, kind="stable")[256 - int(bits.sum()) :]
    codes = np.zeros(256, np.uint32)
    code, length_before = 0, 0
    for symbol in symbols:
        length = int(lengths[symbol])
        code <<= length - length_before
        codes[symbol] = code << 5 | length
        code, length_before = code + 1, length
    return (bits.tobytes(), symbols.astype(np.uint8).tobytes()), codes
