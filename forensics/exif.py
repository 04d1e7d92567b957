"""EXIF: the TIFF bytes of one APP1 segment in, the few tags that tell of camera and software out.

ExifRead is the reader, but it never sees a stranger's directories as they are: a walk over IFD0 and the EXIF IFD
keeps only the entries wanted (so neither GPS nor MakerNote is ever read, and no loop or huge count can keep it
busy), and says what is broken. Broken data never raises: the reason goes into `ExifFacts.error`, beside whatever
could be read. Tags and types: Exif 2.32 (CIPA DC-008), TIFF 6.0.
"""

import logging
import struct
import threading
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import exifread

from forensics.text import clean, clean_bytes

TEXT_BYTES_MAX = 1024
"""Bytes read of one text; the rest of a longer one is not looked at."""
ENTRIES_MAX = 1000
"""Entries allowed in one directory; cameras write fewer than 100."""
INT32_MAX = 2**31 - 1

_MAKE, _MODEL, _SOFTWARE, _MODIFIED, _ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0132, 0x0112
_PROCESSING_SOFTWARE, _CAMERA_SERIAL, _EXIF_IFD = 0x000B, 0xC62F, 0x8769
_TAKEN, _WIDTH, _HEIGHT, _BODY_SERIAL = 0x9003, 0xA002, 0xA003, 0xA431

_IFD0_TAGS = frozenset(
    (_MAKE, _MODEL, _SOFTWARE, _MODIFIED, _ORIENTATION, _PROCESSING_SOFTWARE, _CAMERA_SERIAL, _EXIF_IFD)
)
_EXIF_TAGS = frozenset((_TAKEN, _WIDTH, _HEIGHT, _BODY_SERIAL, _SOFTWARE))

