"""A made-up corpus of cameras, owners, copies, edits and placeholders for which every right verdict is known.

Records and facts are written as a crawl and an examination write them, so that `curation.judging.whole_corpus` reads
them like real ones; there are no pictures. Distributions are those of photo sites: a few owners and cameras have most
photographs (Zipf), cameras write a few sizes and sets of tables, and one upload in four is edited, resized, saved again
or a copy. The catalogue lists only the first cameras and half of their sizes; their tables lie between quality factors
90 and 97.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.records import EXAMINED, RECORD, original_path, version_of
from corpus.storage import Store
from curation.facts.examine import facts_folder
from forensics.jpeg.quality import estimate_quality_factor, scaled_tables
from forensics.jpeg.segments import segments_form
from forensics.jpeg.tables import tables_digest

Row = dict[str, Any]

KIND = "decoded"
CAMERAS = 40
LISTED = 30
"""The catalogue lists the first cameras, with half of their sizes, and not the others."""
TWINS = (0, 21)
"""Two cameras with the same sizes, tables and form of header: nothing proves which of them took a picture."""
WINDOW = 2_000
FACTS = 1_000
"""Rows of a table of facts."""
POOL = 500
"""So many photos of earlier windows may still be copied."""

KEPT = "kept"
CLEAN, EDITED, RESIZED, SAVED_AGAIN, FORGED, COPY, SCAN_COPY, NEAR_COPY, CLAIMED, PLACEHOLDER, AT_THE_DOOR = range(11)
_SHARES = (0.72, 0.07, 0.05, 0.05, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01)
"""The share of each kind of photo, in the order above."""

_SEGMENTS = (
    ("APP1:Exif", "DQT", "SOF0", "DHT", "SOS"),
    ("APP1:Exif", "APP2:MPF", "DQT", "DHT", "SOF0", "SOS"),
    ("APP1:Exif", "APP1:XMP", "DQT", "SOF0", "DHT", "DRI", "SOS"),
    ("APP1:Exif", "APP2:ICC", "DQT", "SOF0", "DHT", "SOS"),
)


def plant(store: Store, photos: int, seed: int = 1) -> dict[str, str]:
    """Write a corpus of `photos` uploads below `crawl/` and `facts/`; return the truth of each photo by its key.

    A truth is the reason against it, or KEPT. Copies are uploaded later than what they are copies of, in the same
    window or a later one.
    """
    random = np.random.default_rng(seed)
    truths: dict[str, str] = {}
    originals: list[_Upload] = []
    for start in range(0, photos, WINDOW):
        uploads = [
            _upload(number, photos, originals, truths, random) for number in range(start, min(start + WINDOW, photos))
        ]
        del originals[:-POOL]
        name = f"w{start // WINDOW:06d}"
        records = pa.Table.from_pylist([upload.record for upload in uploads], RECORD)
        store.publish_table(f"crawl/flickr/{name}/records.parquet", records)
        store.mark_done(f"crawl/flickr/{name}", {"photos": len(uploads)})
        examined = [upload.examined for upload in uploads if upload.examined is not None]
        for at in range(0, len(examined), FACTS):
            table = pa.Table.from_pylist(examined[at : at + FACTS], EXAMINED)
            store.publish_table(f"{facts_folder(KIND)}/{name}-{at:05d}.parquet", table)
    return truths


def catalogue() -> Catalogue:
    """Return the catalogue of the listed cameras."""
    return Catalogue(
        cameras=tuple(
            Camera(
                key=key_of_camera(number), name=f"Model {number:02d}", make=("Maker",), model=(f"Model {number:02d}",),
                sizes=(_size_text(number, 0),), software=("Ver.*",),
            )
            for number in range(LISTED)
        )
    )  # fmt: skip


def natives(number: int) -> dict[str, set[str]]:
    """Return what is native to a camera, by aspect of `curation.consensus`."""
    return {
        "size": {_size_text(number, 0), _size_text(number, 1)},
        "tables": {tables_digest(_tables(number, 0)), tables_digest(_tables(number, 1))},
    }


def key_of_camera(number: int) -> str:
    """Return the key of a camera, listed or not."""
    return f"maker-model-{number:02d}"


@dataclass(frozen=True)
class _Upload:
    record: Row
    examined: Row | None
    camera: int = -1


def _upload(
    number: int, photos: int, originals: list[_Upload], truths: dict[str, str], random: np.random.Generator
) -> _Upload:
    """Return one upload and note its truth; each original is copied once at most, so that truths stay simple."""
    kind = int(random.choice(len(_SHARES), p=_SHARES))
    if kind in (COPY, SCAN_COPY, NEAR_COPY, CLAIMED) and originals:
        original = originals.pop(int(random.integers(len(originals))))
        upload = _copy(original, number, kind, random)
        contested = kind == CLAIMED and original.camera == TWINS[0]
        if contested:
            truths[original.record["photo"]] = "claimed_by_two_cameras"
        truths[upload.record["photo"]] = "claimed_by_two_cameras" if contested else "duplicate"
        return upload
    upload, truth = _photo(number, kind, max(1, photos // 20_000), random)
    truths[upload.record["photo"]] = truth
    if truth == KEPT:
        originals.append(upload)
    return upload


def _photo(number: int, kind: int, placeholders: int, random: np.random.Generator) -> tuple[_Upload, str]:
    camera = int(min(random.zipf(1.3) - 1, CAMERAS - 1)) if random.random() < 0.5 else int(random.integers(CAMERAS))
    owner = int(random.zipf(1.2)) % 20_000 if random.random() < 0.5 else int(random.integers(20_000))
    when = f"{datetime(2016, 1, 1) + timedelta(seconds=37 * number):%Y:%m:%d %H:%M:%S}"
    facts = _facts(camera, random) | {"taken_at": when, "modified_at": when}
    truth = KEPT
    placeholder = kind == PLACEHOLDER
    if kind == EDITED:
        facts |= {"software": "Adobe Photoshop CS5 Windows", "editor_marks": ["exif:Software: Adobe Photoshop CS5"]}
        truth = "edited_by_software"
    elif kind == RESIZED:
        # to arbitrary widths, few of which agree
        width = int(random.integers(500, 1900))
        facts |= {"width_px": width, "height_px": width * 3 // 4, "exif_width_px": None, "exif_height_px": None}
        truth = "not_native_size"
    elif kind == SAVED_AGAIN:
        facts |= _with_tables(int(random.integers(86, 101)))
        truth = "not_native_tables"
    elif kind == FORGED:
        facts |= {"segments": ["APP0:JFIF", "APP1:Exif", f"APP5:{random.integers(50)}", "DQT", "SOF0", "DHT", "SOS"]}
        facts |= {"segments_form": segments_form(facts["segments"])}
        truth = "not_native_segments"
    elif placeholder:
        truth = "placeholder"
    record = _record(number, f"owner{owner}", random)
    if kind == AT_THE_DOOR:
        record |= {"state": "refused", "reasons": ["download_forbidden"]}
        record |= dict.fromkeys(("original", "sha256", "facts"))
        return _Upload(record, None), "download_forbidden"
    which = int(random.integers(placeholders)) if placeholder else None
    content = f"placeholder {which}" if placeholder else f"photo {number} {random.integers(1 << 60)}"
    return _Upload(record, _examined(record, facts, content), camera), truth


def _copy(original: _Upload, number: int, kind: int, random: np.random.Generator) -> _Upload:
    """Return a later upload of the same picture by another owner."""
    assert original.examined is not None
    record = _record(number, f"thief{random.integers(1 << 40)}", random)
    record["uploaded_at"] = "2021-01-01T00:00:00Z"  # after every original
    facts = dict(original.examined["facts"])
    examined = {**original.examined, "photo": record["photo"], "version": record["version"]}
    if kind != COPY:
        examined["sha256"] = _hex(f"copy {number}", 64)
    if kind in (SCAN_COPY, CLAIMED):
        facts["image_unique_id"] = f"copy {number}"
    if kind == NEAR_COPY:
        facts |= {"scan_digest": _hex(f"near {number}", 32)}
        examined["perceptual_hash"] = _flipped(examined["perceptual_hash"], random)
    if kind == CLAIMED:
        # the original's tables and size prove its camera, except for the two cameras that are alike
        strange = (original.camera + int(random.integers(1, LISTED))) % LISTED
        other = {TWINS[0]: TWINS[1], TWINS[1]: (TWINS[1] + 1)}.get(original.camera, strange)
        facts["model"] = f"Model {other:02d}"
    examined["facts"] = facts
    record["sha256"] = examined["sha256"]
    return _Upload(record, examined)


def _facts(camera: int, random: np.random.Generator) -> Row:
    mode = int(random.random() < 0.3)
    width, height = _size(camera, mode)
    if random.random() < 0.3:
        width, height = height, width
    segments = list(_SEGMENTS[_alike(camera) % len(_SEGMENTS)])
    return {
        "width_px": width, "height_px": height, "coding": "baseline", "precision_bits": 8, "components": 3,
        "subsampling": "4:2:2", "mcu_width_px": 16, "mcu_height_px": 8, **_with_tables(None, camera, mode),
        "huffman": "standard", "segments": segments, "segments_form": segments_form(segments),
        "scan_offset_bytes": int(random.integers(8_000, 120_000)), "is_complete": True, "trailing_bytes": 0,
        "make": "Maker", "model": f"Model {camera:02d}", "software": f"Ver.{1 + camera % 3}.{random.integers(30):02d}",
        "serial_number": f"{camera:02d}{random.integers(5_000):06d}" if camera % 2 else None,
        "exif_width_px": width,
        "exif_height_px": height, "orientation": 1, "xmp_history_agents": [], "comments": [], "editor_marks": [],
        "exif_counts": [11, 38, -1, 2, 6], "maker_note": "Nikon", "maker_note_bytes": 3000,
    }  # fmt: skip


def _record(number: int, owner: str, random: np.random.Generator) -> Row:
    photo = f"flickr:{_hex(str(number), 12)}"
    version = version_of(photo)
    return dict.fromkeys(RECORD.names) | {
        "photo": photo, "version": version, "source": "flickr", "state": "stored",
        "original": original_path(photo, version), "size_bytes": int(random.integers(1 << 20, 8 << 20)),
        "page_url": f"https://photos.example/{number}", "title": f"Photograph {number}", "owner_id": owner,
        "owner_name": owner.title(), "licence": "CC BY 2.0", "uploaded_at": "2019-01-01T00:00:00Z", "reasons": [],
    }  # fmt: skip


def _examined(record: Row, facts: Row, content: str) -> Row:
    record["sha256"] = _hex(f"bytes {content}", 64)
    facts["scan_digest"] = _hex(f"scan {content}", 32)
    return {
        "photo": record["photo"], "version": record["version"], "original": record["original"],
        "sha256": record["sha256"], "size_bytes": record["size_bytes"], "perceptual_hash": _hex(f"seen {content}", 64),
        "facts": facts,
    }  # fmt: skip


@cache
def _tables(camera: int, mode: int) -> tuple[tuple[int, ...], ...]:
    """Return a set of tables of a camera: its own, not the IJG's, around quality 90 to 97."""
    camera = _alike(camera)
    luma, chroma = scaled_tables(90 + camera % 8)
    random = np.random.default_rng([camera, mode])
    own = (np.maximum(np.array((luma, chroma)) + random.integers(-1, 2, (2, 64)), 1)).tolist()
    return tuple(map(tuple, own))


@cache
def _with_tables(factor: int | None, camera: int = 0, mode: int = 0) -> Row:
    """Return the facts of a camera's own set of tables, or of the IJG's tables of a quality factor."""
    tables = _tables(camera, mode) if factor is None else scaled_tables(factor)
    nearest, residual = estimate_quality_factor(tables)
    return {
        "quantisation_tables": [list(table) for table in tables], "tables_digest": tables_digest(tables),
        "quality_factor": nearest, "quality_residual": residual,
    }  # fmt: skip


def _size(camera: int, mode: int) -> tuple[int, int]:
    camera = _alike(camera)
    return 4000 + 16 * camera - 800 * mode, 3000 + 16 * camera - 600 * mode


def _alike(camera: int) -> int:
    return TWINS[0] if camera == TWINS[1] else camera


def _size_text(camera: int, mode: int) -> str:
    return "{}x{}".format(*_size(camera, mode))


def _flipped(hashed: str, random: np.random.Generator) -> str:
    """Return a hash with at most 7 bits changed, so that at least one of its 8 bands is unchanged."""
    number = int(hashed, 16)
    for bit in random.integers(0, 256, 7):
        number ^= 1 << int(bit)
    return f"{number:064x}"


def _hex(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
