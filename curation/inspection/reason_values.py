"""Triggers: a reason and what a photo was judged by in; the value that triggered it, and what would be right, out.

Pure. Whether something is native or a mark of an editor is asked of the catalogue and the rules; here it is only said.
Every slug of `curation.reasons.REASONS` has its words here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from typing import Any

from corpus.catalogue import Camera, unlisted_camera
from corpus.sections import Support
from corpus.text import count
from curation.consensus import ASPECTS, CAMERA, claims
from curation.judging.verdict import Criteria
from curation.reasons import REASONS
from curation.rules import edited_by_software
from forensics.photo_facts import PhotoFacts

Row = Mapping[str, Any]

NATIVES_SHOWN = 6
"""Native values named of one camera and aspect."""
COPIES_SHOWN = 10
_FIELDS = dict(zip(ASPECTS, ("sizes", "tables", "segments", "software"), strict=True))
_NOUNS = {"tables": "table set", "segments": "order"}
_UNTOLD = "its record alone says so: these facts were not kept"


@dataclass(frozen=True)
class ExplainContext:
    """What a photo is explained with."""

    law: Criteria
    """Its catalogue knows what was learned."""
    learned: Sequence[Row] = ()
    """The table of `curation.consensus.learn`."""
    cameras: tuple[str, ...] | str | Support = "all"
    original_max_bytes: int = 0
    kind: str = "headers"
    """Of examination, see `curation.facts.examine.kind_of`."""

    @cached_property
    def support(self) -> dict[tuple[str, str, str], Row]:
        """What was learned, by camera, aspect and value; that of the camera itself without a value."""
        return {(row["camera"], row["aspect"], row["value"]): row for row in self.learned}

    def said_of(self, camera: str, aspect: str, value: str) -> str:
        """Return how many photos and owners showed a value, empty where nothing was counted."""
        row = self.support.get((camera, aspect, value))
        return f"{count(row['photos'], 'photo')} of {count(row['owners'], 'owner')}" if row and row["photos"] else ""


def triggers(reason: str, facts: PhotoFacts | None, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    """Return the value that triggered a reason and what would have been right, on one line.

    `row`: columns of RECORD and EXAMINED, and of what a generation says of the photo `duplicate_of`, `copies` (rows
    of {photo, camera}) and `owner_photos`. Of a reason by facts whose facts were not kept it says so; of one that is
    not in REASONS, nothing.
    """
    if reason in OF_ROW:
        return OF_ROW[reason](row, grounds)
    if reason in OF_FACTS:
        return OF_FACTS[reason](facts, camera, grounds, row) if facts is not None else _UNTOLD
    return ""


def explained(
    reasons: Sequence[str], facts: PhotoFacts | None, camera: Camera | None, grounds: ExplainContext, row: Row
) -> list[dict[str, str]]:
    """Return {reason, sentence, value} of each reason."""
    return [
        {"reason": one, "sentence": REASONS.get(one, ""), "value": triggers(one, facts, camera, grounds, row)}
        for one in reasons
    ]


def marks(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext) -> list[dict[str, Any]]:
    """Return {where, what, counts} of each mark of editing software; one that the camera's firmware writes is none."""
    found = []
    for mark in facts.editor_marks:
        where, _, what = mark.partition(": ")
        counts = edited_by_software(replace(facts, editor_marks=(mark,)), camera, grounds.law.rules) is not None
        found.append({"where": where, "what": what, "counts": counts})
    return found


def native_values(camera: Camera, aspect: str, grounds: ExplainContext) -> str:
    """Return what is native to a camera in an aspect of `curation.consensus`, the best supported first."""
    values = dict.fromkeys(_long_first(value) if aspect == "size" else value for value in values_of(camera, aspect))
    if not values:
        return "none is known"
    rows = {value: grounds.support.get((camera.key, aspect, value)) for value in values}
    ordered = sorted(values, key=lambda value: (-(row["owners"] if (row := rows[value]) else 0), value))
    texts = [_native_text(camera.key, aspect, value, grounds) for value in ordered[:NATIVES_SHOWN]]
    more = [f"and {len(ordered) - NATIVES_SHOWN} more"] if len(ordered) > NATIVES_SHOWN else []
    are = "native is" if len(ordered) == 1 else "native are"
    number = f"{count(len(ordered), _NOUNS[aspect])}: " if aspect in _NOUNS else ""
    return f"{are} {number}{', '.join(texts + more)}"


