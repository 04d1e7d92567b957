"""Scanner marks: what a file's header says of a scanner: its name, its kind of source, its resolution, a paper's size.

bytes of a JPEG, PNG or TIFF → ScannerMarks. The resolution is that of JFIF (ITU-T T.871, 10.1), else of EXIF or TIFF
(XResolution), or of PNG's pHYs (ISO/IEC 15948, 11.3.5.3). FileSource is EXIF's (CIPA DC-008, 4.6.5): 1 film scanner,
2 reflection print scanner, 3 digital camera. A header is easily written by anybody.
"""

import re
import struct
from typing import NamedTuple

from forensics.jpeg.segments import APP0, EXIF_IDENTIFIER, Segment
from forensics.metadata.exif.tiff import ENDIANS, find_entry, number_of, pointer_of

_EXIF_IFD, _FILE_SOURCE, _X_RESOLUTION, _RESOLUTION_UNIT = 0x8769, 0xA300, 0x011A, 0x0128
_RATIONAL, _CENTIMETRES = 5, 3
_APP1 = 0xE1
_INCH_CM, _INCH_M = 2.54, 0.0254
_PNG_CHUNKS_MAX = 64

SCANNERS = re.compile(
    r"\b(?:scan(?:ner|jet|snap|mate|gear|maker|to|tool)?|epson\s?scan|vuescan|silverfast|lide"
    r"|canoscan|imagerunner|workcentre|officejet|laserjet|bizhub|ecosys|camscanner|genius\s?scan|adobe\s?scan"
    r"|office\s?lens|naps2|twain|paperport|fi-\d{4}|ads-\d{4}|perfection\s+v?\d+\w*|expression\s+\d{4,5}\w*)(?:\b|\d)",
    re.IGNORECASE,
)
"""Words in Make, Model or Software by which scanners, and programs that scan, name themselves."""

PAPERS_MM = {
    "A4": (210.0, 297.0),
    "US Letter": (215.9, 279.4),
    "US Legal": (215.9, 355.6),
    "A5": (148.0, 210.0),
    "A3": (297.0, 420.0),
}
DPI_OF_SCANNERS = (75, 100, 150, 200, 240, 300, 400, 600, 1200)
_TOLERANCE_MM = 1.5


class ScannerMarks(NamedTuple):
    """What a header says."""

    named: str | None
    """The text that names a scanner or a program that scans."""
    source: int | None
    """EXIF FileSource."""
    dpi: float | None
    paper: str | None
    """The paper that the frame is as large as, and at which resolution: `A4 at 300 dpi`."""


def scanner_marks(
    texts: tuple[str | None, ...], resolution: float | None, source: int | None, size_px: tuple[int, int]
) -> ScannerMarks:
    """Return what texts (make, model, software), a resolution in dpi and the frame's size say together."""
    named = next((text for text in texts if text is not None and SCANNERS.search(text)), None)
    return ScannerMarks(named, source, resolution, paper_of(size_px, resolution))


def paper_of(size_px: tuple[int, int], dpi: float | None) -> str | None:
    """Return which paper a frame is as large as, at its stated resolution, else at one that scanners offer."""
    short, long = sorted(size_px)
    stated = () if dpi is None or round(dpi) not in DPI_OF_SCANNERS else (dpi,)
    for each in stated or DPI_OF_SCANNERS[2:]:
        for name, (width_mm, height_mm) in PAPERS_MM.items():
            off = (abs(short / each * 25.4 - width_mm), abs(long / each * 25.4 - height_mm))
            if max(off) <= _TOLERANCE_MM:
                return f"{name} at {round(each)} dpi"
    return None


def jpeg_resolution(data: bytes, segments: list[Segment]) -> tuple[float | None, int | None]:
    """Return the resolution in dpi and EXIF's FileSource of a JPEG; None each where it is not said."""
    dpi: float | None = None
    exif: tuple[float | None, int | None] = (None, None)
    for segment in segments:
        start = segment.payload_start
        if segment.marker == APP0 and data[start : start + 5] == b"JFIF\0" and segment.end - start >= 12:
            unit, density = data[start + 7], int.from_bytes(data[start + 8 : start + 10])
            dpi = density * (_INCH_CM if unit == 2 else 1.0) if unit in (1, 2) and density else None
        elif segment.marker == _APP1 and data[start : start + 5] == EXIF_IDENTIFIER and exif == (None, None):
            exif = tiff_resolution(data[start + 6 : segment.end])
    return dpi or exif[0], exif[1]


def tiff_resolution(tiff: bytes) -> tuple[float | None, int | None]:
    """Return the resolution in dpi and FileSource of TIFF bytes, which EXIF has as well."""
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 8:
        return None, None
    (first,) = struct.unpack_from(endian + "I", tiff, 4)
    found = find_entry(tiff, endian, first, _X_RESOLUTION)
    dpi: float | None = None
    if found is not None and found.kind == _RATIONAL and found.at + 8 <= len(tiff):
        above, below = struct.unpack_from(endian + "II", tiff, found.at)
        unit = number_of(tiff, endian, find_entry(tiff, endian, first, _RESOLUTION_UNIT))
        dpi = above / below * (_INCH_CM if unit == _CENTIMETRES else 1.0) if below and above else None
    details = pointer_of(tiff, endian, find_entry(tiff, endian, first, _EXIF_IFD))
    source = None if details is None else find_entry(tiff, endian, details, _FILE_SOURCE)
    return dpi, tiff[source.at] if source is not None and source.at < len(tiff) else None


def png_resolution(data: bytes) -> float | None:
    """Return the resolution of a PNG in dpi; None where it is not said."""
    at = 8
    for _ in range(_PNG_CHUNKS_MAX):
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if name == b"pHYs" and length == 9 and at + 17 <= len(data):
            across, unit = int.from_bytes(data[at + 8 : at + 12]), data[at + 16]
            return across * _INCH_M if unit == 1 and across else None
        if name in (b"", b"IDAT", b"IEND"):
            return None
        at += length + 12
    return None
