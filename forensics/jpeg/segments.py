"""Segments: lists the marker segments of a JPEG up to its first scan.

Segments are walked by their lengths (ITU-T T.81, B.1.1), so the bytes of a thumbnail inside one are never taken for
markers. Zeros before a marker are passed over, as decoders do; some cameras write them. Refuses bytes that are not a
JPEG, a header that breaks off, and other bytes where a marker must be.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from forensics.errors import HeaderIncomplete, JpegError

SEGMENTS_MAX = 4096
"""Most segments before the first scan; 16 MiB of colour profile or extended XMP need 256."""

ZEROS_MAX = 65_536
"""Most zeros before a marker; cameras pad segments by a few."""

TEM, SOF0, SOF15, DHT, JPG, DAC, RST0, RST7 = 0x01, 0xC0, 0xCF, 0xC4, 0xC8, 0xCC, 0xD0, 0xD7
SOI, EOI, SOS, DQT, DNL, DRI, DHP, EXP, APP0, APP15, COM = (
    0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xE0, 0xEF, 0xFE,
)  # fmt: skip

NAMES = {
    DHT: "DHT", DAC: "DAC", SOS: "SOS", DQT: "DQT", DNL: "DNL", DRI: "DRI", DHP: "DHP", EXP: "EXP", COM: "COM",
}  # fmt: skip

EXIF_IDENTIFIER = b"Exif\0"  # followed by one more byte: NUL by the standard, 0xFF from a few writers
XMP_IDENTIFIER = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION_IDENTIFIER = b"http://ns.adobe.com/xmp/extension/\0"

_KNOWN_IDENTIFIERS = (
    (0xE1, EXIF_IDENTIFIER, "APP1:Exif"),
    (0xE1, XMP_IDENTIFIER, "APP1:XMP"),
    (0xE1, XMP_EXTENSION_IDENTIFIER, "APP1:XMP-extension"),
    (0xE2, b"ICC_PROFILE\0", "APP2:ICC"),
    (0xED, b"Photoshop 3.0\0", "APP13:Photoshop"),
    (0xEE, b"Adobe", "APP14:Adobe"),
)
AT_NEED = frozenset({"APP1:XMP", "APP1:XMP-extension", "APP2:MPF", "APP2:ICC", "DRI"})
"""Segments that firmware writes into some photos and not into others: XMP for faces, MPF for a second image, a profile
for a wide gamut, an interval for restart markers."""
FORM_MAX = 400
_OF_SOFTWARE = ("APP12:Ducky", "APP13", "APP14:Adobe")

_IDENTIFIER = re.compile(rb"([A-Za-z][A-Za-z0-9 ._-]{1,23})\0")
_FILL = re.compile(rb"\xff+")
_ZEROS = re.compile(rb"\0+")

_OTHER_FORMATS = (
    (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "RIFF (WebP)"), (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"),
    (b"BM", "BMP"), (b"%PDF", "PDF"), (b"PK\x03\x04", "ZIP"), (b"\x1f\x8b", "gzip"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"\xff\x0a", "JPEG XL"),
)  # fmt: skip
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"), b"crx ": "Canon CR3 raw", b"qt  ": "QuickTime",
    **dict.fromkeys((b"isom", b"mp41", b"mp42", b"iso2", b"avc1", b"M4V "), "MP4"),
}  # fmt: skip
"""Names of the formats that share the `ftyp` box, by the brand in it."""
_TEXT_BYTES = 512


class Segment(NamedTuple):
    """A marker segment with the payload `data[payload_start:end]`; offsets are in bytes from the start of the file."""

    marker: int
    name: str
    offset: int
    """The offset of the marker's 0xFF."""
    payload_start: int
    end: int


def header_segments(data: bytes, *, whole: bool) -> list[Segment]:
    """Return the segments after the start of image, up to and including the first SOS.

    `whole`: `data` is the complete file. Raises JpegError; HeaderIncomplete where a prefix ends too early.
    """
    _check_start(data, whole)
    segments: list[Segment] = []
    position = 2
    while True:
        offset = position
        filled = _FILL.match(data, position)
        if filled is None:
            position = _after_zeros(data, position)
            filled = _FILL.match(data, position)
        if filled is None and position < len(data):
            raise JpegError(f"byte 0x{data[position]:02X} where a marker must stand", position)
        marker_at = position + 1 if filled is None else filled.end()
        if marker_at >= len(data):
            raise _ended("before the first scan", offset, marker_at + 3, whole)
        marker = data[marker_at]
        position = marker_at + 1
        if marker == TEM or RST0 <= marker <= RST7:  # markers without a segment, meaningless here; decoders skip them
            segments.append(Segment(marker, f"0x{marker:02X}", marker_at - 1, position, position))
        else:
            segments.append(_segment(data, marker, marker_at, whole))
            position = segments[-1].end
            if marker == SOS:
                return segments
        if len(segments) > SEGMENTS_MAX:
            raise JpegError(f"more than {SEGMENTS_MAX} segments before the first scan", offset)


