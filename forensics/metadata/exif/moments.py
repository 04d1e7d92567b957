"""Moments: reads the dates, time zones and GPS time of an EXIF block (Exif 2.32, CIPA DC-008, 4.6.5 and 4.6.6).

bytes → texts as written. Where a photograph was taken is not read. What is broken is None; nothing raises.
"""

import struct
from dataclasses import dataclass

from forensics.metadata.exif.tiff import ENDIANS, Entry, pointer_of, read_directory, text_of

_MODIFIED, _EXIF_IFD, _GPS_IFD = 0x0132, 0x8769, 0x8825
_TAKEN, _DIGITISED = 0x9003, 0x9004
_OFFSET_MODIFIED, _OFFSET_TAKEN, _OFFSET_DIGITISED = 0x9010, 0x9011, 0x9012
_GPS_TIME, _GPS_DATE = 0x0007, 0x001D
_RATIONAL = 5


@dataclass(frozen=True)
class Moments:
    """The dates of a photograph, `YYYY:MM:DD HH:MM:SS` by the camera's clock, and their offsets from UTC, `+HH:MM`."""

    taken: str | None = None
    digitised: str | None = None
    modified: str | None = None
    taken_offset: str | None = None
    digitised_offset: str | None = None
    modified_offset: str | None = None
    gps_date: str | None = None
    """`YYYY:MM:DD`, UTC."""
    gps_time: str | None = None
    """`HH:MM:SS`, UTC."""


def read_moments(tiff: bytes) -> Moments:
    """Return the dates in an EXIF payload (what follows `Exif` and two more bytes)."""
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 14:
        return Moments()
    (ifd0_offset,) = struct.unpack_from(endian + "I", tiff, 4)
    first = _entries(tiff, endian, ifd0_offset, frozenset((_MODIFIED, _EXIF_IFD, _GPS_IFD)))
    exif_tags = frozenset((_TAKEN, _DIGITISED, _OFFSET_MODIFIED, _OFFSET_TAKEN, _OFFSET_DIGITISED))
    exif = _entries(tiff, endian, pointer_of(tiff, endian, first.get(_EXIF_IFD)), exif_tags)
    gps = _entries(tiff, endian, pointer_of(tiff, endian, first.get(_GPS_IFD)), frozenset((_GPS_TIME, _GPS_DATE)))
    return Moments(
        taken=text_of(tiff, exif.get(_TAKEN)),
        digitised=text_of(tiff, exif.get(_DIGITISED)),
        modified=text_of(tiff, first.get(_MODIFIED)),
        taken_offset=text_of(tiff, exif.get(_OFFSET_TAKEN)),
        digitised_offset=text_of(tiff, exif.get(_OFFSET_DIGITISED)),
        modified_offset=text_of(tiff, exif.get(_OFFSET_MODIFIED)),
        gps_date=text_of(tiff, gps.get(_GPS_DATE)),
        gps_time=_time(tiff, endian, gps.get(_GPS_TIME)),
    )


def _entries(tiff: bytes, endian: str, offset: int | None, wanted: frozenset[int]) -> dict[int, Entry]:
    if offset is None:
        return {}
    found = read_directory(tiff, endian, offset, "IFD", wanted, [])
    return {} if found is None else found.entries


def _time(tiff: bytes, endian: str, entry: Entry | None) -> str | None:
    """Return three ratios as a time; None where one has no denominator or is out of range."""
    if entry is None or entry.kind != _RATIONAL or entry.values_count != 3:
        return None
    numbers = struct.unpack_from(endian + "6I", tiff, entry.at)
    if 0 in numbers[1::2]:
        return None
    hours, minutes, seconds = (int(numbers[at] / numbers[at + 1]) for at in (0, 2, 4))
    return f"{hours:02}:{minutes:02}:{seconds:02}" if hours < 24 and minutes < 60 and seconds < 61 else None
