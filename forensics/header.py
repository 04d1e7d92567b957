"""Header: the bytes of a JPEG, or its beginning, in; PhotoFacts out.

The first image alone counts: previews inside segments and further images behind its end (MPF) are not looked at.
Refuses (JpegError) what is no JPEG and headers that break the standard. Broken EXIF or XMP refuses nothing.
"""

from forensics.editors import editor_marks
from forensics.errors import JpegError
from forensics.exif import ExifFacts, read_exif
from forensics.frame import Frame, is_frame, read_frame, read_scan_components
from forensics.photo_facts import PhotoFacts
from forensics.quality import estimate_quality_factor
from forensics.scans import find_end_of_image
from forensics.segments import (
    DHT,
    DQT,
    EXIF_IDENTIFIER,
    XMP_IDENTIFIER,
    Segment,
    header_segments,
)
from forensics.tables import HuffmanTable, Table, huffman_kind, read_huffman, read_quantisation
from forensics.text import clean_bytes, distinct
from forensics.xmp import read_xmp

COMMENTS_MAX = 16


def read_facts(data: bytes, *, whole: bool) -> PhotoFacts:
    """Return the facts of a JPEG whose bytes, or first bytes (`whole=False`), are `data`.

    Raises JpegError for what is no readable JPEG; for a prefix that ends before the first scan begins
    HeaderIncomplete, whose `needed_bytes` says how many bytes to come back with. `is_complete` and
    `trailing_bytes` are known only of whole files.
    """
    segments = header_segments(data, whole=whole)
    frame, quantisation, huffman = _read_structure(data, segments)
    exif = _read_first_exif(data, segments)
    xmp = read_xmp(
        (data[segment.payload_start + len(XMP_IDENTIFIER) : segment.end] for segment in _named(segments, "APP1:XMP")),
        (data[segment.payload_start : segment.end] for segment in _named(segments, "APP1:XMP-extension")),
    )
    comments = distinct((clean_bytes(data[s.payload_start : s.end]) for s in _named(segments, "COM")), COMMENTS_MAX)
    names = tuple(segment.name for segment in segments)
    scan_offset_bytes = segments[-1].end
    end = find_end_of_image(data, scan_offset_bytes) if whole else None
    quality_factor, quality_residual = estimate_quality_factor(quantisation)
    mcu_width_px, mcu_height_px = frame.mcu_size_px
    return PhotoFacts(
        width_px=frame.width_px,
        height_px=frame.height_px,
        coding=frame.coding,
        precision_bits=frame.precision_bits,
        components=len(frame.components),
        subsampling=frame.subsampling,
        mcu_width_px=mcu_width_px,
        mcu_height_px=mcu_height_px,
        quantisation_tables=quantisation,
        huffman=huffman,
        segments=names,
        scan_offset_bytes=scan_offset_bytes,
        is_complete=end is not None if whole else None,
        trailing_bytes=len(data) - end if end is not None else 0 if whole else None,
        quality_factor=quality_factor,
        quality_residual=quality_residual,
        make=exif.make,
        model=exif.model,
        software=exif.software,
        processing_software=exif.processing_software,
        serial_number=exif.serial_number,
        taken_at=exif.taken_at,
        modified_at=exif.modified_at,
        exif_width_px=exif.width_px,
        exif_height_px=exif.height_px,
        orientation=exif.orientation,
        exif_error=exif.error,
        xmp_creator_tool=xmp.creator_tool,
        xmp_history_agents=xmp.history_agents,
        comments=comments,
        editor_marks=editor_marks(exif=exif, xmp=xmp, segment_names=names, comments=comments),
    )


def _named(segments: list[Segment], name: str) -> list[Segment]:
    return [segment for segment in segments if segment.name == name]


def _read_structure(data: bytes, segments: list[Segment]) -> tuple[Frame, tuple[Table, ...], str]:
    """Return the frame, its quantisation tables in order of first use, and the kind of its Huffman tables."""
    frame: Frame | None = None
    quantisation: dict[int, Table] = {}
    huffman: dict[tuple[int, int], HuffmanTable] = {}
    for segment in segments:
        marker, start, end = segment.marker, segment.payload_start, segment.end
        if marker == DQT:
            read_quantisation(data[start:end], start, quantisation)
        elif marker == DHT:
            read_huffman(data[start:end], start, huffman)
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
        # lossless coding quantises nothing; tables of components of later scans may follow later
        if frame.coding != "lossless" and component.table not in quantisation:
            raise JpegError(f"no quantisation table {component.table} for component {identifier}", scan.offset)
    used = dict.fromkeys(component.table for component in frame.components if component.table in quantisation)
    return frame, tuple(quantisation[destination] for destination in used), huffman_kind(huffman)


def _read_first_exif(data: bytes, segments: list[Segment]) -> ExifFacts:
    """Return the facts of the first EXIF segment that can be read, or the error of the first."""
    first_failed: ExifFacts | None = None
    for segment in _named(segments, "APP1:Exif")[:COMMENTS_MAX]:
        facts = read_exif(data[segment.payload_start + len(EXIF_IDENTIFIER) + 1 : segment.end])
        if facts != ExifFacts(error=facts.error):
            return facts
        first_failed = first_failed or facts
    return first_failed or ExifFacts()
