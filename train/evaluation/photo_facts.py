"""Photo facts: what is known of held-out photographs beside their pixels: quality factor, year, ISO, owner.

Quality factors stand in the index of the shards. The year and the owner come from the generation's table of photos
(`curated/<generation>/photos.parquet`), ISO from the EXIF of the originals; where these are not in the store, as on a
machine that has only shards, what they would tell is unknown. They describe results; nothing judges by them.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from corpus.errors import StorageError
from corpus.records import photo_digest
from corpus.storage import Store
from corpus.storage.parquet import read_parquet
from forensics.errors import JpegError
from forensics.jpeg.segments import EXIF_IDENTIFIER, header_segments
from forensics.metadata.tiff import ENDIANS, find_entry, number_of, pointer_of
from shards.index import Index

ISO_PHOTOS_MAX = 5000
"""Originals that are opened for their ISO, a range request each where they lie in an object store."""

_COLUMNS = ("photo", "version", "original", "taken_at", "owner_id", "group")
_HEADER_BYTES = 256 * 1024
_EXIF_IFD, _ISO = 0x8769, 0x8827


@dataclass(frozen=True)
class PhotoFacts:
    """What is known of one photograph."""

    quality_factor: int | None = None
    year: str | None = None
    iso: int | None = None
    owner: str | None = None
    """8 hex digits that stand for the owner: results name nobody."""
    original: str | None = None


def facts_of(store: Store, index: Index, photos: Sequence[str], *, with_iso: bool = False) -> list[PhotoFacts]:
    """Return the facts of photographs, by their names (digests); `with_iso` opens their originals as well."""
    rows = index.photo_rows_of(photos)
    quality = dict(zip(index.photo_names(rows), index.photos.taken("quality_factor", rows).tolist(), strict=True))
    told = _told(store, index.generation, set(photos), set(index.group_names(rows)))
    found = []
    for number, photo in enumerate(photos):
        factor = quality.get(photo, -1)
        taken_at, owner, original = told.get(photo, (None, None, None))
        iso = _iso(store, original) if with_iso and original and number < ISO_PHOTOS_MAX else None
        found.append(PhotoFacts(None if factor < 0 else factor, _year(taken_at), iso, _hidden(owner), original))
    return found


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


def _told(
    store: Store, generation: str, photos: set[str], groups: set[str]
) -> dict[str, tuple[str | None, str | None, str | None]]:
    """Return when photos were taken, their owners and originals, by the photos' names; nothing without the table."""
    path = f"curated/{generation}/photos.parquet"
    if not store.exists(path):
        return {}
    try:
        with store.open(path) as file:
            table = read_parquet(file, _COLUMNS, [[("group", "in", sorted(groups))]])
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{store.url}: {path} is not a table of photos: {error}; curate again") from error
    rows = table.to_pylist()
    named = ((photo_digest(row["photo"], row["version"]), row) for row in rows)
    return {name: (row["taken_at"], row["owner_id"], row["original"]) for name, row in named if name in photos}


def _year(taken_at: str | None) -> str | None:
    year = (taken_at or "")[:4]
    return year if year.isascii() and year.isdigit() and year > "1990" else None


def _hidden(owner: str | None) -> str | None:
    return None if owner is None else hashlib.sha256(owner.encode()).hexdigest()[:8]
