"""Reason values: for each reason against a photo, the value that triggered it and what would have been right, in words.

(reason, facts, camera, context, row) → one line. Pure: whether a value is native, or a mark of an editor counts, is
decided by the catalogue and the rules. Every slug of `curation.reasons.REASONS` is covered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import Any, cast

from corpus.cameras.catalogue import Camera
from corpus.sections import Support
from corpus.text import count
from curation.consensus import CAMERA, FIELDS, tables_text
from curation.judging.verdict import Criteria
from curation.rules import edited_by_software, moment
from forensics.jpeg.quality import quality_text
from forensics.photo_facts import PhotoFacts

Row = Mapping[str, Any]

_NATIVES_SHOWN = 6
"""Native values that are listed of one camera and aspect."""
_COPIES_SHOWN = 10
_NOUNS = {"tables": "table set"}
_NO_FACTS = "its record alone says so: these facts were not kept"


@dataclass(frozen=True)
class ExplainContext:
    """What a photo is explained with."""

    criteria: Criteria
    """What photos are judged by; the catalogue holds what was learned."""
    learned: Sequence[Row] = ()
    """The table of `curation.consensus.learn`."""
    cameras: tuple[str, ...] | str | Support = "all"
    original_max_bytes: int = 0
    kind: str = "headers"
    """The kind of examination, see `curation.facts.examine.kind_of`."""

    @cached_property
    def support(self) -> dict[tuple[str, str, str], Row]:
        """What was learned, by (camera, aspect, value); the row of a camera as a whole has an empty value."""
        return {(row["camera"], row["aspect"], row["value"]): row for row in self.learned}

    def support_text(self, camera: str, aspect: str, value: str) -> str:
        """Return how many photos and owners showed a value; empty where nothing was counted."""
        row = self.support.get((camera, aspect, value))
        return f"{count(row['photos'], 'photo')} of {count(row['owners'], 'owner')}" if row and row["photos"] else ""


def reason_value(
    reason: str, facts: PhotoFacts | None, camera: Camera | None, context: ExplainContext, row: Row
) -> str:
    """Return the value that triggered a reason and what would have been right, on one line.

    `row`: columns of RECORD and EXAMINED, and of `curation.inspection.lookup.published_verdict`. Says so where the
    facts behind a reason were not kept; empty for a reason that is not in REASONS.
    """
    if reason in OF_ROW:
        return OF_ROW[reason](row, context)
    if reason in OF_FACTS:
        return OF_FACTS[reason](facts, camera, context, row) if facts is not None else _NO_FACTS
    return ""


def editor_marks(facts: PhotoFacts, camera: Camera | None, context: ExplainContext) -> list[dict[str, Any]]:
    """Return {where, what, counts} of each mark of editing software; those by its camera's firmware do not count."""
    found = []
    for mark in facts.editor_marks:
        where, _, what = mark.partition(": ")
        counts = edited_by_software(replace(facts, editor_marks=(mark,)), camera, context.criteria.rules) is not None
        found.append({"where": where, "what": what, "counts": counts})
    return found


def native_values(camera: Camera | None, aspect: str, context: ExplainContext) -> str:
    """Return what is native to a camera in an aspect of `curation.consensus`, best supported first."""
    if camera is None:
        return "its camera is not known"
    values = dict.fromkeys(_long_first(value) if aspect == "size" else value for value in values_of(camera, aspect))
    if not values:
        return "none is known"
    rows = {value: context.support.get((camera.key, aspect, value)) for value in values}
    ordered = sorted(values, key=lambda value: (-(row["owners"] if (row := rows[value]) else 0), value))
    texts = [_native_text(camera.key, aspect, value, context) for value in ordered[:_NATIVES_SHOWN]]
    more = [f"and {len(ordered) - _NATIVES_SHOWN} more"] if len(ordered) > _NATIVES_SHOWN else []
    are = "native is" if len(ordered) == 1 else "native are"
    number = f"{count(len(ordered), _NOUNS[aspect])}: " if aspect in _NOUNS else ""
    return f"{are} {number}{', '.join(texts + more)}"


def _native_text(camera: str, aspect: str, value: str, context: ExplainContext) -> str:
    row = context.support.get((camera, aspect, value))
    support = context.support_text(camera, aspect, value) or "stated by the catalogue"
    if aspect in _NOUNS:
        return f"{(row['text'] if row else '') or 'digest'} ({value}; {support})"
    return f"{value} ({support})"


