"""EXIF: writes the TIFF block of an EXIF segment as a camera does.

Follows Exif 2.32 (CIPA DC-008) and TIFF 6.0 without a library, since cameras differ in byte order, thumbnail and tags,
and equal input must give equal bytes whatever library is installed.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Value = str | int | Fraction | bytes
"""Text (ASCII), a number up to 65535 (SHORT) or above (LONG), a ratio (RATIONAL), or raw bytes (UNDEFINED)."""

_ASCII, _SHORT, _LONG, _RATIONAL, _UNDEFINED = 2, 3, 4, 5, 7
_INLINE_MAX_BYTES = 4
_HEADER_BYTES = 8
_PLACEHOLDER = 1 << 16
"""Stands for an offset until that is known; large enough to be written as a LONG, as offsets are."""
_EXIF_IFD, _THUMBNAIL_OFFSET, _THUMBNAIL_BYTES = 0x8769, 0x0201, 0x0202


@dataclass(frozen=True)
class Exposure:
    """The values a camera records with a photograph; None where it records nothing."""

    make: str | None
    model: str | None
    software: str | None
    taken_at: str
    """`YYYY:MM:DD HH:MM:SS`, by the camera's clock."""
    modified_at: str
    exposure_s: Fraction
    f_number: Fraction
    iso: int
    width_px: int
    height_px: int
    serial_number: str | None
    orientation: int = 1


def exif_block(exposure: Exposure, byte_order: Literal["<", ">"] = ">", thumbnail: bytes | None = None) -> bytes:
    """Return the TIFF block; byte order `>` is Motorola's, `<` Intel's; `thumbnail` is a small JPEG."""
    main: list[tuple[int, Value | None]] = [
        (0x010F, exposure.make),
        (0x0110, exposure.model),
        (0x0112, exposure.orientation),
        (0x011A, Fraction(72)),
        (0x011B, Fraction(72)),
        (0x0128, 2),  # the resolution's unit: inch
        (0x0131, exposure.software),
        (0x0132, exposure.modified_at),
        (0x0213, 1),  # chroma samples centred
        (_EXIF_IFD, _PLACEHOLDER),
    ]
    details: list[tuple[int, Value | None]] = [
        (0x829A, exposure.exposure_s),
        (0x829D, exposure.f_number),
        (0x8827, exposure.iso),
        (0x9000, b"0232"),
        (0x9003, exposure.taken_at),
        (0x9004, exposure.taken_at),
        (0x9101, b"\1\2\3\0"),  # components: Y, Cb, Cr
        (0xA000, b"0100"),
        (0xA001, 1),  # sRGB
        (0xA002, exposure.width_px),
        (0xA003, exposure.height_px),
        (0xA431, exposure.serial_number),
    ]
    preview: list[tuple[int, Value | None]] = [
        (0x0103, 6),  # coded as JPEG
        (_THUMBNAIL_OFFSET, _PLACEHOLDER),
        (_THUMBNAIL_BYTES, _PLACEHOLDER),
    ]
    # sizes do not depend on the values of the offsets, so one pass measures and the next writes
    details_at = _HEADER_BYTES + len(_directory(main, byte_order, _HEADER_BYTES, 0))
    preview_at = details_at + len(_directory(details, byte_order, details_at, 0))
    thumbnail_at = preview_at + len(_directory(preview, byte_order, preview_at, 0))
    next_at = 0 if thumbnail is None else preview_at
    mark = b"II" if byte_order == "<" else b"MM"
    block = mark + struct.pack(byte_order + "HI", 42, _HEADER_BYTES)
    block += _directory(main, byte_order, _HEADER_BYTES, next_at, {_EXIF_IFD: details_at})
    block += _directory(details, byte_order, details_at, 0)
    if thumbnail is not None:
        places = {_THUMBNAIL_OFFSET: thumbnail_at, _THUMBNAIL_BYTES: len(thumbnail)}
        block += _directory(preview, byte_order, preview_at, 0, places) + thumbnail
    return block


def _directory(
    entries: Sequence[tuple[int, Value | None]],
    byte_order: str,
    at: int,
    next_at: int,
    places: dict[int, int] | None = None,
) -> bytes:
    """Return one image file directory at offset `at` of the block, followed by its long values."""
    written = [(tag, value) for tag, value in entries if value is not None]
    values_at = at + 2 + 12 * len(written) + 4
    head, values = struct.pack(byte_order + "H", len(written)), b""
    for tag, value in written:
        kind, count, payload = _packed((places or {}).get(tag, value), byte_order, is_long=tag in (places or {}))
        if len(payload) > _INLINE_MAX_BYTES:
            offset = values_at + len(values)
            values += payload + b"\0" * (len(payload) % 2)  # values start on even offsets
            payload = struct.pack(byte_order + "I", offset)
        head += struct.pack(byte_order + "HHI", tag, kind, count) + payload.ljust(_INLINE_MAX_BYTES, b"\0")
    return head + struct.pack(byte_order + "I", next_at) + values


def _packed(value: Value, byte_order: str, is_long: bool) -> tuple[int, int, bytes]:
    if isinstance(value, str):
        text = value.encode("ascii", "replace") + b"\0"
        return _ASCII, len(text), text
    if isinstance(value, bytes):
        return _UNDEFINED, len(value), value
    if isinstance(value, Fraction):
        return _RATIONAL, 1, struct.pack(byte_order + "II", value.numerator, value.denominator)
    if is_long or value > 0xFFFF:
        return _LONG, 1, struct.pack(byte_order + "I", value)
    return _SHORT, 1, struct.pack(byte_order + "H", value)
