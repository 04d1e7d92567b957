"""EXIF: reads the few tags about camera and software from the TIFF bytes of an APP1 segment.

IFD0, the EXIF IFD and IFD1 (the thumbnail's) are read; of GPS and Interoperability only the number of entries, since
where a photo was taken does not matter here. Broken data never raises: the reason goes into `ExifFacts.error`, beside
whatever could be read. Tags: Exif 2.32 (CIPA DC-008), TIFF 6.0.
"""

import re
import struct
from dataclasses import dataclass

from forensics.metadata.exif.maker_note import maker_serial
from forensics.metadata.exif.tiff import (
    ENDIANS,
    INT32_MAX,
    Directory,
    Entry,
    directory_count,
    number_of,
    pointer_of,
    read_directory,
    text_of,
)
from forensics.metadata.text import clean, clean_bytes

_MAKE, _MODEL, _SOFTWARE, _MODIFIED, _ORIENTATION = 0x010F, 0x0110, 0x0131, 0x0132, 0x0112
_PROCESSING_SOFTWARE, _CAMERA_SERIAL, _EXIF_IFD, _GPS_IFD = 0x000B, 0xC62F, 0x8769, 0x8825
_TAKEN, _DIGITISED, _WIDTH, _HEIGHT, _COLOUR_SPACE = 0x9003, 0x9004, 0xA002, 0xA003, 0xA001
_BODY_SERIAL, _LENS_SERIAL, _UNIQUE_ID = 0xA431, 0xA435, 0xA420
_MAKER_NOTE, _INTEROPERABILITY_IFD = 0x927C, 0xA005
_THUMBNAIL_OFFSET, _THUMBNAIL_BYTES = 0x0201, 0x0202

_IFD0_TAGS = frozenset(
    (_MAKE, _MODEL, _SOFTWARE, _MODIFIED, _ORIENTATION, _PROCESSING_SOFTWARE, _CAMERA_SERIAL, _BODY_SERIAL, _EXIF_IFD,
     _GPS_IFD)
)  # fmt: skip
_EXIF_TAGS = frozenset(
    (_TAKEN, _DIGITISED, _WIDTH, _HEIGHT, _COLOUR_SPACE, _BODY_SERIAL, _LENS_SERIAL, _UNIQUE_ID, _SOFTWARE,
     _MAKER_NOTE, _INTEROPERABILITY_IFD)
)  # fmt: skip
# broken or misplaced, these do not discredit the rest: programs move MakerNotes
_UNCHECKED = frozenset((_GPS_IFD, _INTEROPERABILITY_IFD, _MAKER_NOTE))
_IFD1_TAGS = frozenset((_THUMBNAIL_OFFSET, _THUMBNAIL_BYTES))

# three or more readable characters, or two and a NUL ("GE"); Reconyx's note is a long text: "Temperature: 0.5C"
_MAKER_NOTE_NAME = re.compile(rb"\[?[A-Za-z][A-Za-z0-9_ -]{2,23}|[A-Z]{2}(?=\0)")

