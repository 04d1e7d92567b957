"""Manipulations that leave the coded picture as it is: lossless turns and crops, changes of metadata alone."""

from collections.abc import Callable

from benchmarks.curation.manipulations.pixels import resave
from benchmarks.curation.manipulations.subject import NotApplicableError, Subject, retagged, transformed

_EDGE_PX = 64


def lossless(*options: str) -> Callable[[Subject], bytes]:
    """Return a transformation by jpegtran: a turn, other Huffman tables, a progressive file."""
    return lambda subject: transformed(subject.data, *options)


def lossless_crop(left_px: int, top_px: int) -> Callable[[Subject], bytes]:
    """Return the cut of a frame by jpegtran; it moves a corner off the grid up and left to the next MCU."""

    def apply(subject: Subject) -> bytes:
        facts = subject.facts
        width, height = facts.width_px - _EDGE_PX, facts.height_px - _EDGE_PX
        return transformed(subject.data, "-crop", f"{width}x{height}+{left_px}+{top_px}")

    return apply


def lossless_crop_with_sizes_set(subject: Subject) -> bytes:
    """Cut a frame on the grid and write the new size into EXIF."""
    cut = lossless_crop(16, 16)(subject)
    facts = Subject(cut, b"").facts
    return retagged(cut, f"-ExifImageWidth={facts.width_px}", f"-ExifImageHeight={facts.height_px}")


def changed(*options: str) -> Callable[[Subject], bytes]:
    """Return a change of tags by ExifTool."""
    return lambda subject: retagged(subject.data, *options)


def without_thumbnail(subject: Subject) -> bytes:
    """Take the thumbnail out."""
    if subject.facts.thumbnail_width_px is None:
        raise NotApplicableError("has no thumbnail")
    return retagged(subject.data, "-IFD1:all=")


def with_metadata_of_another_camera(subject: Subject) -> bytes:
    """Replace all metadata by those of another camera's photograph."""
    return retagged(subject.data, "-all=", "-TagsFromFile", "{source}", "-all:all", "-unsafe", source=subject.donor)


def resaved_with_metadata_of_the_original(subject: Subject) -> bytes:
    """Save at 98 without metadata, then copy those of the original over."""
    plain = resave(98, exif=None, icc_profile=None)(subject)
    return retagged(plain, "-TagsFromFile", "{source}", "-all:all", "-unsafe", source=subject.data)


def with_software_removed(subject: Subject) -> bytes:
    """Take the Software tag out."""
    if not subject.facts.software:
        raise NotApplicableError("has no Software")
    return retagged(subject.data, "-Software=")
