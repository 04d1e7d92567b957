"""Records: the tables that the stages hand to each other, each declared once as a TypedDict and an Arrow schema of it.

A photo is known everywhere by its key `photo`, e.g. `flickr:4711`, and each upload of it by `version`, so that a
replaced original is a new row and the old one stays. `FactsRow` has the fields of `forensics.photo_facts.PhotoFacts`;
`corpus` and `forensics` do not import each other, so a test keeps the two the same.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, TypeVar, cast, get_type_hints

import pyarrow as pa

SPLITS = ("train", "validation", "test")
"""The sides of the data set, in the order in which they are shown and packed."""

REFUSED_PICTURES = "refused-pictures"
"""Folder of the EXIF thumbnails of a few refused photos, for the report: `<source>/<reason>/<name>`, JSON with `photo`,
`version` and `jpeg` (base64)."""

Key = Annotated[str, pa.string()]
Text = Annotated[str | None, pa.string()]
Texts = Annotated[list[str] | None, pa.list_(pa.string())]
Int32 = Annotated[int | None, pa.int32()]
Int64 = Annotated[int | None, pa.int64()]
Float = Annotated[float | None, pa.float64()]
Flag = Annotated[bool | None, pa.bool_()]


AnyRow = TypeVar("AnyRow")


def schema_of(row: type) -> pa.Schema:
    """Return the Arrow schema of a TypedDict whose fields are annotated with Arrow types."""
    kinds = get_type_hints(row, include_extras=True)
    return pa.schema([(name, kind.__metadata__[0]) for name, kind in kinds.items()])


class FactsRow(TypedDict):
    """What one file's bytes say."""

    width_px: Int32
    height_px: Int32
    coding: Text
    precision_bits: Int32
    components: Int32
    subsampling: Text
    mcu_width_px: Int32
    mcu_height_px: Int32
    quantisation_tables: Annotated[list[list[int]] | None, pa.list_(pa.list_(pa.uint16()))]
    huffman: Text
    segments: Texts
    scan_offset_bytes: Int64
    is_complete: Flag
    trailing_bytes: Int64
    quality_factor: Int32
    quality_residual: Float
    make: Text
    model: Text
    software: Text
    processing_software: Text
    serial_number: Text
    taken_at: Text
    modified_at: Text
    exif_width_px: Int32
    exif_height_px: Int32
    orientation: Int32
    exif_error: Text
    xmp_creator_tool: Text
    xmp_history_agents: Texts
    comments: Texts
    editor_marks: Texts
    tables_digest: Text
    huffman_digest: Text
    segments_form: Text
    restart_interval: Int32
    digitised_at: Text
    lens_serial_number: Text
    image_unique_id: Text
    colour_space: Int32
    exif_endian: Text
    exif_counts: Annotated[list[int] | None, pa.list_(pa.int32())]
    maker_note: Text
    maker_note_bytes: Int32
    thumbnail_width_px: Int32
    thumbnail_height_px: Int32
    thumbnail_bytes: Int32
    thumbnail_tables_digest: Text
    thumbnail_quality_factor: Int32
    thumbnail_error: Text
    colour_profile: Text
    mpf_images: Int32
    scan_digest: Text
    oddities: Texts
    serial_source: Text


FACTS = pa.struct(list(schema_of(FactsRow)))


class RecordRow(TypedDict):
    """One row a photo found by a crawl: `crawl/<source>/<window>/records.parquet`."""

    photo: Key  # "<source>:<id at the site>"
    version: Text  # of the upload: 10 hex digits, see `version_of`
    source: Text  # flickr, wikimedia, folder
    state: Key  # stored, refused (at the door), failed, deleted (at the site, after it was stored)
    original: Text  # path in the store, where stored
    sha256: Text  # of the stored bytes
    size_bytes: Int64  # of the whole file, as announced or as stored
    site_sha1: Text  # as the site states it
    page_url: Text  # for people and for attribution
    original_url: Text  # where the bytes came from
    title: Text
    owner_id: Text
    owner_name: Text
    licence: Text
    licence_url: Text
    uploaded_at: Text  # ISO 8601, UTC
    claimed_camera: Text  # catalogue key of the query that found it
    labelled_camera: Text  # catalogue key where the collection's folders, not EXIF, are the label
    site_width_px: Int32  # as the site states it
    site_height_px: Int32
    reasons: Texts  # of a refusal at the door
    error: Text  # of a failure, or why the bytes are not a readable JPEG
    http_status: Int32  # of a failure, where there was an answer
    is_transient: Flag  # of a failure: whether a later crawl tries again
    attempts: Int32  # of a failure: how many crawls have tried
    failed_at: Text  # of a failure: when the last one did, ISO 8601, UTC
    facts: Annotated[FactsRow | None, FACTS]  # of a photo refused at the door: its bytes are not kept


RECORD = schema_of(RecordRow)


class ExaminedRow(TypedDict):
    """One row an original examined: `facts/v3-…/<batch>.parquet`."""

    photo: Key
    version: Text
    original: Text
    sha256: Text
    size_bytes: Int64
    error: Text  # why the bytes are not a readable JPEG
    pixel_error: Text  # why the picture does not decode cleanly; without facts and `error`: how it ended its examiner
    perceptual_hash: Text  # 64 hex digits; null for pictures too plain, and not decoded ones
    foreign_grid: Text  # origin "x,y" of the grid of an earlier compression, where one was found
    foreign_grid_log10_nfa: Float  # of that grid: log10 of its number of false alarms
    first_quality_factor: Int32  # of an earlier compression on the same grid, where it can be told
    first_quality_gain: Float  # how much better that explains the coefficients than one compression
    facts: Annotated[FactsRow | None, FACTS]