def _native_text(camera: str, aspect: str, value: str, grounds: ExplainContext) -> str:
    row = grounds.support.get((camera, aspect, value))
    support = grounds.said_of(camera, aspect, value) or "stated by the catalogue"
    if aspect in _NOUNS:
        return f"{(row['text'] if row else '') or 'digest'} ({value}; {support})"
    return f"{value} ({support})"


def _changed(facts: PhotoFacts) -> str:
    dates = f"taken {facts.taken_at}, changed {facts.modified_at}"
    try:
        taken, changed = (
            datetime.strptime(date or "", "%Y:%m:%d %H:%M:%S") for date in (facts.taken_at, facts.modified_at)
        )
    except ValueError:
        return dates
    minutes = round((changed - taken).total_seconds() / 60)
    for unit, name in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * unit:
            return f"{dates} ({count(minutes // unit, name)} later)"
    return f"{dates} ({count(minutes, 'minute')} later)"


def _tables(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    own = f"{own_values(facts, camera).get('tables', 'none')} (digest {facts.tables_digest})"
    return f"{own}; {_natives(camera, 'tables', grounds)}"


def _quality(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    least = grounds.law.rules.quality_factor_min
    factor = "no factor can be told" if facts.quality_factor is None else str(facts.quality_factor)
    return f"{factor}, rules.quality_factor_min is {least}"


def _edited(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    return "; ".join(f"{one['where']}: {one['what']}" for one in marks(facts, camera, grounds) if one["counts"])


def _supported(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    key = camera.key if camera else ""
    found = grounds.said_of(key, CAMERA, "") or "no photo counted"
    asked = grounds.cameras
    least = f"; cameras asks for {asked.photos_min} of {asked.owners_min}" if isinstance(asked, Support) else ""
    return f"{key}: {found}{least}"


def _chosen(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    chosen = grounds.cameras if isinstance(grounds.cameras, str | Support) else ", ".join(grounds.cameras)
    return f"{camera.key if camera else 'its camera'}; cameras are {chosen}"


def _names(facts: PhotoFacts, camera: Camera | None, grounds: ExplainContext, row: Row) -> str:
    label = row.get("labelled_camera")
    return f"EXIF has Make {facts.make!r}, Model {facts.model!r}" + (f"; its folder is {label}'s" if label else "")


OF_FACTS: dict[str, Callable[[PhotoFacts, Camera | None, ExplainContext, Row], str]] = {
    "no_camera_model": lambda facts, camera, grounds, row: (
        f"Make {facts.make!r}, no Model" + (f"; EXIF: {facts.exif_error}" if facts.exif_error else "")
    ),
    "camera_unknown": _names,
    "label_disagrees": _names,
    "camera_not_chosen": _chosen,
    "edited_by_software": _edited,
    "software_not_firmware": lambda facts, camera, grounds, row: (
        f"{facts.software!r}; {_natives(camera, 'software', grounds)}"
    ),
    "changed_later": lambda facts, camera, grounds, row: _changed(facts),
    "not_baseline": lambda facts, camera, grounds, row: f"{facts.coding} coding",
    "not_colour": lambda facts, camera, grounds, row: f"{count(facts.components, 'component')}, three are needed",
    "size_disagrees": lambda facts, camera, grounds, row: f"{size_of(facts)}; EXIF states {stated_size(facts)}",
    "not_native_size": lambda facts, camera, grounds, row: f"{size_of(facts)}; {_natives(camera, 'size', grounds)}",
    "not_native_tables": _tables,
    "not_native_segments": lambda facts, camera, grounds, row: (
        f"{order_of(facts)} (digest {facts.segments_digest}); {_natives(camera, 'segments', grounds)}"
    ),
    "low_quality_factor": _quality,
    "truncated": lambda facts, camera, grounds, row: f"no end of image behind byte {facts.scan_offset_bytes}",
    "too_little_support": _supported,
}
"""Reason to what of a photo's facts triggered it."""

OF_ROW: dict[str, Callable[[Row, ExplainContext], str]] = {
    "forgotten": lambda row, grounds: f"{row.get('photo')} is on the takedown list",
    "deleted_at_source": lambda row, grounds: f"its record is `deleted`: {_page(row)}",
    "not_a_photo": lambda row, grounds: f"so the site says: {_page(row)}",
    "no_original": lambda row, grounds: f"so the site says: {_page(row)}",
    "licence_not_allowed": lambda row, grounds: f"{row.get('licence') or 'none stated'}; see sources.*.licences",
    "download_forbidden": lambda row, grounds: f"so the site says: {_page(row)}",
    "not_jpeg": lambda row, grounds: _error(row),
    "too_large": lambda row, grounds: (
        f"{_bytes(row.get('size_bytes'))}, crawl.original_max_bytes is {_bytes(grounds.original_max_bytes)}"
    ),
    "download_failed": lambda row, grounds: _failure(row),
    "not_downloaded": lambda row, grounds: (
        f"refused at the door by {', '.join(row.get('reasons') or ()) or 'nothing that is known'}; crawl again"
    ),
    "original_missing": lambda row, grounds: _error(row),
    "original_damaged": lambda row, grounds: _error(row),
    "not_examined": lambda row, grounds: _error(row),
    "unreadable": lambda row, grounds: _error(row),
    "undecodable": lambda row, grounds: row.get("pixel_error") or _error(row),
    "foreign_grid": lambda row, grounds: foreign_grid(row),
    "compressed_twice": lambda row, grounds: first_quality(row),
    "placeholder": lambda row, grounds: (
        f"{count(len(row.get('copies') or ()) + 1, 'photo')} show it, curation.placeholder_copies is "
        f"{grounds.law.curation.placeholder_copies}"
    ),
    "claimed_by_two_cameras": lambda row, grounds: _copies(row),
    "duplicate": lambda row, grounds: f"a copy of {row.get('duplicate_of') or 'a photo that is not named'}",
    "beyond_owner_cap": lambda row, grounds: (
        f"{row.get('owner_photos') or 0:,} of this owner and camera are kept, curation.owner_photos_max is "
        f"{grounds.law.curation.owner_photos_max:,}"
    ),
}
"""Reason to what of a photo's record, examination or generation triggered it."""


def foreign_grid(row: Row) -> str:
    """Return where the grid of an earlier compression was found, and how surely; `row`: columns of EXAMINED."""
    return f"origin {row.get('foreign_grid')}, log10 of its number of false alarms {row.get('foreign_grid_log10_nfa')}"


def first_quality(row: Row) -> str:
    """Return the quality factor of an earlier compression, and how surely; `row`: columns of EXAMINED."""
    return f"quality {row.get('first_quality_factor')} first, gain {row.get('first_quality_gain')}"


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


def _copies(row: Row) -> str:
    copies = row.get("copies") or ()
    names = [f"{copy['photo']} ({copy['camera'] or 'no camera'})" for copy in copies[:COPIES_SHOWN]]
    more = [f"and {len(copies) - COPIES_SHOWN:,} more"] if len(copies) > COPIES_SHOWN else []
    return f"the same picture: {', '.join(names + more) or 'in no photo of this generation'}"


def _natives(camera: Camera | None, aspect: str, grounds: ExplainContext) -> str:
    return native_values(camera, aspect, grounds) if camera else "its camera is not known"


def own_values(facts: PhotoFacts, camera: Camera | None) -> dict[str, str]:
    """Return a photo's own values by aspect, worded as natives.json has them."""
    return {claim.aspect: claim.text for claim in claims(facts, camera or unlisted_camera("none", "", ""))}


def values_of(camera: Camera, aspect: str) -> tuple[str, ...]:
    """Return what is native to a camera in an aspect, as the catalogue has it."""
    values: tuple[str, ...] = getattr(camera, _FIELDS[aspect])
    return values


def _long_first(size_text: str) -> str:
    return "{}x{}".format(*sorted(map(int, size_text.split("x")), reverse=True))


def size_of(facts: PhotoFacts) -> str:
    """Return the size of the picture."""
    return f"{facts.width_px}x{facts.height_px}"


def order_of(facts: PhotoFacts) -> str:
    """Return the segments in file order, those of one name in a row once with their number."""
    runs = ((name, len(list(run))) for name, run in groupby(facts.segments))
    return " ".join(name if number == 1 else f"{name}({number})" for name, number in runs)


def stated_size(facts: PhotoFacts) -> str:
    """Return the size that EXIF states."""
    stated = facts.exif_width_px, facts.exif_height_px
    return "none" if None in stated else "{}x{}".format(*stated)
