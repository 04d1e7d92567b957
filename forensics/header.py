"""Header: reads the facts of a photo from the bytes of a JPEG, or from its beginning.

bytes → PhotoFacts. Only the first image is read; further images behind its end are counted (MPF) and otherwise ignored.
Refuses (JpegError) bytes that are not a JPEG and headers that violate the standard, but not broken EXIF or XMP.
"""

from collections.abc import Iterator

from forensics.errors import JpegError
from forensics.jpeg.oddities import header_oddities
from forensics.jpeg.quality import estimate_quality_factor
from forensics.jpeg.scans import find_end_of_image, scan_digest
from forensics.jpeg.segments import EXIF_IDENTIFIER, XMP_IDENTIFIER, Segment, header_segments, segments_form
from forensics.jpeg.structure import read_structure
from forensics.jpeg.tables import huffman_digest, huffman_kind, tables_digest
from forensics.metadata.colour_profile import profile_name
from forensics.metadata.editors import editor_marks
from forensics.metadata.exif.tags import ExifFacts, read_exif
from forensics.metadata.exif.thumbnail import read_thumbnail, thumbnail_picture
from forensics.metadata.multi_picture import count_images
from forensics.metadata.text import clean_bytes, distinct
from forensics.metadata.xmp import read_xmp
from forensics.photo_facts import PhotoFacts

COMMENTS_MAX = 16


def read_facts(data: bytes, *, whole: bool) -> PhotoFacts:
    """Return the facts of a JPEG, of which `data` is the whole, or a prefix (`whole=False`).

    Raises JpegError where it is not a readable JPEG, and HeaderIncomplete for a prefix that ends before the first scan;
    `needed_bytes` then says how many bytes to read at least. `is_complete`, `trailing_bytes` and `scan_digest` are
    known of whole files only.
    """
    segments = header_segments(data, whole=whole)
    frame, quantisation, huffman, restart_interval = read_structure(data, segments)
    tiff, exif = _first_exif(data, segments)
    thumbnail = read_thumbnail(tiff, exif)

    def payloads(name: str) -> Iterator[bytes]:
        return (data[segment.payload_start : segment.end] for segment in segments if segment.name == name)

    packets = (payload[len(XMP_IDENTIFIER) :] for payload in payloads("APP1:XMP"))
    xmp = read_xmp(packets, payloads("APP1:XMP-extension"))
    comments = distinct(map(clean_bytes, payloads("COM")), COMMENTS_MAX)
    names = tuple(segment.name for segment in segments)
    scan_offset_bytes = segments[-1].end
    end = find_end_of_image(data, scan_offset_bytes) if whole else None
    quality_factor, quality_residual = estimate_quality_factor(quantisation)
    mcu_width_px, mcu_height_px = frame.mcu_size_px
    return PhotoFacts(
        width_px=frame.width_px, height_px=frame.height_px, coding=frame.coding, precision_bits=frame.precision_bits,
        components=len(frame.components), subsampling=frame.subsampling,
        mcu_width_px=mcu_width_px, mcu_height_px=mcu_height_px, restart_interval=restart_interval,
        quantisation_tables=quantisation, tables_digest=tables_digest(quantisation) if quantisation else None,
        quality_factor=quality_factor, quality_residual=quality_residual,
        huffman=huffman_kind(huffman), huffman_digest=huffman_digest(huffman) if huffman else None,
        segments=names, segments_form=segments_form(names), scan_offset_bytes=scan_offset_bytes,
        is_complete=end is not None if whole else None,
        trailing_bytes=len(data) - end if end is not None else 0 if whole else None,
        scan_digest=scan_digest(data, scan_offset_bytes, end) if whole else None,
        make=exif.make, model=exif.model, software=exif.software, processing_software=exif.processing_software,
        serial_number=exif.serial_number, lens_serial_number=exif.lens_serial_number,
        taken_at=exif.taken_at, modified_at=exif.modified_at, digitised_at=exif.digitised_at,
        exif_width_px=exif.width_px, exif_height_px=exif.height_px, orientation=exif.orientation,
        image_unique_id=exif.image_unique_id, colour_space=exif.colour_space, exif_endian=exif.endian,
        exif_counts=exif.counts, exif_error=exif.error, maker_note=exif.maker_note,
        maker_note_bytes=exif.maker_note_bytes, thumbnail_bytes=exif.thumbnail_bytes,
        thumbnail_width_px=thumbnail.width_px, thumbnail_height_px=thumbnail.height_px,
        thumbnail_tables_digest=thumbnail.tables_digest, thumbnail_quality_factor=thumbnail.quality_factor,
        thumbnail_error=thumbnail.error, xmp_creator_tool=xmp.creator_tool, xmp_history_agents=xmp.history_agents,
        comments=comments, editor_marks=editor_marks(exif=exif, xmp=xmp, segment_names=names, comments=comments),
        colour_profile=profile_name(payloads("APP2:ICC")),
        mpf_images=next(map(count_images, payloads("APP2:MPF")), None),
        serial_source=exif.serial_source,
        oddities=header_oddities(data, segments),
    )  # fmt: skip


def embedded_thumbnail(data: bytes) -> bytes | None:
    """Return a photo's EXIF thumbnail as a JPEG without metadata, or None; `data`: the photo, at least its header."""
    try:
        segments = header_segments(data, whole=False)
    except JpegError:
        return None
    return thumbnail_picture(*_first_exif(data, segments))


def _first_exif(data: bytes, segments: list[Segment]) -> tuple[bytes, ExifFacts]:
    """Return payload and facts of the first EXIF segment that has any tag, or else of the first segment."""
    first: tuple[bytes, ExifFacts] | None = None
    for segment in [segment for segment in segments if segment.name == "APP1:Exif"][:COMMENTS_MAX]:
        tiff = data[segment.payload_start + len(EXIF_IDENTIFIER) + 1 : segment.end]
        facts = read_exif(tiff)
        if facts.says_something:
            return tiff, facts
        first = first or (tiff, facts)
    return first or (b"", ExifFacts())
