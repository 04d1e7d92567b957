"""Photo facts: what is known of held-out photographs beside their pixels: quality factor, year, ISO, owner.

Quality factors stand in the index of the shards. The year and the owner come from the generation's table of photos
(`train.data.curated`), ISO from the EXIF of the originals; where these are not in the store, as on a machine that has
only shards, what they would tell is unknown. They describe results; nothing judges by them.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from corpus.errors import StorageError
from corpus.storage import Store
from forensics.errors import JpegError
from forensics.jpeg.segments import EXIF_IDENTIFIER, header_segments
from forensics.metadata.exif.tiff import ENDIANS, find_entry, number_of, pointer_of
from shards.index import Index
from train.data.curated import curated_rows

ISO_PHOTOS_MAX = 5000
"""Originals that are opened for their ISO, a range request each where they lie in an object store."""

_COLUMNS = ("original", "taken_at", "owner_id")
_HEADER_BYTES = 256 * 1024
_EXIF_IFD, _ISO = 0x8769, 0x8827


@dataclass(frozen=True)
class PhotoFacts:
    """What is known of one photograph."""

    quality_factor: int | None = None
    year: str | None = None
    iso: int | None = None
    owner: str | None = None
    """`owner 1`, `owner 2`, … in the order in which photographs are asked for: results name nobody, and what is made of
    a name can be found out by trying names."""
    original: str | None = None


def facts_of(
    store: Store, index: Index, photos: Sequence[str], *, with_iso: bool = False
) -> tuple[list[PhotoFacts], str | None]:
    """Return the facts of photographs, by their names (digests), and why year and owner are unknown, or None.

    `with_iso` opens their originals as well.
    """
    rows = index.photo_rows_of(photos)
    names = index.photo_names(rows)
    quality = dict(zip(names, index.photos.taken("quality_factor", rows).tolist(), strict=True))
    curated, note = curated_rows(store, index, rows, _COLUMNS)
    told = dict(zip(names, curated, strict=True))
    numbers: dict[str, int] = {}
    found = []
    for number, photo in enumerate(photos):
        factor, row = quality.get(photo, -1), told.get(photo, {})
        owner, original = row.get("owner_id"), row.get("original")
        if owner is not None:
            owner = f"owner {numbers.setdefault(owner, len(numbers) + 1)}"
        iso = _iso(store, original) if with_iso and original and number < ISO_PHOTOS_MAX else None
        found.append(PhotoFacts(None if factor < 0 else factor, _year(row.get("taken_at")), iso, owner, original))
    return found, note


def iso_of(header: bytes) -> int | None:
    """Return the ISO speed that the EXIF in a JPEG's first bytes states; None where none can be read."""
    try:
        segments = header_segments(header, whole=False)
    except JpegError:
        return None
    for segment in segments:
        if segment.name == "APP1:Exif":
            return _iso_in(header[segment.payload_start + len(EXIF_IDENTIFIER) + 1 : segment.end])
    return None


def _iso_in(tiff: bytes) -> int | None:
    endian = ENDIANS.get(tiff[:2])
    if endian is None or len(tiff) < 8:
        return None
    first = int.from_bytes(tiff[4:8], "little" if endian == "<" else "big")
    exif = pointer_of(tiff, endian, find_entry(tiff, endian, first, _EXIF_IFD))
    return None if exif is None else number_of(tiff, endian, find_entry(tiff, endian, exif, _ISO))


def _iso(store: Store, original: str) -> int | None:
    with suppress(StorageError):  # originals may be elsewhere, or have been removed since
        return iso_of(store.read(original, 0, _HEADER_BYTES))
    return None


def _year(taken_at: str | None) -> str | None:
    year = (taken_at or "")[:4]
    return year if year.isascii() and year.isdigit() and year > "1990" else None
