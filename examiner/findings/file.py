"""File: what kind of file it is, of what parts it is made, which pictures and which fields stand in it."""

from collections.abc import Iterator

from corpus.text import count, size
from examiner.detectors.structure.drawing import drawn, kind_of_part
from examiner.detectors.structure.embedded import Embedded, embedded_pictures, shown
from examiner.detectors.structure.metadata import read_metadata
from examiner.detectors.structure.parts import BEHIND, PARTS_MAX, UNLISTED, Part, parts_of
from examiner.finding import Finding, Picture, Table
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph

PARTS_SHOWN = 60
"""Most parts in the table; the picture has all."""
_WALKED = "Parts, segments and fields are read by the lengths that the file states; nothing is searched for by name."


def file_identity(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Say what the file is: facts, of which none is unusual."""
    width_px, height_px = photograph.size_px
    yield Finding(
        "identity",
        "file",
        f"A {photograph.form} of {width_px}×{height_px} px and {size(len(photograph.file))}, "
        f"SHA-256 {photograph.sha256}.",
        "fact",
    )


def file_structure(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Show of what parts the file is made, to scale."""
    parts = parts_of(photograph.data, photograph.kind)
    behind = sum(part.size_bytes for part in parts if part.name == BEHIND or part.name.startswith("JPEG "))
    follow = f"; {size(behind)} follow the end of its image" if behind else ""
    said = f"more than {PARTS_MAX:,} parts" if parts[-1].name == UNLISTED else count(len(parts), "part")
    yield Finding(
        "file_structure", "file", f"It has {said}{follow}.", "fact",
        evidence=(
            Picture("Parts of the file, to scale", drawn(parts), "The numbers are those of the table."),
            Table("Parts of the file", ("no.", "part", "kind", "begins at", "bytes"), _rows(parts)),
        ),
        method=_WALKED, source="ITU-T T.81, annex B; PNG 3; RIFF; ISO/IEC 14496-12",
    )  # fmt: skip


def file_pictures(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """Show the other pictures in the file: thumbnails, previews, second images."""
    if photograph.kind != "JPEG":
        return
    found = embedded_pictures(photograph.data)
    if not found:
        yield Finding("file_pictures", "file", "It holds no other picture: no thumbnail and no preview.", "fact")
        return
    yield Finding(
        "file_pictures", "file", f"It holds {count(len(found), 'other picture')}: {'; '.join(map(_in_words, found))}.",
        "fact",
        evidence=tuple(
            Picture(f"Picture {number}", jpeg, f"{_in_words(each)}.")
            for number, each in enumerate(found, 1)
            if (jpeg := shown(each)) is not None
        ),
        method="Whole JPEGs in the segments of metadata and behind the end of the image.",
        source="CIPA DC-007 (MPF), CIPA DC-008 (EXIF)",
        caution="Programs may leave the thumbnail of an earlier state; cameras write previews of the same shot.",
    )  # fmt: skip


def file_metadata(photograph: Photograph, knowledge: Knowledge) -> Iterator[Finding]:
    """List every field of metadata by group; what is private only where that is asked for."""
    metadata = read_metadata(photograph.data, photograph.kind, photograph.segments)
    fields = sum(map(len, metadata.groups.values()))
    if not fields:
        yield Finding("file_metadata", "file", "It has no metadata.", "fact", method=_WALKED)
        return
    groups = ", ".join(f"{group} {len(rows)}" for group, rows in metadata.groups.items())
    hidden = len(metadata.private)
    kept = "" if knowledge.private or not hidden else f"; {hidden} {'is' if hidden == 1 else 'are'} kept private"
    yield Finding(
        "file_metadata", "file", f"It has {count(fields, 'field')} of metadata ({groups}){kept}.", "fact",
        evidence=tuple(
            Table(group, ("field", "value"), tuple(metadata.shown(group, private=knowledge.private)))
            for group in metadata.groups
        ),
        method=_WALKED, source="Exif 2.32 (CIPA DC-008); XMP (ISO 16684-1); IPTC-IIM 4.2; ICC.1:2022",
        caution="Metadata is text that any program can write.",
    )  # fmt: skip


def _rows(parts: list[Part]) -> tuple[tuple[str, ...], ...]:
    rows = [
        (str(number), part.name, kind_of_part(part), f"{part.start:,}", f"{part.size_bytes:,}")
        for number, part in enumerate(parts, 1)
    ]
    if len(rows) <= PARTS_SHOWN:
        return tuple(rows)
    left = len(rows) - PARTS_SHOWN
    return (*rows[: PARTS_SHOWN - 1], ("…", f"{left + 1:,} more", "", "", ""))


def _in_words(picture: Embedded) -> str:
    return f"{picture.where}, {picture.width_px}×{picture.height_px} px, {size(len(picture.data))}, {picture.tables}"
