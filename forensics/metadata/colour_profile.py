"""Colour profile: names the profile in the payloads of APP2 segments `ICC_PROFILE` (ICC.1:2022, 7 and 10).

Only the start of a profile is read; if its description is missing, broken or further on, its name is the digest of that
start. Never raises.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterable

from forensics.metadata.text import clean, clean_bytes

ICC_IDENTIFIER = b"ICC_PROFILE\0"
PROFILE_BYTES_MAX = 256 * 1024
"""Most bytes read; profiles of cameras and phones have between 500 and 4,000."""

_TAGS_MAX = 100
_RECORDS_MAX = 64


def profile_name(chunks: Iterable[bytes]) -> str | None:
    """Return the profile's description, or 16 hex digits if it has no readable one; None without a profile.

    `chunks`: payloads in file order: identifier, number from 1, their count, and a part of the profile (ICC.1:2022,
    B.4). Those after a missing one are ignored.
    """
    profile = joined_profile(chunks)
    if not profile:
        return None
    return _description(profile) or hashlib.sha256(profile).hexdigest()[:16]


def profile_fields(profile: bytes) -> list[tuple[str, str]]:
    """Return name and text of what the header of a profile says (ICC.1:2022, 7.2), and its description.

    Empty where it is none. `Created` is as written: `YYYY:MM:DD HH:MM:SS`.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return []
    year, month, day, hour, minute, second = struct.unpack_from(">6H", profile, 24)
    fields = [
        ("Description", _description(profile)),
        ("Version", f"{profile[8]}.{profile[9] >> 4}"),
        ("Class", clean_bytes(profile[12:16])),
        ("ColourSpace", clean_bytes(profile[16:20])),
        ("Created", f"{year:04}:{month:02}:{day:02} {hour:02}:{minute:02}:{second:02}" if year else None),
        ("Platform", clean_bytes(profile[40:44])),
        ("Maker", clean_bytes(profile[48:52])),
        ("Creator", clean_bytes(profile[80:84])),
    ]
    return [(name, text) for name, text in fields if text]


def joined_profile(chunks: Iterable[bytes]) -> bytes:
    """Return the profile that the payloads of APP2 segments hold together; empty where the first is missing."""
    header = len(ICC_IDENTIFIER)
    by_number: dict[int, bytes] = {}
    size_bytes = 0
    for chunk in chunks:
        if len(chunk) > header + 2 and chunk[header] not in by_number:
            by_number[chunk[header]] = chunk[header + 2 :]
            size_bytes += len(chunk)
        if size_bytes > PROFILE_BYTES_MAX:
            break
    numbers = itertools.count(1 if 1 in by_number else 0)  # a few writers count from 0
    return b"".join(by_number[number] for number in itertools.takewhile(by_number.__contains__, numbers))[
        :PROFILE_BYTES_MAX
    ]


def _description(profile: bytes) -> str | None:
    if len(profile) < 132 or profile[36:40] != b"acsp":
        return None
    (count,) = struct.unpack_from(">I", profile, 128)
    table = profile[132 : 132 + 12 * min(count, _TAGS_MAX)]
    for signature, offset, size_bytes in struct.iter_unpack(">4sII", table[: len(table) // 12 * 12]):
        if signature == b"desc":
            return _text(profile[offset : offset + min(size_bytes, 4096)])
    return None


def _text(tag: bytes) -> str | None:
    """Return the text of a tag of type `desc` (version 2 profiles), `text` or `mluc` (version 4, English first)."""
    if len(tag) < 12:
        return None
    kind, (count,) = tag[:4], struct.unpack_from(">I", tag, 8)
    if kind == b"text":
        return clean_bytes(tag[8:].partition(b"\0")[0])
    if kind == b"desc":
        return clean_bytes(tag[12 : 12 + count].partition(b"\0")[0])
    if kind != b"mluc":
        return None
    records = tag[16 : 16 + 12 * min(count, _RECORDS_MAX)]
    texts: dict[bytes, bytes] = {}
    for language, _country, length, offset in struct.iter_unpack(">2s2sII", records[: len(records) // 12 * 12]):
        texts.setdefault(language, tag[offset : offset + length])
    chosen = texts.get(b"en") or next(iter(texts.values()), b"")
    return clean(chosen.decode("utf-16-be", "replace").partition("\0")[0])