def _changed(facts: PhotoFacts) -> str:
    dates = f"taken {facts.taken_at}, changed {facts.modified_at}"
    taken, changed = moment(facts.taken_at), moment(facts.modified_at)
    if taken is None or changed is None:
        return dates
    minutes = round((changed - taken).total_seconds() / 60)
    for unit, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * unit:
            return f"{dates} ({count(minutes // unit, name)} later)"
    return f"{dates} ({count(minutes, 'minute')} later)"


def _tables(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    own = f"{tables_text(facts.quantisation_tables)} (digest {facts.tables_digest})"
    return f"{own}; {native_values(camera, 'tables', context)}"


def _quality(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    least = context.criteria.rules.quality_factor_min
    if facts.quality_factor is None:
        factor = "no factor can be estimated"
    else:
        factor = quality_text(facts.quality_factor, facts.quality_residual).removeprefix("quality ")
    return f"{factor}, rules.quality_factor_min is {least}"


def _edited(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    return "; ".join(f"{one['where']}: {one['what']}" for one in editor_marks(facts, camera, context) if one["counts"])


def _supported(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    key = camera.key if camera else ""
    found = context.support_text(key, CAMERA, "") or "no photo counted"
    asked = context.cameras
    least = f"; cameras asks for {asked.photos_min} of {asked.owners_min}" if isinstance(asked, Support) else ""
    return f"{key}: {found}{least}"


def _chosen(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    chosen = context.cameras if isinstance(context.cameras, str | Support) else ", ".join(context.cameras)
    return f"{camera.key if camera else 'its camera'}; cameras are {chosen}"


def _names(facts: PhotoFacts, camera: Camera | None, context: ExplainContext, row: Row) -> str:
    label = row.get("labelled_camera")
    return f"EXIF has Make {facts.make!r}, Model {facts.model!r}" + (f"; its folder is {label}'s" if label else "")


OF_FACTS: dict[str, Callable[[PhotoFacts, Camera | None, ExplainContext, Row], str]] = {
    "no_camera_model": lambda facts, *_: (
        f"Make {facts.make!r}, no Model" + (f"; EXIF: {facts.exif_error}" if facts.exif_error else "")
    ),
    "camera_unknown": _names,
    "label_disagrees": _names,
    "camera_not_chosen": _chosen,
    "edited_by_software": _edited,
    "software_not_firmware": lambda facts, camera, context, _: (
        f"{facts.software!r}; {native_values(camera, 'software', context)}"
    ),
    "changed_later": lambda facts, *_: _changed(facts),
    "not_baseline": lambda facts, *_: f"{facts.coding} coding",
    "not_colour": lambda facts, *_: f"{count(facts.components, 'component')}, three are needed",
    "size_disagrees": lambda facts, *_: f"{size_of(facts)}; EXIF states {stated_size(facts)}",
    "frame_turned": lambda facts, *_: f"{size_of(facts)}; EXIF states {stated_size(facts)}",
    "thumbnail_turned": lambda facts, *_: (
        f"{size_of(facts)}; its thumbnail is {facts.thumbnail_width_px}x{facts.thumbnail_height_px}"
    ),
    "saved_by_library": lambda facts, *_: (
        f"JFIF before EXIF, {facts.huffman} Huffman tables, the IJG's own tables of factor {facts.quality_factor}"
    ),
    "not_native_size": lambda facts, camera, context, _: f"{size_of(facts)}; {native_values(camera, 'size', context)}",
    "not_native_tables": _tables,
    "not_native_segments": lambda facts, camera, context, _: (
        f"{order_of(facts)}; {native_values(camera, 'segments', context)}"
    ),
    "low_quality_factor": _quality,
    "truncated": lambda facts, *_: f"no end of image after byte {facts.scan_offset_bytes}",
    "too_little_support": _supported,
}
"""Reasons that facts decide → the text of what triggered them."""

OF_ROW: dict[str, Callable[[Row, ExplainContext], str]] = {
    "forgotten": lambda row, _: f"{row.get('photo')} is on the takedown list",
    "deleted_at_source": lambda row, _: f"its record is `deleted`: {_page(row)}",
    "licence_not_allowed": lambda row, _: f"{row.get('licence') or 'none stated'}; see sources.*.licences",
    **dict.fromkeys(
        ("not_a_photo", "no_original", "download_forbidden"), lambda row, _: f"so the site says: {_page(row)}"
    ),
    **dict.fromkeys(
        (
            "changed_at_source",
            "not_jpeg",
            "original_lost",
            "original_damaged",
            "not_examined",
            "kills_examiner",
            "unreadable",
        ),
        lambda row, _: _error(row),
    ),
    "too_large": lambda row, context: (
        f"{_bytes(row.get('size_bytes'))}, crawl.original_max_bytes is {_bytes(context.original_max_bytes)}"
    ),
    "download_failed": lambda row, _: _failure(row),
    "not_downloaded": lambda row, _: (
        f"refused before its download by {', '.join(row.get('reasons') or ()) or 'an unknown rule'}; crawl again"
    ),
    "undecodable": lambda row, _: row.get("pixel_error") or _error(row),
    "foreign_grid": lambda row, _: foreign_grid(row),
    "compressed_twice": lambda row, _: first_quality(row),
    "placeholder": lambda row, context: (
        f"{count(len(row.get('copies') or ()) + 1, 'photo')} show it, curation.placeholder_copies is "
        f"{context.criteria.curation.placeholder_copies}"
    ),
    "claimed_by_two_cameras": lambda row, _: (
        f"the same picture: {copies_text(row.get('copies') or ()) or 'in no photo of this generation'}"
    ),
    "duplicate": lambda row, _: f"a copy of {row.get('duplicate_of') or 'a photo that is not named'}",
    "device_on_two_sides": lambda row, _: f"its group {row.get('group')} lies on another side than its device",
    "copy_of_refused": lambda row, _: f"saved again from {row.get('duplicate_of') or 'a photo that is not named'}",
    "beyond_owner_cap": lambda row, context: (
        f"{row.get('owner_photos') or 0:,} of this owner and camera are kept, curation.owner_photos_max is "
        f"{context.criteria.curation.owner_photos_max:,}"
    ),
    "given_two_splits": lambda row, context: _given(row, context),
    "given_split_disagrees": lambda row, context: _given(row, context),
}
"""Reasons that a photo's record, examination or generation decides → the text of what triggered them."""


def foreign_grid(row: Row) -> str:
    """Return where the grid of an earlier compression lies, and how certain that is; `row`: columns of EXAMINED."""
    return f"origin {row.get('foreign_grid')}, log10 of its number of false alarms {row.get('foreign_grid_log10_nfa')}"


def first_quality(row: Row) -> str:
    """Return the quality factor of an earlier compression, and how certain it is; `row`: columns of EXAMINED."""
    return f"quality {row.get('first_quality_factor')} first, gain {row.get('first_quality_gain')}"


def _given(row: Row, context: ExplainContext) -> str:
    name = context.criteria.curation.given_splits or "a list that is not configured any more"
    return f"{name} says so; its group is {row.get('group') or 'not known'}"


def _page(row: Row) -> str:
    return row.get("page_url") or row.get("photo") or "no page is known"


def _error(row: Row) -> str:
    return row.get("error") or "its record does not say why"


def _bytes(number: int | None) -> str:
    return "an unknown number of bytes" if number is None else f"{number:,} bytes"


def _failure(row: Row) -> str:
    parts = [_error(row)]
    if row.get("http_status"):
        parts.append(f"HTTP status {row['http_status']}")
    if row.get("attempts"):
        parts.append(count(row["attempts"], "attempt"))
    return ", ".join(parts)


def copies_text(copies: Sequence[Row]) -> str:
    """Return the names of copies, rows of {photo, camera}; empty where there are none."""
    names = [f"{copy['photo']} ({copy['camera'] or 'no camera'})" for copy in copies[:_COPIES_SHOWN]]
    more = [f"and {len(copies) - _COPIES_SHOWN:,} more"] if len(copies) > _COPIES_SHOWN else []
    return ", ".join(names + more)


def values_of(camera: Camera, aspect: str) -> tuple[str, ...]:
    """Return the native values that the catalogue holds of a camera in an aspect."""
    return cast(tuple[str, ...], getattr(camera, FIELDS[aspect]))


def _long_first(size_text: str) -> str:
    return "{}x{}".format(*sorted(map(int, size_text.split("x")), reverse=True))


def size_of(facts: PhotoFacts) -> str:
    """Return the size of the picture."""
    return f"{facts.width_px}x{facts.height_px}"


def order_of(facts: PhotoFacts) -> str:
    """Return the segments in file order; a run of one name appears once, with its length."""
    runs = ((name, len(list(run))) for name, run in groupby(facts.segments))
    return " ".join(name if number == 1 else f"{name}({number})" for name, number in runs)


def stated_size(facts: PhotoFacts) -> str:
    """Return the size that EXIF states."""
    stated = facts.exif_width_px, facts.exif_height_px
    return "none" if None in stated else "{}x{}".format(*stated)
