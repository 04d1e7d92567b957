"""PhotoFacts: what the bytes of one JPEG file say, as plain data.

`forensics.header.read_facts` makes it; `corpus.records.FactsRow` is the row of a table with the same fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_origin


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """Facts of one JPEG header; None and empty where the file does not say.

    Sizes are in pixels, offsets and lengths in bytes. Strings come from the file, cut to 256 characters,
    control characters and surrounding blanks taken out.
    """

    width_px: int
    height_px: int
    coding: str
    """Process of the frame: `baseline`, `extended`, `progressive`, `lossless`, or `arithmetic`."""
    precision_bits: int
    components: int
    subsampling: str
    """`4:4:4`, `4:2:2`, `4:2:0`, `4:4:0`, `4:1:1`, `grey`, or the factors as `2x2,1x1,1x1`."""
    mcu_width_px: int
    mcu_height_px: int
    quantisation_tables: tuple[tuple[int, ...], ...]
    """64 entries each, natural order, luma first, in order of first use by a component."""
    huffman: str
    """`standard` (the tables of ITU-T T.81 Annex K), `optimised`, or `none`."""
    segments: tuple[str, ...]
    """Names of the segments in file order up to the scan, e.g. `APP1:Exif`, `DQT`, `SOF0`, `DHT`, `SOS`."""
    scan_offset_bytes: int
    """Where the entropy-coded data of the first scan begins."""
    is_complete: bool | None
    """Whether an end-of-image marker follows the scans; None where only the header was given."""
    trailing_bytes: int | None
    """Bytes behind the end-of-image marker; None where only the header was given."""
    quality_factor: int | None
    """Estimated IJG factor 1..100, the nearest by least squares; None for tables that are not 8-bit."""
    quality_residual: float | None
    """RMS difference of table entries to that factor's tables: 0.0 where they are IJG's own.

    Where it is large the factor is only the nearest one, and people are shown "own tables" (`forensics.jpeg.quality`).
    """
    make: str | None
    model: str | None
    software: str | None
    processing_software: str | None
    serial_number: str | None
    taken_at: str | None
    """EXIF DateTimeOriginal as written: `YYYY:MM:DD HH:MM:SS`."""
    modified_at: str | None
    """EXIF (IFD0) DateTime as written."""
    exif_width_px: int | None
    exif_height_px: int | None
    orientation: int | None
    exif_error: str | None
    """Why the EXIF segment could not be read (whole), if so."""
    xmp_creator_tool: str | None
    xmp_history_agents: tuple[str, ...]
    comments: tuple[str, ...]
    """Texts of the COM segments."""
    editor_marks: tuple[str, ...]
    """Marks of editing software as `where: what`, e.g. `exif:Software: Adobe Photoshop CS5`, `app13: Photoshop 3.0`."""
    tables_digest: str | None = None
    """16 hex digits over the quantisation tables, see `forensics.jpeg.tables.tables_digest`; None without tables."""
    huffman_digest: str | None = None
    """16 hex digits over all Huffman tables, see `forensics.jpeg.tables.huffman_digest`; None without tables."""
    segments_form: str = ""
    """The structure of the header without what comes and goes, see `forensics.jpeg.segments.segments_form`."""
    restart_interval: int | None = None
    """Minimum coded units between restart markers (DRI); None where the header sets none."""
    digitised_at: str | None = None
    """EXIF DateTimeDigitized as written."""
    lens_serial_number: str | None = None
    image_unique_id: str | None = None
    colour_space: int | None = None
    """EXIF ColorSpace: 1 sRGB, 65535 uncalibrated, 2 Adobe RGB of some makers."""
    exif_endian: str | None = None
    """Byte order of the EXIF data: `little` or `big`."""
    exif_counts: tuple[int, ...] = ()
    """Entries of IFD0, EXIF, GPS, Interoperability and IFD1 as stated, -1 without the directory; () without EXIF.

    The counts tell camera models apart (Kee, Johnson, Farid, TIFS 2011). What GPS entries say is never read.
    """
    maker_note: str | None = None
    """The readable name a MakerNote begins with, e.g. `Nikon`, `SONY DSC`, or `present` where it has none."""
    maker_note_bytes: int | None = None
    thumbnail_width_px: int | None = None
    thumbnail_height_px: int | None = None
    thumbnail_bytes: int | None = None
    """Length of the JPEG thumbnail as IFD1 states it."""
    thumbnail_tables_digest: str | None = None
    thumbnail_quality_factor: int | None = None
    """As `quality_factor`, but None for tables that are far from all of the IJG's."""
    thumbnail_error: str | None = None
    """Why IFD1 or the JPEG it points to could not be read, if so."""
    colour_profile: str | None = None
    """Description of the ICC profile, e.g. `Display P3`, or 16 hex digits over a profile without a readable one."""
    mpf_images: int | None = None
    """Images the MPF index counts (CIPA DC-007), the first one included; None without an index."""
    scan_digest: str | None = None
    """32 hex digits over the coded image of a whole file, see `forensics.jpeg.scans.scan_digest`."""
    oddities: tuple[str, ...] = ()
    """What the file has against the standard that harms nothing, see `forensics.jpeg.oddities`; its camera's nature.

    A header alone does not show stray bytes before the end: they are known of decoded files.
    """
    serial_source: str | None = None
    """Where `serial_number` is from: `exif`, or `maker note` and its maker, e.g. `maker note: Nikon`."""


def facts_of_row(row: Mapping[str, Any]) -> PhotoFacts:
    """Return facts from a row of the same fields (`corpus.records.FactsRow`).

    A field that the row lacks is null: the file does not say.
    """
    values: dict[str, Any] = dict.fromkeys(_FIELDS) | dict(row)
    for name in _TUPLES:
        values[name] = tuple(values[name] or ())
    values["quantisation_tables"] = tuple(map(tuple, values["quantisation_tables"]))
    values["segments_form"] = values["segments_form"] or ""
    return PhotoFacts(**values)


_FIELDS = {field.name: field.type for field in fields(PhotoFacts)}
_TUPLES = tuple(name for name, kind in _FIELDS.items() if get_origin(kind) is tuple)