_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TEXT_TYPES = (1, 2, 7)  # BYTE and UNDEFINED hold texts in careless files
_NUMBERS_MAX = 16  # values of one numeric entry; those wanted have one


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What an EXIF segment says of its maker; the fields are those of PhotoFacts."""

    make: str | None = None
    model: str | None = None
    software: str | None = None
    processing_software: str | None = None
    serial_number: str | None = None
    taken_at: str | None = None
    modified_at: str | None = None
    width_px: int | None = None
    height_px: int | None = None
    orientation: int | None = None
    error: str | None = None


def read_exif(tiff: bytes) -> ExifFacts:
    """Return the facts of one EXIF payload (the bytes behind `Exif` and two more); never raises.

    Software is IFD0's; where that has none, the EXIF IFD's, where some camera apps put theirs.
    """
    narrowed, problems = _narrow(tiff)
    if narrowed is None:
        return ExifFacts(error=_text_of(problems))
    with _Quiet():
        try:
            tags = exifread.process_file(BytesIO(narrowed), details=False, extract_thumbnail=False)
        except Exception as error:  # noqa: BLE001 - ExifRead raises whatever its arithmetic meets in broken data
            problems.append(f"{type(error).__name__}: {error}")
            return ExifFacts(error=_text_of(problems))
    found = {(name.startswith("EXIF "), tag.tag): tag.values for name, tag in tags.items()}
    software = _text(found.get((False, _SOFTWARE))) or _text(found.get((True, _SOFTWARE)))
    return ExifFacts(
        make=_text(found.get((False, _MAKE))),
        model=_text(found.get((False, _MODEL))),
        software=software,
        processing_software=_text(found.get((False, _PROCESSING_SOFTWARE))),
        serial_number=_text(found.get((True, _BODY_SERIAL))) or _text(found.get((False, _CAMERA_SERIAL))),
        taken_at=_text(found.get((True, _TAKEN))),
        modified_at=_text(found.get((False, _MODIFIED))),
        width_px=_number(found.get((True, _WIDTH))),
        height_px=_number(found.get((True, _HEIGHT))),
        orientation=_number(found.get((False, _ORIENTATION))),
        error=_text_of(problems),
    )


def _narrow(tiff: bytes) -> tuple[bytes | None, list[str]]:
    """Return a copy of `tiff` whose directories hold only the entries wanted, and what is wrong with it.

    None in place of the copy where there is nothing to read.
    """
    problems: list[str] = []
    endian = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if endian is None or len(tiff) < 14:
        return None, [f"not a TIFF header: {tiff[:8].hex(' ') or 'no bytes'}"]
    magic, ifd0_offset = struct.unpack_from(endian + "HI", tiff, 2)
    if magic != 42:
        problems.append(f"TIFF number {magic} instead of 42")
    ifd0 = _wanted_entries(tiff, endian, ifd0_offset, "IFD0", _IFD0_TAGS, problems)
    if ifd0 is None:
        return None, problems
    narrowed = bytearray(tiff)
    exif_pointer = ifd0.get(_EXIF_IFD)
    if exif_pointer is not None:
        (exif_offset,) = struct.unpack_from(endian + "I", exif_pointer, 8)
        exif = _wanted_entries(tiff, endian, exif_offset, "EXIF IFD", _EXIF_TAGS, problems)
        # the two directories must stay what they are checked to be: overlapping, one would be written over the other
        if exif is not None and _overlap(ifd0_offset, len(ifd0), exif_offset, len(exif)):
            problems.append(f"IFD0 at {ifd0_offset} and the EXIF IFD at {exif_offset} overlap")
            exif = None
        if exif is None:
            del ifd0[_EXIF_IFD]
        else:
            _overwrite(narrowed, endian, exif_offset, exif)
    _overwrite(narrowed, endian, ifd0_offset, ifd0)
    end = ifd0_offset + 2 + 12 * len(ifd0)
    narrowed[end : end + 4] = b"\0\0\0\0"  # no further directory: IFD1 is the thumbnail's
    return bytes(narrowed), problems


def _wanted_entries(
    tiff: bytes, endian: str, ifd_offset: int, where: str, wanted: frozenset[int], problems: list[str]
) -> dict[int, bytes] | None:
    """Return the raw 12-byte entries of the wanted tags of one directory, the first of each, safe to be read."""
    if ifd_offset < 8 or ifd_offset + 2 > len(tiff):
        problems.append(f"{where} at {ifd_offset} of {len(tiff)} bytes")
        return None
    (count,) = struct.unpack_from(endian + "H", tiff, ifd_offset)
    if count > ENTRIES_MAX:
        problems.append(f"{where} with {count} entries")
        return None
    there = min(count, (len(tiff) - ifd_offset - 2) // 12)
    if there < count:
        problems.append(f"{where} ends after {there} of {count} entries")
    entries: dict[int, bytes] = {}
    start = ifd_offset + 2
    table = struct.iter_unpack(endian + "HHII", tiff[start : start + 12 * there])
    for index, (tag, kind, values_count, value_offset) in enumerate(table):
        if tag not in wanted or tag in entries:
            continue
        size_bytes = _TYPE_BYTES.get(kind, 0) * values_count
        if tag == _EXIF_IFD and (kind not in (4, 13) or values_count != 1):
            problems.append(f"{where}: pointer to the EXIF IFD of type {kind} with {values_count} values")
        elif kind not in _TYPE_BYTES:
            problems.append(f"{where}: tag 0x{tag:04X} of unknown type {kind}")
        elif size_bytes > 4 and value_offset + size_bytes > len(tiff):
            problems.append(f"{where}: tag 0x{tag:04X} with {size_bytes} bytes at {value_offset} of {len(tiff)}")
        else:
            at = start + 12 * index
            limit = TEXT_BYTES_MAX if kind in _TEXT_TYPES else _NUMBERS_MAX
            entries[tag] = tiff[at : at + 12]
            if values_count > limit:
                entries[tag] = struct.pack(endian + "HHII", tag, kind, limit, value_offset)
    return entries


def _overwrite(narrowed: bytearray, endian: str, ifd_offset: int, entries: dict[int, bytes]) -> None:
    """Put a directory of `entries` where a longer or equal one stands."""
    directory = struct.pack(endian + "H", len(entries)) + b"".join(entries.values())
    narrowed[ifd_offset : ifd_offset + len(directory)] = directory


def _overlap(ifd0_offset: int, ifd0_count: int, exif_offset: int, exif_count: int) -> bool:
    """Whether two directories share bytes, IFD0 with the 4 bytes of its pointer to the next."""
    return exif_offset < ifd0_offset + 6 + 12 * ifd0_count and ifd0_offset < exif_offset + 2 + 12 * exif_count


class _Quiet(logging.Filter):
    """Within the `with` block ExifRead's log of this thread is dropped: what is broken has been said by then.

    A filter of its own for every call, so that threads do not silence each other for longer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()
        self._logger = logging.getLogger("exifread")

    def __enter__(self) -> None:
        self._logger.addFilter(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Let records of other threads through."""
        return record.thread != self._thread


def _text(values: Any) -> str | None:
    """Return ExifRead's values of a text tag as text: str, bytes where they are no UTF-8, or numbers of bytes."""
    if isinstance(values, str):
        return clean(values)
    if isinstance(values, bytes):
        return clean_bytes(values)
    if isinstance(values, list) and values and all(isinstance(value, int) and 0 <= value < 256 for value in values):
        return clean_bytes(bytes(values).split(b"\0", 1)[0])
    return None


def _number(values: Any) -> int | None:
    """Return ExifRead's values of a numeric tag as one number 1..2**31-1; 0 says nothing, more is no pixel count."""
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], int) and 0 < values[0] <= INT32_MAX:
        return int(values[0])
    return None


def _text_of(problems: list[str]) -> str | None:
    return clean("; ".join(problems)) if problems else None
