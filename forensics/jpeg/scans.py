"""Scans: finds the end of the image in a whole file, and digests its scans.

Entropy-coded data contains no markers except restarts (ITU-T T.81, B.1.1.5); every other 0xFF is followed by a zero. A
progressive file has several scans with tables between them.
"""

import hashlib
import re
from collections.abc import Iterator

from forensics.jpeg.segments import APP0, APP15, COM, DAC, DHT, DNL, DQT, DRI, EOI, SOI, SOS

BETWEEN_SCANS_MAX = 4096
"""Most segments after the first scan; libjpeg's progressive script has 10 scans with as many tables."""

CUT_SCAN_BYTES_MIN = 64
"""Fewest bytes of a scan without an end for a digest: shorter ones would be taken for copies of each other."""

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_WITH_LENGTH = frozenset((DHT, DAC, SOS, DQT, DNL, DRI, COM, *range(APP0, APP15 + 1)))


def find_end_of_image(data: bytes, scan_offset_bytes: int) -> int | None:
    """Return the offset just after the first image's end marker; None where the file has none.

    A start of image inside the scans means that the first image broke off. Markers that are not allowed there are
    damage, and skipped as decoders do.
    """
    for marker, position in _markers(data, scan_offset_bytes):
        if marker == EOI:
            return position
        if marker == SOI:
            return None
    return None


def later_scans(data: bytes, scan_offset_bytes: int) -> Iterator[int]:
    """Yield the offset just after the header of each scan but the first, whose data begins at `scan_offset_bytes`."""
    for marker, position in _markers(data, scan_offset_bytes):
        if marker in (EOI, SOI):
            return
        if marker == SOS and position + 2 <= len(data):
            yield min(len(data), position + int.from_bytes(data[position : position + 2]))


def _markers(data: bytes, scan_offset_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield each marker that is no restart, and the offset behind it; payloads of segments are passed over."""
    position = scan_offset_bytes
    for _ in range(BETWEEN_SCANS_MAX):
        found = _MARKER.search(data, position)
        if found is None:
            return
        position = found.end()
        marker = data[position - 1]
        yield marker, position
        if marker in _WITH_LENGTH and position + 2 <= len(data):
            position += max(2, int.from_bytes(data[position : position + 2]))


def scan_digest(data: bytes, scan_offset_bytes: int, end: int | None) -> str | None:
    """Return 32 hex digits of the SHA-256 over the coded image: from the first scan's data to `end`.

    Copies of one photo with different metadata share it. `end`: from `find_end_of_image`; if None, all bytes count.
    None for an empty scan, and for one without an end that has fewer than CUT_SCAN_BYTES_MIN bytes.
    """
    length = (len(data) if end is None else end) - scan_offset_bytes
    if length < (CUT_SCAN_BYTES_MIN if end is None else 3):  # the end marker itself takes 2
        return None
    return hashlib.sha256(memoryview(data)[scan_offset_bytes:end]).hexdigest()[:32]
