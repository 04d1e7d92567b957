"""TIFF: reads wanted entries from the directories of an EXIF or MPF block.

Only wanted values are copied, and no pointer is followed on its own account, so loops of directories and huge counts
cost nothing. What is broken is added to `problems`, never raised. Types and layout: TIFF 6.0, section 2; Exif 2.32
(CIPA DC-008), 4.6.2.
"""

import struct
from typing import NamedTuple

from forensics.metadata.text import clean_bytes

TEXT_BYTES_MAX = 1024
"""Most bytes read of one text; the rest of a longer one is ignored."""
ENTRIES_MAX = 1000
"""Most entries in one directory; cameras write fewer than 100."""
INT32_MAX = 2**31 - 1

ENDIANS = {b"II": "<", b"MM": ">"}
"""First two bytes → byte order in the notation of `struct`."""

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TEXT_TYPES = (1, 2, 7)  # in careless files, BYTE and UNDEFINED hold texts
_NUMBER_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}
_POINTER_TYPES = (4, 13)
_TABLES = {"<": struct.Struct("<HHII"), ">": struct.Struct(">HHII")}


class Entry(NamedTuple):
    """One entry: `values_count` values of the TIFF type `kind`, `size_bytes` together, at offset `at` of the block.

    All its bytes are inside the block, except for unchecked entries.
    """

    kind: int
    values_count: int
    size_bytes: int
    at: int


class Directory(NamedTuple):
    """One directory: its stated and its actual number of entries, the wanted entries by tag (the first of each)."""

    stated: int
    there: int
    entries: dict[int, Entry]
    next_offset: int
    """Offset of the next directory; 0 where none follows, or this one is cut short."""


def directory_count(tiff: bytes, endian: str, offset: int) -> int:
    """Return how many entries the directory at `offset` states; -1 if it is outside, or above ENTRIES_MAX."""
    if offset < 8 or offset + 2 > len(tiff):
        return -1
    count = int.from_bytes(tiff[offset : offset + 2], "little" if endian == "<" else "big")
    return count if count <= ENTRIES_MAX else -1


def read_directory(
    tiff: bytes,
    endian: str,
    offset: int,
    where: str,
    wanted: frozenset[int],
    problems: list[str],
    unchecked: frozenset[int] = frozenset(),
) -> Directory | None:
    """Return the directory at `offset` with its entries of the `wanted` tags; None where there is none.

    What is wrong is added to `problems`, in which `where` names the directory. Entries of `unchecked` tags, which must
    be wanted as well, are taken as stated.
    """
    if offset < 8 or offset + 2 > len(tiff):
        problems.append(f"{where} at {offset} of {len(tiff)} bytes")
        return None
    (stated,) = struct.unpack_from(endian + "H", tiff, offset)
    if stated > ENTRIES_MAX:
        problems.append(f"{where} with {stated} entries")
        return None
    start = offset + 2
    there = min(stated, (len(tiff) - start) // 12)
    end = start + 12 * there
    if there < stated:
        problems.append(f"{where} ends after {there} of {stated} entries")
    entries: dict[int, Entry] = {}
    at = start - 4  # of the value of the entry before
    for tag, kind, values_count, value_offset in _TABLES[endian].iter_unpack(tiff[start:end]):
        at += 12
        if tag not in wanted or tag in entries:
            continue
        size_bytes = _TYPE_BYTES.get(kind, 0) * values_count
        if size_bytes <= 4 and kind in _TYPE_BYTES:
            entries[tag] = Entry(kind, values_count, size_bytes, at)
        elif tag in unchecked:
            entries[tag] = Entry(kind, values_count, size_bytes, value_offset)
        elif kind not in _TYPE_BYTES:
            problems.append(f"{where}: tag 0x{tag:04X} of unknown type {kind}")
        elif value_offset + size_bytes > len(tiff):
            problems.append(f"{where}: tag 0x{tag:04X} with {size_bytes} bytes at {value_offset} of {len(tiff)}")
        else:
            entries[tag] = Entry(kind, values_count, size_bytes, value_offset)
    next_offset = 0
    if there == stated and end + 4 <= len(tiff):
        (next_offset,) = struct.unpack_from(endian + "I", tiff, end)
    return Directory(stated, there, entries, next_offset)


def find_entry(tiff: bytes, endian: str, offset: int, tag: int) -> Entry | None:
    """Return the entry of one tag in the directory at `offset`; None where there is none, or its value is outside.

    It looks for the tag's bytes, which is faster than reading a long directory for the sake of one entry.
    """
    count = directory_count(tiff, endian, offset)
    start = offset + 2
    end = min(start + 12 * count, len(tiff))
    wanted = tag.to_bytes(2, "little" if endian == "<" else "big")
    at = tiff.find(wanted, start, end)
    while at >= 0 and (at - start) % 12:
        at = tiff.find(wanted, at + 1, end)
    if at < 0 or at + 12 > end:
        return None
    _tag, kind, values_count, value_offset = _TABLES[endian].unpack_from(tiff, at)
    size_bytes = _TYPE_BYTES.get(kind, 0) * values_count
    if size_bytes <= 4:
        return Entry(kind, values_count, size_bytes, at + 8) if size_bytes else None
    return Entry(kind, values_count, size_bytes, value_offset) if value_offset + size_bytes <= len(tiff) else None


def text_of(tiff: bytes, entry: Entry | None) -> str | None:
    """Return the clean text of an entry up to its first NUL; None where it is empty or of another type."""
    if entry is None or entry.kind not in _TEXT_TYPES:
        return None
    data = tiff[entry.at : entry.at + min(entry.size_bytes, TEXT_BYTES_MAX)]
    return clean_bytes(data.partition(b"\0")[0])


def number_of(tiff: bytes, endian: str, entry: Entry | None) -> int | None:
    """Return the single number of an entry, or None outside 1..2**31-1: 0 says nothing, and more is no count."""
    if entry is None or entry.values_count != 1 or entry.kind not in _NUMBER_CODES:
        return None
    (number,) = struct.unpack_from(endian + _NUMBER_CODES[entry.kind], tiff, entry.at)
    return number if 0 < number <= INT32_MAX else None


def pointer_of(tiff: bytes, endian: str, entry: Entry | None) -> int | None:
    """Return the offset that an entry points to; None where it is not a pointer."""
    if entry is None or entry.values_count != 1 or entry.kind not in _POINTER_TYPES:
        return None
    (offset,) = struct.unpack_from(endian + "I", tiff, entry.at)
    return int(offset)
