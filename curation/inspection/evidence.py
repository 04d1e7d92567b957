"""Evidence: says in words what the facts of one file are, aspect by aspect, and which of them are native to its camera.

Pure: what is native is decided by the catalogue that photos are judged by. Serial numbers are never shown, only whether
there is one.
"""

from collections.abc import Mapping
from typing import Any

from corpus.cameras.catalogue import Camera, key_of
from corpus.text import count, size
from curation.consensus import CAMERA, claims, tables_text
from curation.facts.examine import HEADERS
from curation.facts.pixels import has_blocks
from curation.inspection.reason_values import (
    ExplainContext,
    first_quality,
    foreign_grid,
    native_values,
    order_of,
    size_of,
    stated_size,
    values_of,
)
from curation.judging.devices import has_serial
from curation.rules import has_native_tables
from forensics.photo_facts import PhotoFacts

Row = Mapping[str, Any]

_NOT_EXAMINED = "not examined"


def evidence_lines(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, examined: Row) -> dict[str, str]:
    """Return one line for each aspect of a file; `examined`: its row of EXAMINED."""
    profile = f"profile {facts.colour_profile}" if facts.colour_profile else "no profile"
    lines = {
        "camera": _camera(facts, camera, context),
        "size": f"{size_of(facts)}, EXIF states {stated_size(facts)}; {_nativeness(facts, camera, 'size', context)}",
        "tables": f"{tables_text(facts.quantisation_tables)}; {_nativeness(facts, camera, 'tables', context)}",
        "segments": f"{order_of(facts)}; {_nativeness(facts, camera, 'segments', context)}",
        "Huffman": f"{facts.huffman} tables" + (f", digest {facts.huffman_digest}" if facts.huffman_digest else ""),
        "coding": f"{facts.coding}, {facts.precision_bits} bits, {count(facts.components, 'component')}, "
        f"{facts.subsampling}, MCU {facts.mcu_width_px}x{facts.mcu_height_px}",
        "Software": f"{facts.software!r}; {_nativeness(facts, camera, 'software', context)}"
        if facts.software
        else "none",
        "CreatorTool": facts.xmp_creator_tool or "none",
        "dates": _dates(facts),
        "serial number": _serial(facts),
        "lens": "serial number present" if facts.lens_serial_number else "no serial number",
        "thumbnail": _thumbnail(facts),
        "MakerNote": f"{facts.maker_note}, {facts.maker_note_bytes} bytes" if facts.maker_note else "none",
        "colour": f"{profile}, EXIF ColorSpace {'none' if facts.colour_space is None else facts.colour_space}",
        "MPF": "none" if facts.mpf_images is None else count(facts.mpf_images, "image"),
        "end": _end(facts),
        "oddities": ", ".join(oddity.replace("_", " ") for oddity in facts.oddities) or "none",
    }
    if facts.exif_error:
        lines["EXIF"] = facts.exif_error
    return lines | _pixels(context.kind, facts, examined)


def _camera(facts: PhotoFacts, camera: Camera | None, context: ExplainContext) -> str:
    named = f"Make {facts.make!r}, Model {facts.model!r}"
    if camera is not None:
        support = context.support_text(camera.key, CAMERA, "")
        if camera.is_listed:
            return f"{named}: {camera.key} ({camera.name}), listed" + (f"; {support} showed it" if support else "")
        return f"{named}: {camera.key} ({camera.name}), not listed, " + (
            f"learned from {support}" if support else "new"
        )
    key = key_of(facts.make or "", facts.model or "") if facts.model else ""
    support = context.support_text(key, CAMERA, "")
    pin = f"; {support} were learned from: python -m curation.pin {key} lists it" if support else ""
    return f"{named}: not in the catalogue{pin}"


def _nativeness(facts: PhotoFacts, camera: Camera | None, aspect: str, context: ExplainContext) -> str:
    """Return whether a photo's value is native to its camera: why, or what would be."""
    digest = facts.tables_digest if aspect == "tables" else None
    where = f"digest {digest}, " if digest else ""
    if camera is None or not (values_of(camera, aspect) or (aspect == "tables" and camera.families)):
        return f"{where}native ones are not known"
    is_native = {
        "size": camera.is_native_size(facts.width_px, facts.height_px),
        "tables": has_native_tables(facts, camera),
        "segments": facts.segments_form in camera.segments,
        "software": camera.writes_software(facts.software or ""),
    }
    if not is_native[aspect]:
        return f"{where}not native; {native_values(camera, aspect, context)}"
    claimed = next((claim.value for claim in claims(facts, camera) if claim.aspect == aspect), "")
    value = claimed.partition("\n")[0]  # forms of header are claimed with their firmware
    row = context.support.get((camera.key, aspect, value))
    support = context.support_text(camera.key, aspect, value)
    source = "learned" if row and row["source"] == "learned" else "stated by the catalogue"
    return f"{where}native, {source}" + (f" ({support})" if support else "")


def _pixels(kind: str, facts: PhotoFacts, examined: Row) -> dict[str, str]:
    """Return what was found in the pixels: of photos without a stored original, and of headers alone, nothing was."""
    error = examined.get("pixel_error")
    is_decoded = bool(examined) and kind != HEADERS and error is None
    grid, first = examined.get("foreign_grid"), examined.get("first_quality_factor")
    found = {
        "pixels": "decode without errors" if is_decoded else error,
        "perceptual hash": examined.get("perceptual_hash") or ("none" if is_decoded else None),
        "foreign grid": foreign_grid(examined) if grid else None,
        "first quality": first_quality(examined) if first is not None else None,
    }
    if is_decoded and has_blocks(facts):
        found["foreign grid"] = found["foreign grid"] or ("none found" if "grid" in kind else None)
        found["first quality"] = found["first quality"] or ("none found" if "first-quality" in kind else None)
    return {what: text or _NOT_EXAMINED for what, text in found.items()}


def _dates(facts: PhotoFacts) -> str:
    dates = {"taken": facts.taken_at, "changed": facts.modified_at, "digitised": facts.digitised_at}
    return ", ".join(f"{what} {date}" for what, date in dates.items() if date) or "none"


def _serial(facts: PhotoFacts) -> str:
    if not facts.serial_number:
        return "none"
    where = f"present ({facts.serial_source})" if facts.serial_source else "present"
    return (
        f"{where}, identifies the device"
        if has_serial(facts.serial_number)
        else (f"{where}, but does not identify a device")
    )


def _thumbnail(facts: PhotoFacts) -> str:
    if facts.thumbnail_error or not facts.thumbnail_bytes:
        return facts.thumbnail_error or "none"
    factor = facts.thumbnail_quality_factor
    quality = "" if factor is None else f", quality {factor}"
    return f"{facts.thumbnail_width_px}x{facts.thumbnail_height_px}, {facts.thumbnail_bytes} bytes{quality}"


def _end(facts: PhotoFacts) -> str:
    if facts.is_complete is None:
        return "not known: only the header was read"
    ends = "ends with its picture" if facts.is_complete else "ends before its picture does"
    return ends + (f", {size(facts.trailing_bytes)} follow" if facts.trailing_bytes else "")
