"""Structure: reads frame, tables and restart interval from the segments of a header (ITU-T T.81, B.2).

Refuses headers without a frame or with two, and scans that use missing components or tables.
"""

from typing import NamedTuple

from forensics.errors import JpegError
from forensics.jpeg.frame import Frame, is_frame, read_frame, read_scan_components
from forensics.jpeg.segments import DHT, DQT, DRI, Segment
from forensics.jpeg.tables import HuffmanTable, Table, read_huffman, read_quantisation


class Structure(NamedTuple):
    """What a decoder needs to know from the header."""

    frame: Frame
    quantisation: tuple[Table, ...]
    """In order of first use by a component."""
    huffman: dict[tuple[int, int], HuffmanTable]
    """By class and destination."""
    restart_interval: int | None
    """In minimum coded units, or None."""


def read_structure(data: bytes, segments: list[Segment]) -> Structure:
    """Return the structure of a header; `segments` of `data` end with the first SOS. Raises JpegError."""
    frame: Frame | None = None
    quantisation: dict[int, Table] = {}
    huffman: dict[tuple[int, int], HuffmanTable] = {}
    restart_interval = None
    for segment in segments:
        marker, start, end = segment.marker, segment.payload_start, segment.end
        if marker == DQT:
            read_quantisation(data[start:end], start, quantisation)
        elif marker == DHT:
            read_huffman(data[start:end], start, huffman)
        elif marker == DRI:
            # an interval of 0 cancels an earlier one
            restart_interval = int.from_bytes(data[start : min(end, start + 2)]) or None
        elif is_frame(marker):
            if frame is not None:
                raise JpegError(f"second frame header {segment.name}", segment.offset)
            frame = read_frame(data, segment)
    scan = segments[-1]
    if frame is None:
        raise JpegError("no frame header before the first scan", scan.offset)
    scanned = read_scan_components(data, scan)
    by_identifier = {component.identifier: component for component in frame.components}
    for identifier in scanned:
        component = by_identifier.get(identifier)
        if component is None:
            raise JpegError(f"the first scan codes component {identifier}, which the frame does not have", scan.offset)
        # lossless coding has no quantisation; tables for components of later scans may follow later
        if frame.coding != "lossless" and component.table not in quantisation:
            raise JpegError(f"no quantisation table {component.table} for component {identifier}", scan.offset)
    used = dict.fromkeys(component.table for component in frame.components if component.table in quantisation)
    return Structure(frame, tuple(quantisation[destination] for destination in used), huffman, restart_interval)
