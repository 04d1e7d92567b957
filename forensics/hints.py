"""Hints: says in words what is odd about a photo, from its facts.

No hint proves anything: cameras write JFIF before EXIF, clocks are set between two dates, and programs that only rotate
a picture leave its dates alone. The rules of curation never use them.
"""

from forensics.jpeg.segments import stands_before
from forensics.metadata.exif.thumbnail import DCF_THUMBNAIL_PX
from forensics.photo_facts import PhotoFacts

_SHAPE_TOLERANCE = 0.04  # of the aspect ratio: the sides of the smallest thumbnails are rounded by 1 in 50


def hints(facts: PhotoFacts) -> tuple[str, ...]:
    """Return what is odd about a photo, a few words each, in the order of the file's layers."""
    found = [
        _jfif_first(facts),
        None if "APP1:Exif" in facts.segments else "no EXIF",
        _dates(facts),
        _sizes(facts),
        "progressive coding" if facts.coding == "progressive" else None,
        # progressive files always have their own tables
        "optimised Huffman tables" if facts.huffman == "optimised" and facts.coding != "progressive" else None,
        "no MakerNote" if facts.exif_counts and facts.maker_note is None else None,
        "no thumbnail" if facts.exif_counts and facts.thumbnail_bytes is None else None,
        "thumbnail has another shape" if _thumbnail_differs(facts) else None,
    ]
    return tuple(hint for hint in found if hint is not None)


def _jfif_first(facts: PhotoFacts) -> str | None:
    return "JFIF before EXIF" if stands_before(facts.segments, "APP0:JFIF", "APP1:Exif") else None


def _dates(facts: PhotoFacts) -> str | None:
    dates = {"taken": facts.taken_at, "changed": facts.modified_at, "digitised": facts.digitised_at}
    stated = {what: date for what, date in dates.items() if date is not None}
    if len(set(stated.values())) < 2:
        return None
    return "dates disagree: " + ", ".join(f"{what} {date}" for what, date in stated.items())


def _sizes(facts: PhotoFacts) -> str | None:
    stated = facts.exif_width_px, facts.exif_height_px
    frame = facts.width_px, facts.height_px
    # rotated pictures agree
    if stated[0] is None or stated[1] is None or stated in (frame, frame[::-1]):
        return None
    return f"sizes disagree: EXIF {stated[0]}x{stated[1]}, frame {frame[0]}x{frame[1]}"


def _thumbnail_differs(facts: PhotoFacts) -> bool:
    width_px, height_px = facts.thumbnail_width_px, facts.thumbnail_height_px
    if width_px is None or height_px is None:
        return False
    if (width_px, height_px) == DCF_THUMBNAIL_PX and facts.width_px >= facts.height_px:
        return False
    ratio = (width_px / height_px) / (facts.width_px / facts.height_px)
    return not 1 - _SHAPE_TOLERANCE <= ratio <= 1 + _SHAPE_TOLERANCE
