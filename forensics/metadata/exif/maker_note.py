"""MakerNote: finds the serial number of the camera's body in the note that its maker keeps in EXIF (tag 0x927C).

About a quarter of cameras' files have a serial number there only. A note has no standard: most are TIFF directories
behind a header of the maker's, whose values are found from the start of the EXIF block or from a place inside the note.
Numbers of lenses and pictures, and owners' names, are no serial numbers of the body.

Header forms and tags: the tag tables of ExifTool 12.57 (Phil Harvey; MakerNotes.pm, and one module a maker) and exiv2's
(exiv2.org/metadata.html). A program that moves a note without mending its pointers makes them lead elsewhere, so a
value counts only where it lies inside the note and looks like the maker's numbers. Nothing raises.
"""

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from forensics.metadata.exif.tiff import ENDIANS, Entry, find_entry, pointer_of, text_of

Serial = tuple[str, str]
"""The maker's name and the serial number."""
_Reader = Callable[[bytes, str, Entry, str], str | None]


class _Tag(NamedTuple):
    """Where a serial number stands: the tag, how its value is read, and the tag of the directory it is in, if any."""

    number: int
    read: _Reader
    directory: int | None = None


class _Layout(NamedTuple):
    """One form of a maker's note; all offsets are in bytes from its start."""

    maker: str
    head: bytes
    """How the note begins; empty where it is a directory without a header, known by EXIF Make alone."""
    directory_at: int
    tags: tuple[_Tag, ...]
    """The first that has a serial number counts."""
    base_at: int | None = None
    """Where offsets count from; None: from the start of the EXIF block."""
    order_at: int | None = None
    """Where the byte order stands, as `II` or `MM`; None: it is that of the EXIF block."""
    order: str | None = None
    """The byte order where it is always the same."""


def maker_serial(
    tiff: bytes, endian: str, note_at: int, note_bytes: int, make: str | None, model: str | None
) -> Serial | None:
    """Return maker and serial number of the note at `note_at` of the EXIF block `tiff`; None where it has none."""
    end = min(note_at + note_bytes, len(tiff))
    key = tiff[note_at : note_at + _KEY_BYTES]
    if key in _BY_HEAD:
        for layout in _BY_HEAD[key]:
            if tiff.startswith(layout.head, note_at, end):
                serial = _serial_of(tiff, endian, note_at, end, layout, model or "")
                return (layout.maker, serial) if serial else None
    for head, at, length, is_wide in _RECONYX:
        if tiff.startswith(head, note_at, end):
            return _reconyx(tiff[note_at + at : min(end, note_at + at + length)], is_wide)
    headless = _BY_MAKE.get((make or "").partition(" ")[0].casefold())
    serial = _serial_of(tiff, endian, note_at, end, headless, model or "") if headless else None
    return (headless.maker, serial) if headless and serial else None


def _serial_of(tiff: bytes, endian: str, note_at: int, end: int, layout: _Layout, model: str) -> str | None:
    if layout.order_at is not None:
        order_at = note_at + layout.order_at
        # some notes leave the place of the byte order blank
        endian = ENDIANS.get(tiff[order_at : order_at + 2], endian)
    endian = layout.order or endian
    if layout.base_at is None:
        block, inside, directory_at = tiff, range(note_at, end), note_at + layout.directory_at
    else:
        block = tiff[note_at + layout.base_at : end]
        inside, directory_at = range(len(block)), layout.directory_at - layout.base_at
    for tag in layout.tags:
        at: int | None = directory_at
        if tag.directory is not None:
            outer = _entry_inside(block, endian, directory_at, tag.directory, inside)
            # a pointer, or, in a few older notes, the directory itself as the value
            at = None if outer is None else pointer_of(block, endian, outer) or outer.at
        entry = None if at is None else _entry_inside(block, endian, at, tag.number, inside)
        serial = None if entry is None else tag.read(block, endian, entry, model)
        if serial:
            return serial
    return None


def _entry_inside(block: bytes, endian: str, directory_at: int, tag: int, inside: range) -> Entry | None:
    """Return the entry of a tag in a directory; None where its value leaves the note."""
    entry = find_entry(block, endian, directory_at, tag)
    if entry is None or entry.at not in inside or entry.at + entry.size_bytes > inside.stop:
        return None
    return entry


def _text(pattern: str) -> _Reader:
    """Return a reader of texts that are wholly of a pattern, of which the group `serial`, if there is one, is shown."""
    whole = re.compile(pattern)

    def read(block: bytes, endian: str, entry: Entry, model: str) -> str | None:
        found = whole.fullmatch(text_of(block, entry) or "")
        return None if found is None else found["serial"] if "serial" in whole.groupindex else found[0]

    return read


def _canon_number(block: bytes, endian: str, entry: Entry, model: str) -> str | None:
    """Return the number as it is printed on the body: ten digits, six on an EOS-1D, hexadecimal in part on the D30.

    Other models than EOS write another number here, or 0.
    """
    number = pointer_of(block, endian, entry)
    if not number or "EOS" not in model:
        return None
    if re.search(r"EOS D30\b", model):
        return f"{number >> 16:04x}{number & 0xFFFF:05d}"
    return f"{number:06d}" if "EOS-1D" in model else f"{number:010d}"


