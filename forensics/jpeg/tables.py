"""Tables: reads quantisation and Huffman tables from DQT and DHT payloads, and has those of the standard.

The constants are from ITU-T T.81 (09/92): Tables K.1 and K.2 (quantisation), K.3 to K.6 (Huffman) and Figure A.6
(zigzag order). Refuses payloads that end inside a table, and numbers that the standard does not define.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from forensics.errors import JpegError

ZIGZAG_OF_NATURAL = (
    0, 1, 5, 6, 14, 15, 27, 28,
    2, 4, 7, 13, 16, 26, 29, 42,
    3, 8, 12, 17, 25, 30, 41, 43,
    9, 11, 18, 24, 31, 40, 44, 53,
    10, 19, 23, 32, 39, 45, 52, 54,
    20, 22, 33, 38, 46, 51, 55, 60,
    21, 34, 37, 47, 50, 56, 59, 61,
    35, 36, 48, 49, 57, 58, 62, 63,
)  # fmt: skip
"""Position in a DQT payload of the entry for row `i // 8`, column `i % 8` (Figure A.6)."""

LUMA_QUANTISATION = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
CHROMA_QUANTISATION = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
) + (99,) * 32  # fmt: skip

_LUMA_DC = (bytes.fromhex("00010501010101010100000000000000"), bytes(range(12)))
_CHROMA_DC = (bytes.fromhex("00030101010101010101010000000000"), bytes(range(12)))
_LUMA_AC = (
    bytes.fromhex("0002010303020403050504040000017d"),
    bytes.fromhex(
        "0102030004110512213141061351610722711432 8191a1082342b1c11552d1f0"
        "24336272 82090a161718191a25262728292a3435363738393a43444546474849"
        "4a535455565758595a636465666768696a737475767778797a83848586878889"
        "8a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5"
        "c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8"
        "f9fa"
    ),
)
_CHROMA_AC = (
    bytes.fromhex("00020102040403040705040400010277"),
    bytes.fromhex(
        "0001020311040521310612415107617113223281081442 91a1b1c109233352f0"
        "156272d10a162434e125f11718191a262728292a35363738393a434445464748"
        "494a535455565758595a636465666768696a737475767778797a828384858687"
        "88898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3"
        "c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8"
        "f9fa"
    ),
)
STANDARD_HUFFMAN = {0: (_LUMA_DC, _CHROMA_DC), 1: (_LUMA_AC, _CHROMA_AC)}
"""The tables of Annex K.3 as (BITS, HUFFVAL), by class (0 DC, 1 AC)."""

Table = tuple[int, ...]
"""64 quantisation entries in natural order."""
HuffmanTable = tuple[bytes, bytes]
"""BITS (16 counts by code length) and HUFFVAL (the symbols)."""

_in_natural_order = itemgetter(*ZIGZAG_OF_NATURAL)


def read_quantisation(payload: bytes, offset: int, tables: dict[int, Table]) -> None:
    """Add the tables of a DQT payload to `tables` by destination 0..3; a later one replaces an earlier one.

    `offset`: of the payload in the file, for the text of a JpegError.
    """
    position = 0
    while position < len(payload):
        precision, destination = payload[position] >> 4, payload[position] & 15
        if precision > 1 or destination > 3:
            raise JpegError(f"DQT of precision {precision} for destination {destination}", offset + position)
        length = 128 if precision else 64
        entries = payload[position + 1 : position + 1 + length]
        if len(entries) < length:
            raise JpegError(f"DQT ends inside table {destination}", offset + position)
        tables[destination] = _in_natural_order(struct.unpack(">64H", entries) if precision else entries)
        position += 1 + length


def read_huffman(payload: bytes, offset: int, tables: dict[tuple[int, int], HuffmanTable]) -> None:
    """Add the tables of a DHT payload to `tables` by (class, destination); a later one replaces an earlier one.

    `offset`: of the payload in the file, for the text of a JpegError.
    """
    position = 0
    while position < len(payload):
        table_class, destination = payload[position] >> 4, payload[position] & 15
        if table_class > 1 or destination > 3:
            raise JpegError(f"DHT of class {table_class} for destination {destination}", offset + position)
        counts = payload[position + 1 : position + 17]
        symbols_count = sum(counts)
        symbols = payload[position + 17 : position + 17 + symbols_count]
        if len(counts) < 16 or len(symbols) < symbols_count:
            raise JpegError(f"DHT ends inside table {destination} of class {table_class}", offset + position)
        if symbols_count > 256:
            raise JpegError(f"DHT with {symbols_count} symbols", offset + position)
        tables[table_class, destination] = (counts, symbols)
        position += 17 + symbols_count


def huffman_kind(tables: dict[tuple[int, int], HuffmanTable]) -> str:
    """Return `standard` if every table is one of Annex K.3, `optimised` if one is not, `none` without tables."""
    if not tables:
        return "none"
    known: Iterable[bool] = (table in STANDARD_HUFFMAN[key[0]] for key, table in tables.items())
    return "standard" if all(known) else "optimised"


def tables_digest(tables: Sequence[Sequence[int]]) -> str:
    """Return 16 hex digits of the SHA-256 over quantisation tables in natural order, luma first.

    Their number and then all entries, 0..65535 each, are digested as big-endian 16-bit numbers.
    """
    return _tables_digest(tuple(map(tuple, tables)))


@lru_cache(maxsize=1024)
def _tables_digest(tables: tuple[Table, ...]) -> str:
    digest = hashlib.sha256(struct.pack(">H", len(tables)))
    for table in tables:
        digest.update(struct.pack(f">{len(table)}H", *table))
    return digest.hexdigest()[:16]


def huffman_digest(tables: Mapping[tuple[int, int], HuffmanTable]) -> str:
    """Return 16 hex digits of the SHA-256 over Huffman tables by (class, destination), in that order.

    Of each table, one byte (class × 16 + destination), the 16 bytes of BITS, and HUFFVAL are digested.
    """
    parts = (bytes((key[0] << 4 | key[1],)) + bits + symbols for key, (bits, symbols) in sorted(tables.items()))
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
