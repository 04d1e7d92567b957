"""Traces: what the header of a file shows against the claim that a camera wrote it.

`marks` are certain whatever else is known. `traces` show beside the camera's own photographs: a fact that none of them
has. `variations` show there too, but firmware may vary so: something left out, segments divided otherwise. All are
written without the product's rules, so that they can judge it. What has neither marks nor traces cannot be told from
header bytes.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby

from corpus.cameras.catalogue import Camera
from forensics.photo_facts import PhotoFacts

CHANGED_LATER_S = 600
NO_CAMERA = "names no camera"
OPTIONAL = ("APP1:XMP", "APP1:XMP-extension", "APP2:ICC", "APP2:MPF", "DRI")
"""Segments that a camera adds at need."""

Fact = Callable[[PhotoFacts], object]

FACTS: dict[str, Fact] = {
    "order of segments": lambda facts: normal_order(facts.segments),
    "quantisation tables": lambda facts: facts.tables_digest,
    "Huffman tables": lambda facts: facts.huffman,
    "coding": lambda facts: facts.coding,
    "subsampling": lambda facts: facts.subsampling,
    "size": lambda facts: sorted((facts.width_px, facts.height_px)),
    "EXIF sizes": lambda facts: exif_sizes(facts),
    "thumbnail": lambda facts: thumbnail_size(facts),
    "Software": lambda facts: facts.software,
    "maker notes": lambda facts: facts.maker_note,
    "dates": lambda facts: is_changed_later(facts),
    "colour profile": lambda facts: facts.colour_profile,
}
"""Facts that a camera shares with its own photographs; None: left out."""
VARIED: dict[str, Fact] = {
    "division of segments": lambda facts: facts.segments,
    "restart markers": lambda facts: facts.restart_interval,
}
"""Facts that firmware may vary from photograph to photograph."""


def traces(facts: PhotoFacts, genuine: Sequence[PhotoFacts]) -> tuple[str, ...]:
    """Return the names of the facts that no genuine photograph by the camera has."""
    return tuple(name for name, fact in FACTS.items() if fact(facts) is not None and _is_new(fact, facts, genuine))


def variations(facts: PhotoFacts, genuine: Sequence[PhotoFacts]) -> tuple[str, ...]:
    """Return what else differs from all genuine photographs by the camera."""
    left_out = [f"no {name}" for name, fact in FACTS.items() if fact(facts) is None and _is_new(fact, facts, genuine)]
    return (*left_out, *(name for name, fact in VARIED.items() if _is_new(fact, facts, genuine)))


def normal_order(segments: Sequence[str]) -> tuple[str, ...]:
    """Return the order of segments without optional ones, equal neighbours counted once."""
    return tuple(name for name, _ in groupby(each for each in segments if each not in OPTIONAL))


def marks(facts: PhotoFacts, camera: Camera | None) -> tuple[str, ...]:
    """Return what is certain without another photograph by the camera that EXIF names."""
    if camera is None:
        return (NO_CAMERA,)
    found = {
        "editor's mark": bool(facts.editor_marks),
        "Software is no firmware": bool(facts.software) and not camera.writes_software(facts.software or ""),
        "progressive": facts.coding != "baseline",
        "EXIF states another size": exif_sizes(facts) == "other",
        "turned against its EXIF sizes": exif_sizes(facts) == "turned",
        "no native size": not camera.is_native_size(facts.width_px, facts.height_px),
        "thumbnail of the other orientation": _is_turned_against_thumbnail(facts),
        "changed later": is_changed_later(facts),
        "tables of the IJG below factor 95": _is_standard(facts)
        and (facts.quality_factor or 0) < 95
        and facts.tables_digest not in camera.tables,
        "JFIF before EXIF, optimised, tables of the IJG": _is_jfif_first(facts)
        and facts.huffman == "optimised"
        and _is_standard(facts),
    }
    return tuple(name for name, is_found in found.items() if is_found)


def _is_new(fact: Fact, facts: PhotoFacts, genuine: Sequence[PhotoFacts]) -> bool:
    return fact(facts) not in [fact(each) for each in genuine]


def exif_sizes(facts: PhotoFacts) -> str:
    """Return how the size that EXIF states agrees with the frame's: `equal`, `turned`, `other` or `missing`."""
    stated, frame = (facts.exif_width_px, facts.exif_height_px), (facts.width_px, facts.height_px)
    if not stated[0] or not stated[1]:
        return "missing"
    return "equal" if stated == frame else "turned" if stated == frame[::-1] else "other"


def thumbnail_size(facts: PhotoFacts) -> tuple[int, int] | None:
    """Return the thumbnail's size in pixels, None where there is none."""
    width, height = facts.thumbnail_width_px, facts.thumbnail_height_px
    return (width, height) if width and height else None


def is_changed_later(facts: PhotoFacts) -> bool:
    """Whether EXIF says that the file was changed minutes after the photograph was taken."""
    try:
        taken, changed = (datetime.strptime(each or "", "%Y:%m:%d %H:%M:%S")
                          for each in (facts.taken_at, facts.modified_at))  # fmt: skip
    except ValueError:
        return False
    return (changed - taken).total_seconds() > CHANGED_LATER_S


def _is_turned_against_thumbnail(facts: PhotoFacts) -> bool:
    width, height = thumbnail_size(facts) or (0, 0)
    return (width - height) * (facts.width_px - facts.height_px) < 0


def _is_standard(facts: PhotoFacts) -> bool:
    return facts.quality_residual == 0


def _is_jfif_first(facts: PhotoFacts) -> bool:
    names = [name for name in facts.segments if name in ("APP0:JFIF", "APP1:Exif")]
    return names[:1] == ["APP0:JFIF"] and "APP1:Exif" in names
