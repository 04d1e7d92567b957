"""Scans: a whole file and where its first scan begins in, whether the image ends and what follows it out.

Entropy-coded data holds no markers but restarts (ITU-T T.81, B.1.1.5); every other 0xFF is stuffed with a zero.
A progressive file has several scans with tables between them.
"""

import re

from forensics.segments import APP0, APP15, COM, DAC, DHT, DNL, DQT, DRI, EOI, SOI, SOS

BETWEEN_SCANS_MAX = 4096
"""Segments allowed behind the first scan; libjpeg's progressive script has 10 scans with as many tables."""

_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_WITH_LENGTH = frozenset((DHT, DAC, SOS, DQT, DNL, DRI, COM, *range(APP0, APP15 + 1)))


def find_end_of_image(data: bytes, scan_offset_bytes: int) -> int | None:
    """Return the offset just behind the first image's end marker; None where the file has none.

    A start of image inside the scans means that the first image broke off. Markers that cannot stand there are
    damage, and passed over as decoders do.
    """
    position = scan_offset_bytes
    for _ in range(BETWEEN_SCANS_MAX):
        found = _MARKER.search(data, position)
        if found is None:
            return None
        position = found.end()
        marker = data[position - 1]
        if marker == EOI:
            return position
        if marker == SOI:
            return None
        if marker in _WITH_LENGTH and position + 2 <= len(data):
            position += max(2, int.from_bytes(data[position : position + 2]))
    return None
