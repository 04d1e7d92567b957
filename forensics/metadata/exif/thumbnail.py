"""Thumbnail: reads the header of the JPEG that IFD1 of an EXIF payload points to.

It is read like any header, but a thumbnail's own EXIF or thumbnail is ignored. Nothing raises: why a thumbnail cannot
be read goes into `error`.
"""

from dataclasses import dataclass

from forensics.errors import JpegError
from forensics.jpeg.quality import OWN, estimate_quality_factor, quality_name
from forensics.jpeg.scans import find_end_of_image
from forensics.jpeg.segments import header_segments
from forensics.jpeg.structure import read_structure
from forensics.jpeg.tables import tables_digest
from forensics.metadata.exif.tags import ExifFacts
from forensics.metadata.text import clean

DCF_THUMBNAIL_PX = (160, 120)
"""The only size that DCF 2.0 (CIPA DC-009) allows; cameras pad pictures of other shapes with black."""


@dataclass(frozen=True, slots=True)
class ThumbnailFacts:
    """What the header of a thumbnail says; sizes in pixels."""

    width_px: int | None = None
    height_px: int | None = None
    tables_digest: str | None = None
    quality_factor: int | None = None
    error: str | None = None


def thumbnail_picture(tiff: bytes, exif: ExifFacts) -> bytes | None:
    """Return the thumbnail in an EXIF payload as a JPEG without any metadata, None where there is none to be read.

    A thumbnail may carry EXIF and comments of its own; only what is needed to decode its picture is left.
    """
    offset, length = exif.thumbnail_offset, exif.thumbnail_bytes
    if offset is None or length is None or offset + length > len(tiff):
        return None
    jpeg = tiff[offset : offset + length]
    try:
        segments = header_segments(jpeg, whole=True)
    except JpegError:
        return None
    begin = segments[-1].end
    end = find_end_of_image(jpeg, begin)
    if end is None:
        return None
    needed = [jpeg[each.offset : each.end] for each in segments if not each.name.startswith(("APP", "COM"))]
    return b"".join([jpeg[:2], *needed, jpeg[begin:end]])


def read_thumbnail(tiff: bytes, exif: ExifFacts) -> ThumbnailFacts:
    """Return the facts of the thumbnail in the EXIF payload `tiff`, whose facts are `exif`; never raises.

    All are None where IFD1 does not point to a JPEG: uncompressed thumbnails say nothing more.
    """
    offset, length = exif.thumbnail_offset, exif.thumbnail_bytes
    if offset is None or length is None:  # some writers state an offset and a length of 0
        return ThumbnailFacts(error=exif.thumbnail_error)
    if offset + length > len(tiff):
        return ThumbnailFacts(error=f"thumbnail of {length} bytes at {offset} of {len(tiff)}")
    jpeg = tiff[offset : offset + length]
    try:
        structure = read_structure(jpeg, header_segments(jpeg, whole=True))
    except JpegError as error:
        return ThumbnailFacts(error=clean(str(error)))
    quality_factor, residual = estimate_quality_factor(structure.quantisation)
    return ThumbnailFacts(
        width_px=structure.frame.width_px,
        height_px=structure.frame.height_px,
        tables_digest=tables_digest(structure.quantisation) if structure.quantisation else None,
        # the residual of a thumbnail is not kept, so tables of its own have no factor at all
        quality_factor=None if quality_name(quality_factor, residual) == OWN else quality_factor,
        error=exif.thumbnail_error,
    )
