"""Records: the tables the stages hand to each other, as Arrow schemas.

`FACTS` is the Arrow type of `forensics.photo_facts.PhotoFacts` (floor 0 rooms do not import each other; a
test holds the two together). A photo is known everywhere by its key `photo`, e.g. `flickr:4711`, and each
upload of it by `version`, so that a replaced original is a new row and the old one stays.
"""

import hashlib
import re

import pyarrow as pa

SPLITS = ("train", "validation", "test")
"""The sides of the data set, in the order in which they are shown and packed."""

_TEXTS = pa.list_(pa.string())

FACTS = pa.struct(
    [
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("coding", pa.string()),
        ("precision_bits", pa.int32()),
        ("components", pa.int32()),
        ("subsampling", pa.string()),
        ("mcu_width_px", pa.int32()),
        ("mcu_height_px", pa.int32()),
        ("quantisation_tables", pa.list_(pa.list_(pa.uint16()))),
        ("huffman", pa.string()),
        ("segments", _TEXTS),
        ("scan_offset_bytes", pa.int64()),
        ("is_complete", pa.bool_()),
        ("trailing_bytes", pa.int64()),
        ("quality_factor", pa.int32()),
        ("quality_residual", pa.float64()),
        ("make", pa.string()),
        ("model", pa.string()),
        ("software", pa.string()),
        ("processing_software", pa.string()),
        ("serial_number", pa.string()),
        ("taken_at", pa.string()),
        ("modified_at", pa.string()),
        ("exif_width_px", pa.int32()),
        ("exif_height_px", pa.int32()),
        ("orientation", pa.int32()),
        ("exif_error", pa.string()),
        ("xmp_creator_tool", pa.string()),
        ("xmp_history_agents", _TEXTS),
        ("comments", _TEXTS),
        ("editor_marks", _TEXTS),
        # all below were added later: tables of version 0.1 do not have them
        ("tables_digest", pa.string()),
        ("huffman_digest", pa.string()),
        ("segments_digest", pa.string()),
        ("restart_interval", pa.int32()),
        ("digitised_at", pa.string()),
        ("lens_serial_number", pa.string()),
        ("image_unique_id", pa.string()),
        ("colour_space", pa.int32()),
        ("exif_endian", pa.string()),
        ("exif_counts", pa.list_(pa.int32())),
        ("maker_note", pa.string()),
        ("maker_note_bytes", pa.int32()),
        ("thumbnail_width_px", pa.int32()),
        ("thumbnail_height_px", pa.int32()),
        ("thumbnail_bytes", pa.int32()),
        ("thumbnail_tables_digest", pa.string()),
        ("thumbnail_quality_factor", pa.int32()),
        ("thumbnail_error", pa.string()),
        ("colour_profile", pa.string()),
        ("mpf_images", pa.int32()),
        ("scan_digest", pa.string()),
    ]
)
"""What one file's bytes say."""

RECORD = pa.schema(
    [
        ("photo", pa.string()),  # "<source>:<id at the site>"
        ("version", pa.string()),  # of the upload: 10 hex digits, see `version_of`
        ("source", pa.string()),  # flickr, wikimedia, folder
        ("state", pa.string()),  # stored, refused (at the door), failed, deleted (at the site, after it was stored)
        ("original", pa.string()),  # path in the store, where stored
        ("sha256", pa.string()),  # of the stored bytes
        ("size_bytes", pa.int64()),  # of the whole file, as announced or as stored
        ("site_sha1", pa.string()),  # as the site states it
        ("page_url", pa.string()),  # for people and for attribution
        ("original_url", pa.string()),  # where the bytes came from
        ("title", pa.string()),
        ("owner_id", pa.string()),
        ("owner_name", pa.string()),
        ("licence", pa.string()),
        ("licence_url", pa.string()),
        ("uploaded_at", pa.string()),  # ISO 8601, UTC
        ("claimed_camera", pa.string()),  # catalogue key of the query that found it
        ("labelled_camera", pa.string()),  # catalogue key where the collection's folders, not EXIF, are the label
        ("site_width_px", pa.int32()),  # as the site states it
        ("site_height_px", pa.int32()),
        ("reasons", _TEXTS),  # of a refusal at the door
        ("error", pa.string()),  # of a failure, or why the bytes are not a readable JPEG
        ("http_status", pa.int32()),  # of a failure, where there was an answer
        ("is_transient", pa.bool_()),  # of a failure: whether a later crawl tries again
        ("attempts", pa.int32()),  # of a failure: how many crawls have tried
        ("failed_at", pa.string()),  # of a failure: when the last one did, ISO 8601, UTC
        ("facts", FACTS),  # of a photo refused at the door: its bytes are not kept
    ]
)
"""One row a photo found by a crawl: `crawl/<source>/<window>/records.parquet`."""