def segments_form(names: Iterable[str]) -> str:
    """Return the normal form of a header's segments: their names in file order, without what comes and goes.

    Left out are the segments that a camera's firmware adds where a photo needs them (`AT_NEED`). A run of one name
    counts once: the number of parts of a profile, or of segments that tables are spread over, says nothing about the
    writer. A form longer than FORM_MAX characters is cut and ends in 16 hex digits of the SHA-256 over all of it.
    """
    form = " ".join(name for name, _run in groupby(name for name in names if name not in AT_NEED))
    if len(form) <= FORM_MAX:
        return form
    return f"{form[: FORM_MAX - 17]} {hashlib.sha256(form.encode()).hexdigest()[:16]}"


def software_marks(names: Sequence[str]) -> frozenset[str]:
    """Return what among a header's segments speaks of software: JFIF before EXIF, or segments only programs write."""
    marks = {mark for mark in _OF_SOFTWARE if any(name == mark or name.startswith(f"{mark}:") for name in names)}
    if stands_before(names, "APP0:JFIF", "APP1:Exif"):
        marks.add("JFIF before Exif")
    return frozenset(marks)


def stands_before(names: Sequence[str], first: str, second: str) -> bool:
    """Whether a header has segments of both names, and the first `first` stands before the first `second`."""
    return first in names and second in names and names.index(first) < names.index(second)


def describe_foreign(data: bytes) -> str:
    """Return in words what bytes that are not a JPEG seem to be."""
    if not data:
        return "empty file"
    for magic, name in _OTHER_FORMATS:
        if data.startswith(magic):
            return f"{name} bytes"
    if data[4:8] == b"ftyp":
        return f"{_BRANDS.get(data[8:12], 'HEIF or MP4')} bytes"
    text = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if text.startswith(b"<"):
        return "XML or HTML text"
    if text.startswith((b"{", b"[")):
        return "JSON text"
    if not data.strip(b"\0"):
        return "nothing but zero bytes"
    if _is_text(data[:_TEXT_BYTES]):
        return "plain text"
    return f"it begins with {data[:4].hex(' ')}"


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        if error.start < len(start) - 3:  # else only the last character is cut
            return False
        text = start[: error.start].decode()
    return all(character.isprintable() or character in "\t\n\f\r" for character in text)


def _check_start(data: bytes, whole: bool) -> None:
    if data[:2] == b"\xff\xd8":
        return
    if data == b"\xff":
        raise _ended("after one byte", 0, 4, whole)
    raise JpegError(f"not a JPEG: {describe_foreign(data)}", 0)


def _after_zeros(data: bytes, position: int) -> int:
    zeros = _ZEROS.match(data, position)
    if zeros is None:
        return position
    if zeros.end() - position > ZEROS_MAX:
        raise JpegError(f"more than {ZEROS_MAX} zeros where a marker must stand", position)
    return zeros.end()


def _segment(data: bytes, marker: int, marker_at: int, whole: bool) -> Segment:
    """Return the segment whose marker byte is at `marker_at`; its payload is complete."""
    offset = marker_at - 1
    if marker in (0x00, SOI, EOI) or marker < SOF0:
        what = {0x00: "stuffed zero byte", SOI: "second start of image", EOI: "end of image"}.get(
            marker, f"reserved marker 0x{marker:02X}"
        )
        raise JpegError(f"{what} before the first scan", offset)
    start = marker_at + 3
    name = _marker_name(marker)
    if start > len(data):
        raise _ended(f"in the length of {name}", offset, start, whole)
    end = marker_at + 1 + (data[marker_at + 1] << 8 | data[marker_at + 2])
    if end < start:
        raise JpegError(f"{name} of impossible length {end - start + 2}", offset)
    if end > len(data):
        # any segment except SOS is followed by another one, whose marker and length are needed too
        raise _ended(f"inside {name}", offset, end if marker == SOS else end + 4, whole)
    if APP0 <= marker <= APP15:
        name = _application_name(marker, data[start : min(end, start + 40)])
    return Segment(marker, name, offset, start, end)


def _ended(where: str, offset: int, needed_bytes: int, whole: bool) -> JpegError:
    if whole:
        return JpegError(f"truncated {where}", offset)
    return HeaderIncomplete(f"the bytes given end {where}", offset, needed_bytes)


def _marker_name(marker: int) -> str:
    if marker in NAMES:
        return NAMES[marker]
    if SOF0 <= marker <= SOF15 and marker != JPG:
        return f"SOF{marker - SOF0}"
    if APP0 <= marker <= APP15:
        return f"APP{marker - APP0}"
    return f"0x{marker:02X}"


def _application_name(marker: int, head: bytes) -> str:
    """Return an application segment's name, with its identifier if that is readable: `APP0:JFIF`."""
    for known_marker, identifier, name in _KNOWN_IDENTIFIERS:
        if marker == known_marker and head.startswith(identifier):
            return name
    plain = _marker_name(marker)
    readable = _IDENTIFIER.match(head)
    if marker == 0xEC and head.startswith(b"Ducky"):  # not followed by a NUL
        return "APP12:Ducky"
    return f"{plain}:{readable[1].decode('ascii').strip()}" if readable else plain
