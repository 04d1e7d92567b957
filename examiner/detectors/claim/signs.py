"""Signs: what in a file speaks of software instead of a camera: the reasons of curation, and weaker hints.

Facts → signs, each with the words of `curation.reasons` and the value behind it. The rules are those by which
photographs are kept for a data set; those that need a limit of the configuration are not asked.
"""

from dataclasses import dataclass

from corpus.cameras.catalogue import Camera
from corpus.sections import Rules
from curation.reasons import REASONS
from curation.rules import (
    Rule,
    changed_later,
    edited_by_software,
    frame_turned,
    not_baseline,
    not_colour,
    saved_by_library,
    size_disagrees,
    software_not_firmware,
    thumbnail_turned,
    truncated,
)
from forensics.hints import hints
from forensics.photo_facts import PhotoFacts

HINT_WEIGHT = 0.1
"""A hint weighs as a tenth of a reason: cameras give most of them as well."""
_ASKED: tuple[Rule, ...] = (
    edited_by_software,
    software_not_firmware,
    changed_later,
    not_baseline,
    not_colour,
    size_disagrees,
    frame_turned,
    thumbnail_turned,
    saved_by_library,
    truncated,
)


@dataclass(frozen=True)
class Sign:
    """Something that speaks of software."""

    sentence: str
    value: str
    is_reason: bool
    """Whether photographs are refused for it; else it is a hint."""


def signs_of(facts: PhotoFacts, camera: Camera | None) -> list[Sign]:
    """Return what speaks of software, reasons first; `camera`: the one that EXIF names, if it is known."""
    limits = Rules()
    reasons = [slug for rule in _ASKED if (slug := rule(facts, camera, limits)) is not None]
    found = [Sign(REASONS[slug].removesuffix("."), value_of(slug, facts), True) for slug in reasons]
    return found + [Sign(hint, "", False) for hint in hints(facts)]


def weight(signs: list[Sign]) -> float:
    """Return how much signs weigh together: 1 for a reason, HINT_WEIGHT for a hint."""
    return sum(1.0 if sign.is_reason else HINT_WEIGHT for sign in signs)


def value_of(slug: str, facts: PhotoFacts) -> str:
    """Return the value of a file behind a reason, in words."""
    size = f"{facts.width_px}×{facts.height_px}"
    return {
        "edited_by_software": "; ".join(facts.editor_marks),
        "software_not_firmware": f"Software {facts.software}",
        "changed_later": f"taken {facts.taken_at}, changed {facts.modified_at}",
        "not_baseline": f"{facts.coding} coding",
        "not_colour": f"{facts.components} components",
        "size_disagrees": f"picture {size}, EXIF {facts.exif_width_px}×{facts.exif_height_px}",
        "frame_turned": f"picture {size}, EXIF {facts.exif_width_px}×{facts.exif_height_px}",
        "thumbnail_turned": f"picture {size}, thumbnail {facts.thumbnail_width_px}×{facts.thumbnail_height_px}",
        "saved_by_library": (
            f"JFIF before EXIF, {facts.huffman} Huffman tables, the IJG's tables of quality {facts.quality_factor}"
        ),
        "truncated": "no end of image",
    }.get(slug, "")