EXAMINED = pa.schema(
    [
        ("photo", pa.string()),
        ("version", pa.string()),
        ("original", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("error", pa.string()),  # why the bytes are not a readable JPEG
        ("pixel_error", pa.string()),  # why the picture does not decode cleanly
        ("perceptual_hash", pa.string()),  # 64 hex digits; null for pictures too plain, and not decoded ones
        ("foreign_grid", pa.string()),  # origin "x,y" of the grid of an earlier compression, where one was found
        ("foreign_grid_log10_nfa", pa.float64()),  # of that grid: log10 of its number of false alarms
        ("first_quality_factor", pa.int32()),  # of an earlier compression on the same grid, where it can be told
        ("first_quality_gain", pa.float64()),  # how much better that explains the coefficients than one compression
        ("facts", FACTS),
    ]
)
"""One row an original examined: `facts/v2-…/<batch>.parquet`."""

CURATED = pa.schema(
    [
        ("photo", pa.string()),
        ("version", pa.string()),
        ("source", pa.string()),
        ("kept", pa.bool_()),
        ("reasons", _TEXTS),  # every reason that applies, in the order of the funnel
        ("camera", pa.string()),  # catalogue key by EXIF or label, also of refused photos where it is known
        ("group", pa.string()),  # device or owner, hashed
        ("split", pa.string()),  # train, validation, test; null where refused
        ("fold", pa.int32()),  # of its group in cross-validation, 0 …; null where refused
        ("duplicate_of", pa.string()),  # the photo it is a copy of
        ("original", pa.string()),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
        ("make", pa.string()),
        ("model", pa.string()),
        ("software", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("coding", pa.string()),
        ("subsampling", pa.string()),
        ("mcu_width_px", pa.int32()),
        ("mcu_height_px", pa.int32()),
        ("quality_factor", pa.int32()),
        ("quality_residual", pa.float64()),
        ("tables_digest", pa.string()),
        ("segments_digest", pa.string()),
        ("scan_digest", pa.string()),
        ("perceptual_hash", pa.string()),
        ("taken_at", pa.string()),
        ("editor_marks", _TEXTS),
        ("error", pa.string()),
        ("claimed_camera", pa.string()),
        ("page_url", pa.string()),
        ("title", pa.string()),
        ("owner_id", pa.string()),
        ("owner_name", pa.string()),
        ("licence", pa.string()),
        ("licence_url", pa.string()),
        ("uploaded_at", pa.string()),
    ]
)
"""One row a photo, kept or not: `curated/<generation>/photos.parquet`."""


ADDED_LATER = frozenset({"labelled_camera", "site_width_px", "site_height_px", "is_transient", "attempts", "failed_at"})
"""Columns that tables of version 0.1 do not have."""


FACTS_OF_0_1 = FACTS.get_field_index("tables_digest")
"""How many of the fields of FACTS, from the first, tables of version 0.1 have."""


def with_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return a table with the columns of `schema`, so that tables of earlier versions of this program stay readable.

    Columns, and fields of facts, that were added since are nulls. Raises ValueError where another one is missing
    or of another type.
    """
    for field in schema:
        if field.name not in table.column_names:
            if field.name not in ADDED_LATER:
                raise ValueError(f"it has no column {field.name}")
            table = table.append_column(field, pa.nulls(len(table), field.type))
        elif field.type == FACTS and pa.types.is_struct(table.schema.field(field.name).type):
            index = table.schema.get_field_index(field.name)
            chunks = [_with_later_facts(chunk, field.name) for chunk in table.column(index).chunks]
            if chunks:
                table = table.set_column(index, field.name, pa.chunked_array(chunks))
    try:
        return table.select(schema.names).cast(schema)
    except pa.ArrowNotImplementedError as error:  # no ValueError, unlike Arrow's other ones
        raise ValueError(str(error)) from error


def _with_later_facts(facts: pa.StructArray, column: str) -> pa.StructArray:
    """Return facts with nulls in the fields added later; a row without facts stays one."""
    there = {field.name for field in facts.type}
    fields = []
    arrays = []
    for index, field in enumerate(FACTS):
        if field.name in there:
            field = facts.type.field(field.name)
            arrays.append(facts.field(field.name))
        elif index >= FACTS_OF_0_1:
            arrays.append(pa.nulls(len(facts), field.type))
        else:
            raise ValueError(f"its column {column} has no field {field.name}")
        fields.append(field)
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=facts.is_null())


def version_of(identity: str) -> str:
    """Return the version of an upload: 10 hex digits of what tells it from a later one (site's SHA-1, or its URL)."""
    return hashlib.sha256(identity.encode()).hexdigest()[:10]


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