def _pentax_information(block: bytes, endian: str, entry: Entry, model: str) -> str | None:
    """Return the last of the five numbers of CameraInfo, the body's internal number."""
    if entry.kind != 4 or entry.values_count != 5:
        return None
    (number,) = struct.unpack_from(endian + "I", block, entry.at + 16)
    return str(number) if number else None


def _sony_text(block: bytes, endian: str, entry: Entry, model: str) -> str | None:
    """Return the eight digits, which are written in pairs, the last pair first."""
    digits = _text("[0-9]{8}")(block, endian, entry, model)
    return None if digits is None else "".join(digits[at : at + 2] for at in (6, 4, 2, 0))


def _reconyx(field: bytes, is_wide: bool) -> Serial | None:
    """Return the serial number of a trail camera: a field of characters of one byte or of two, ended by NUL."""
    text = field.decode("utf-16-le", "replace") if is_wide else field.decode("latin-1")
    found = re.match(r"[A-Z0-9]{6,15}(?=\0|$)", text)
    return ("Reconyx", found[0]) if found else None


_CODE = _text("(?=.*[0-9])[A-Z0-9]{5,16}")
_PENTAX = (_Tag(0x0229, _text("[0-9]{5,10}")), _Tag(0x0215, _pentax_information))
_OLYMPUS = (
    _Tag(0x0101, _text("(?=.*[0-9])[A-Z0-9]{5,31}"), 0x2010),  # the Equipment directory
    _Tag(0x0102, _text("(?=.*[0-9])[A-Z0-9]{8,31}"), 0x2010),
    _Tag(0x0404, _CODE),
)
_PANASONIC = (_Tag(0x0025, _text("[A-Z][A-Z0-9]{2}[0-9]{10}")),)
_FUJIFILM = (_Tag(0x0010, _text("(?=.*[0-9])[A-Za-z0-9 -]{8,64}")),)
_SIGMA = (_Tag(0x0002, _text("[0-9]{5,12}")),)
# the older bodies write `NO= 2001f1c0`, and programs that copy it to BodySerialNumber leave `NO= ` out
_NIKON_TEXT = _text("(?:(?i:no= *))?(?P<serial>-?[0-9A-Fa-f]{6,12})")
_NIKON = (_Tag(0x001D, _NIKON_TEXT), _Tag(0x00A0, _NIKON_TEXT))

_LAYOUTS = (
    _Layout("Nikon", b"Nikon\0\x02", 18, _NIKON, base_at=10, order_at=10),
    _Layout("Panasonic", b"Panasonic\0", 12, _PANASONIC),
    _Layout("Leica", b"LEICA\0\0\0", 8, _PANASONIC),  # those that Panasonic builds
    _Layout("Leica", b"LEICA CAMERA AG\0", 18, _PANASONIC),
    _Layout("Fujifilm", b"FUJIFILM\x0c\0\0\0", 12, _FUJIFILM, base_at=0, order="<"),
    _Layout("Fujifilm", b"GENERALE\x0c\0\0\0", 12, _FUJIFILM, base_at=0, order="<"),
    _Layout("Olympus", b"OLYMPUS\0", 12, _OLYMPUS, base_at=0, order_at=8),
    _Layout("Olympus", b"OM SYSTEM\0", 16, _OLYMPUS, base_at=0, order_at=12),
    _Layout("Olympus", b"OLYMP\0", 8, _OLYMPUS),
    _Layout("Pentax", b"PENTAX \0", 10, _PENTAX, base_at=0, order_at=8),
    _Layout("Pentax", b"RICOH\0", 8, _PENTAX, base_at=0, order_at=6),
    _Layout("Pentax", b"AOC\0", 6, _PENTAX, order_at=4),
    _Layout("Sony", b"SONY ", 12, (_Tag(0x2031, _sony_text),)),
    _Layout("Motorola", b"MOT\0", 8, (_Tag(0x5501, _CODE),), base_at=0),
    _Layout("Sigma", b"SIGMA\0", 10, _SIGMA),
    _Layout("Sigma", b"FOVEON\0", 10, _SIGMA),
)
_BY_MAKE = {
    "canon": _Layout("Canon", b"", 0, (_Tag(0x000C, _canon_number), _Tag(0x0096, _CODE))),
    "nikon": _Layout("Nikon", b"", 0, _NIKON),
    "eastman": _Layout("Kodak", b"", 0, (_Tag(0xFA19, _CODE, 0xFC00),)),
}
"""Layouts without a header, by the first word of EXIF Make."""
_KEY_BYTES = 4
_BY_HEAD = {
    key: tuple(layout for layout in _LAYOUTS if layout.head[:_KEY_BYTES] == key)
    for key in {layout.head[:_KEY_BYTES] for layout in _LAYOUTS}
}
_RECONYX = (
    (b"\x01\xf1\x02\0", 42, 30, True),  # HyperFire
    (b"\x01\xf1\x03\0", 42, 30, True),
    (b"RECONYXUF\0", 75, 15, False),  # UltraFire
    (b"RECONYXH2\0", 126, 30, True),  # HyperFire 2
)
"""How a trail camera's note begins; where its serial number stands, the bytes of that, and whether it is UTF-16."""