_TELLING = re.compile("[1-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class ExifFacts:
    """What an EXIF segment says about the software and camera that wrote it; the fields are those of PhotoFacts."""

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
    digitised_at: str | None = None
    lens_serial_number: str | None = None
    image_unique_id: str | None = None
    colour_space: int | None = None
    endian: str | None = None
    counts: tuple[int, ...] = ()
    maker_note: str | None = None
    maker_note_bytes: int | None = None
    thumbnail_offset: int | None = None
    """Stated offset of the JPEG in the segment's bytes; it may lie outside."""
    thumbnail_bytes: int | None = None
    thumbnail_error: str | None = None
    """Why IFD1 could not be read, if so."""
    serial_source: str | None = None

    @property
    def says_something(self) -> bool:
        """Whether any tag was read: an empty segment may precede a full one."""
        claims = (
            self.make, self.model, self.software, self.taken_at, self.modified_at, self.width_px, self.height_px,
            self.orientation, self.serial_number, self.processing_software, self.digitised_at, self.lens_serial_number,
            self.image_unique_id, self.colour_space, self.maker_note,
        )  # fmt: skip
        return any(claim is not None for claim in claims)


def read_exif(tiff: bytes) -> ExifFacts:
    """Return the facts of an EXIF payload (what follows `Exif` and two more bytes); never raises.

    Software is taken from IFD0, or else from the EXIF IFD, where some camera apps write it.
    """
    problems: list[str] = []
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 14:
        return ExifFacts(error=clean(f"not a TIFF header: {tiff[:8].hex(' ') or 'no bytes'}"))
    magic, ifd0_offset = struct.unpack_from(endian + "HI", tiff, 2)
    if magic != 42:
        problems.append(f"TIFF number {magic} instead of 42")
    ifd0 = read_directory(tiff, endian, ifd0_offset, "IFD0", _IFD0_TAGS, problems, _UNCHECKED)
    if ifd0 is None:
        return ExifFacts(error=_text_of(problems))
    exif = _exif_directory(tiff, endian, ifd0_offset, ifd0, problems)
    first, second = ifd0.entries, exif.entries if exif is not None else {}
    thumbnail_problems: list[str] = []
    ifd1 = None
    if ifd0.next_offset not in (0, ifd0_offset):
        ifd1 = read_directory(tiff, endian, ifd0.next_offset, "IFD1", _IFD1_TAGS, thumbnail_problems)
    third = ifd1.entries if ifd1 is not None else {}
    maker_note, maker_note_bytes = _maker_note(tiff, exif)
    make, model = text_of(tiff, first.get(_MAKE)), text_of(tiff, first.get(_MODEL))
    serial_source, serial_number = _serial(tiff, endian, first, second, make, model)
    return ExifFacts(
        make=make,
        model=model,
        software=text_of(tiff, first.get(_SOFTWARE)) or text_of(tiff, second.get(_SOFTWARE)),
        processing_software=text_of(tiff, first.get(_PROCESSING_SOFTWARE)),
        serial_number=serial_number,
        serial_source=serial_source,
        taken_at=text_of(tiff, second.get(_TAKEN)),
        modified_at=text_of(tiff, first.get(_MODIFIED)),
        width_px=number_of(tiff, endian, second.get(_WIDTH)),
        height_px=number_of(tiff, endian, second.get(_HEIGHT)),
        orientation=number_of(tiff, endian, first.get(_ORIENTATION)),
        error=_text_of(problems),
        digitised_at=text_of(tiff, second.get(_DIGITISED)),
        lens_serial_number=text_of(tiff, second.get(_LENS_SERIAL)),
        image_unique_id=text_of(tiff, second.get(_UNIQUE_ID)),
        colour_space=number_of(tiff, endian, second.get(_COLOUR_SPACE)),
        endian="little" if endian == "<" else "big",
        counts=(
            ifd0.stated,
            exif.stated if exif is not None else -1,
            directory_count(tiff, endian, pointer_of(tiff, endian, first.get(_GPS_IFD)) or 0),
            directory_count(tiff, endian, pointer_of(tiff, endian, second.get(_INTEROPERABILITY_IFD)) or 0),
            ifd1.stated if ifd1 is not None else -1,
        ),
        maker_note=maker_note,
        maker_note_bytes=maker_note_bytes,
        thumbnail_offset=number_of(tiff, endian, third.get(_THUMBNAIL_OFFSET)),
        thumbnail_bytes=number_of(tiff, endian, third.get(_THUMBNAIL_BYTES)),
        thumbnail_error=_text_of(thumbnail_problems),
    )


def _exif_directory(
    tiff: bytes, endian: str, ifd0_offset: int, ifd0: Directory, problems: list[str]
) -> Directory | None:
    """Return the EXIF IFD; None where IFD0 points to none, or to one that overlaps it."""
    pointer = ifd0.entries.get(_EXIF_IFD)
    if pointer is None:
        return None
    offset = pointer_of(tiff, endian, pointer)
    if offset is None:
        problems.append(f"IFD0: pointer to the EXIF IFD of type {pointer.kind} with {pointer.values_count} values")
        return None
    exif = read_directory(tiff, endian, offset, "EXIF IFD", _EXIF_TAGS, problems, _UNCHECKED)
    # careless programs write one that shares bytes with IFD0; its entries mean nothing
    if exif is not None and offset < ifd0_offset + 2 + 12 * ifd0.there and ifd0_offset < offset + 2 + 12 * exif.there:
        problems.append(f"IFD0 at {ifd0_offset} and the EXIF IFD at {offset} overlap")
        return None
    return exif


def _maker_note(tiff: bytes, exif: Directory | None) -> tuple[str | None, int | None]:
    """Return the name at the start of the MakerNote, or `present`, and its stated length in bytes."""
    entry = exif.entries.get(_MAKER_NOTE) if exif is not None else None
    if entry is None or entry.size_bytes == 0:
        return None, None
    name = _MAKER_NOTE_NAME.match(tiff[entry.at : entry.at + min(entry.size_bytes, 32)])
    return (clean_bytes(name[0]) if name else None) or "present", min(entry.size_bytes, INT32_MAX)


def _serial(
    tiff: bytes, endian: str, ifd0: dict[int, Entry], exif: dict[int, Entry], make: str | None, model: str | None
) -> tuple[str | None, str | None]:
    """Return where the body's serial number stands, and the number: in EXIF's own tags, or else in the MakerNote.

    Some programs write BodySerialNumber into IFD0 instead of the EXIF IFD. A number without any letter or digit but 0
    says nothing, and is returned only where the MakerNote has none.
    """
    of_exif = (exif.get(_BODY_SERIAL), ifd0.get(_BODY_SERIAL), ifd0.get(_CAMERA_SERIAL))
    stated = [text for entry in of_exif if (text := text_of(tiff, entry)) is not None]
    telling = next((text for text in stated if _TELLING.search(text)), None)
    if telling is not None:
        return "exif", telling
    note = exif.get(_MAKER_NOTE)
    found = maker_serial(tiff, endian, note.at, note.size_bytes, make, model) if note is not None else None
    if found is not None:
        return f"maker note: {found[0]}", found[1]
    return ("exif", stated[0]) if stated else (None, None)


def _text_of(problems: list[str]) -> str | None:
    return clean("; ".join(problems)) if problems else None