EXAMINED = schema_of(ExaminedRow)


class JudgedRow(TypedDict):
    """One row a photo, kept or not: `curated/<generation>/photos.parquet`."""

    photo: Key
    version: Key
    source: Text
    kept: Annotated[bool, pa.bool_()]
    reasons: Annotated[list[str], pa.list_(pa.string())]  # every reason that applies, in the order of the funnel
    camera: Text  # catalogue key by EXIF or label, also of refused photos where it is known
    group: Key  # device or owner, hashed; the unit of splits
    has_side: Annotated[bool, pa.bool_()]  # whether any generation kept it, or a copy of it, in its group
    split: Text  # train, validation, test; null where refused
    fold: Int32  # of its group in cross-validation, 0 …; null where refused
    duplicate_of: Text  # the photo it is a copy of
    original: Text
    sha256: Text
    size_bytes: Int64
    make: Text
    model: Text
    software: Text
    width_px: Int32
    height_px: Int32
    coding: Text
    subsampling: Text
    mcu_width_px: Int32
    mcu_height_px: Int32
    quality_factor: Int32
    quality_residual: Float
    tables_digest: Text
    segments_form: Text
    scan_digest: Text
    perceptual_hash: Text
    taken_at: Text
    editor_marks: Texts
    error: Text
    claimed_camera: Text
    page_url: Text
    title: Text
    owner_id: Text
    owner_name: Text
    licence: Text
    licence_url: Text
    uploaded_at: Text


CURATED = schema_of(JudgedRow)


class ManifestRow(TypedDict):
    """One row a photo of a data set that is handed on as a list: a manifest, or a list of addresses by others."""

    photo: Key
    version: Key
    source: Text
    kept: Flag  # null where the list has no verdicts
    url: Text  # of the original at its site
    sha256: Text
    size_bytes: Int64
    licence: Text  # null: unknown
    licence_url: Text
    author: Text  # as the licence asks: the owner's name, or else the owner's id at the site
    title: Text
    page_url: Text
    uploaded_at: Text
    camera: Text  # catalogue key
    is_labelled: Flag  # whether a collection's folders, not EXIF, name the camera
    owner: Text  # 16 hex digits that stand for the owner
    group: Text  # 16 hex digits that stand for the device or the owner; the unit of splits
    has_side: Flag  # whether its group is bound to its split, as in JudgedRow
    split: Text  # of its group, where it has its side; also of refused ones that once were kept
    fold: Int32
    reasons: Texts  # of a refused one, in the order of the funnel
    quality_factor: Int32
    shard: Text  # file name of the tar that has its tiles


MANIFEST = schema_of(ManifestRow)


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema` in its order; raises ValueError where one is missing or of another type."""
    check_schema(table.schema, schema)
    found = table.select(schema.names)
    if found.schema.equals(schema):
        return found.replace_schema_metadata(schema.metadata)
    return found.cast(schema)


def check_schema(found: pa.Schema, schema: pa.Schema) -> None:
    """Raise ValueError where `found` lacks a column of `schema`, or has it of another type."""
    for field in schema:
        place = found.get_field_index(field.name)
        if place < 0:
            raise ValueError(f"it has no column {field.name}")
        kind = found.field(place).type
        if kind != field.type:
            raise ValueError(f"its column {field.name} is of type {kind}, not {field.type}")


def full_row(kind: type[AnyRow], row: Mapping[str, Any]) -> AnyRow:
    """Return a row of a TypedDict of this module with all its columns, null where `row` lacks them."""
    return cast(AnyRow, {**dict.fromkeys(kind.__annotations__), **row})


def version_of(identity: str) -> str:
    """Return the version of an upload: 10 hex digits of what tells it from a later one (site's SHA-1, or its URL)."""
    return hashlib.sha256(identity.encode()).hexdigest()[:10]


def photo_digest(photo: str, version: str) -> str:
    """Return a photograph's name in shards: 16 hex digits of a hash of its key and version."""
    return hashlib.sha256(f"{photo}|{version}".encode()).hexdigest()[:16]


def refused_picture_name(photo: str) -> str:
    """Return the name of the file below REFUSED_PICTURES that holds the thumbnail of a refused photo."""
    return f"{hashlib.sha256(photo.encode()).hexdigest()[:16]}.json"


def original_path(photo: str, version: str) -> str:
    """Return where the original of a photo is stored: `originals/<source>/<xx>/<id>-<version>.jpg`.

    Ids are the site's, so anything but letters, digits, `_` and `-` is replaced; a digest of the whole key
    keeps two ids apart that are then alike.
    """
    source, _, site_id = photo.partition(":")
    digest = hashlib.sha256(photo.encode()).hexdigest()
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", site_id)[-80:].strip("-")
    name = safe if safe == site_id else f"{safe}-{digest[:8]}".lstrip("-")
    return f"originals/{re.sub('[^a-z0-9]', '', source)}/{digest[:2]}/{name}-{version}.jpg"
