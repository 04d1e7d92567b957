"""`python -m curation.explain PHOTO_OR_FILE`: prints a photo's evidence, its verdict and the value behind each reason.

PHOTO_OR_FILE is a JPEG file, which is examined on the spot; the key of a recorded photo (flickr:4711, or one upload of
it as flickr:4711@version); or the path of an original in the storage. The verdict is today's configuration's, with what
the newest generation has learned of cameras. What only all photos together decide (copies, the cap of an owner, splits)
is taken from that generation. Serial numbers and places are never shown.

  python -m curation.explain holiday.jpg
  python -m curation.explain flickr:4711 --json
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.configuration import Configuration
from corpus.manifests.handed_on import handed_on
from corpus.text import count, one_line
from curation.consensus import enriched
from curation.facts.examine import Trouble, kind_of
from curation.generations import Past, latest_generation
from curation.inspection.evidence import evidence_lines
from curation.inspection.lookup import FoundPhoto, find_photo, published_verdict, read_photo
from curation.inspection.reason_values import ExplainContext, copies_text, editor_marks, reason_value
from curation.judging.verdict import Criteria, evidence_of, objections, verdict
from curation.judging.whole_corpus import chosen_cameras
from curation.reasons import REASONS, in_funnel_order
from forensics.errors import JpegError
from forensics.hints import hints
from forensics.jpeg.segments import EXIF_IDENTIFIER, header_segments
from forensics.metadata.exif.listing import all_tags
from forensics.photo_facts import PhotoFacts

Row = dict[str, Any]

_TOGETHER = frozenset({"placeholder", "claimed_by_two_cameras", "duplicate", "copy_of_refused", "beyond_owner_cap"})
"""Reasons that only the whole corpus decides."""
_OF_CLEAN = frozenset({"claimed_by_two_cameras", "copy_of_refused", "beyond_owner_cap"})
"""Those of them that are given only to photos without any other reason."""
_OF_RECORD = ("source", "state", "page_url", "licence", "uploaded_at", "claimed_camera", "labelled_camera")
_TEXT_CHARACTERS = 2000
_PRIVATE = re.compile(
    r"gps|location|serial|owner|artist|copyright|author|bodyid|makernote$|xmlpacket|applicationnotes|iptc| tag 0x",
    re.IGNORECASE,
)
"""Tags that may name a place, a device or a person: also whole blocks of other metadata, and tags without a name."""
WITHHELD = "(withheld)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.explain", __doc__ or "")
    parser.add_argument("photo", metavar="PHOTO_OR_FILE", help="a file, a photo's key, or an original's path")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--all-tags", action="store_true", help="also list every EXIF tag that ExifRead names")
    given = parser.parse_args(arguments)
    found = explain(configuration_of(given), given.photo, tags=given.all_tags)
    console = plain_console()
    if given.json:
        console.print(json.dumps(found, indent=1), soft_wrap=True)
    else:
        print_explanation(console, found)
    return 0


def explain(configuration: Configuration, text: str, *, tags: bool = False) -> Row:
    """Return everything known about a photo as plain data; `text`: a file, a key or an original's path.

    `photo`, `version`, `other_versions`, `original`, `generation`; `record`: what its site says; `evidence`, `marks`,
    `hints`: what its file says; `verdict`: {kept, camera, reasons}, each reason as {reason, sentence, value};
    `published`: what the newest generation says of it, None where it is not in one; `differs`: whether today's verdict
    is a different one; `tags`: EXIF tags by name, if asked for. Raises StageError where there is no such photo, and for
    a file that is too large.
    """
    return explanation(configuration, find_photo(configuration, text), tags=tags)


def explanation(configuration: Configuration, photo: FoundPhoto, *, tags: bool = False) -> Row:
    """Return what `explain` returns of a photo that was found."""
    store = configuration.store
    past = Past(store, latest_generation(store), handed_on(store))
    context = _context(configuration, past)
    record = photo.record
    examined: Mapping[str, Any] = {} if isinstance(photo.examined, Trouble) else photo.examined or {}
    columns: Mapping[str, Any] = record
    known = evidence_of(record, photo.examined)
    facts = known.facts
    camera, _ = objections(record, known, context.criteria)
    alone = verdict(record, known, context.criteria)
    published = published_verdict(past, photo) if photo.file is None else None
    reasons = _with_reasons_of_corpus(alone["reasons"], published)
    row = {**examined, **(published or {}), **columns, "error": alone["error"]}
    explanation: Row = {
        "photo": record["photo"],
        "version": alone["version"],
        "other_versions": list(photo.other_versions),
        "original": record["original"],
        "generation": past.generation,
        "record": None if photo.file else {name: columns[name] for name in _OF_RECORD},
        "evidence": evidence_lines(facts, camera, context, examined) if facts else None,
        "marks": editor_marks(facts, camera, context) if facts else [],
        "hints": list(hints(facts)) if facts else [],
        "verdict": {
            "kept": not reasons,
            "camera": alone["camera"],
            "reasons": [
                {
                    "reason": one,
                    "sentence": REASONS.get(one, ""),
                    "value": reason_value(one, facts, camera, context, row),
                }
                for one in reasons
            ],
        },
        "published": published,
        "differs": published is not None
        and (list(reasons), alone["camera"]) != (published["reasons"], published["camera"]),
    }
    if tags:
        explanation["tags"] = _tags(read_photo(configuration, photo), facts)
    return explanation


def print_explanation(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `explain` returns as aligned tables."""
    console.print(_table([("photo", found["photo"]), *_record_lines(found)]))
    if found["evidence"]:
        _print_part(console, "what the file says", list(found["evidence"].items()))
    _print_part(console, "marks of editing software", [
        (mark["where"], mark["what"] + ("" if mark["counts"] else " (this camera's firmware writes it: no mark)"))
        for mark in found["marks"]
    ])  # fmt: skip
    _print_part(console, "odd, but no proof of anything", [("", hint) for hint in found["hints"]])
    _print_part(console, "EXIF, as ExifRead names it", list(found.get("tags", {}).items()))
    told = found["verdict"]
    outcome = "kept" if told["kept"] else f"refused, by {count(len(told['reasons']), 'reason')}"
    console.print(f"\nverdict: {outcome}")
    console.print(_table([(one["reason"], f"{one['value']}\n{one['sentence']}") for one in told["reasons"]]))
    if found["published"]:
        _print_part(console, f"generation {found['generation']}", _published_lines(found["published"]))
    if found["differs"]:
        console.print("\ntoday's verdict differs from the generation's; `python -m curation.run` judges anew")


def _context(configuration: Configuration, past: Past) -> ExplainContext:
    learned = past.learned()
    catalogue = enriched(configuration.whole_catalogue, learned)
    chosen = chosen_cameras(catalogue, configuration.cameras, learned)
    return ExplainContext(
        Criteria(catalogue, chosen, configuration.rules, configuration.curation),
        learned,
        configuration.cameras,
        configuration.crawl.original_max_bytes,
        kind_of(configuration.curation),
    )


def _with_reasons_of_corpus(alone: Sequence[str], published: Mapping[str, Any] | None) -> tuple[str, ...]:
    together = _TOGETHER & set(published["reasons"]) if published else frozenset()
    return in_funnel_order({*alone, *(together - _OF_CLEAN if alone else together)})


def _tags(data: bytes | None, facts: PhotoFacts | None) -> dict[str, str]:
    try:
        segments = header_segments(data or b"", whole=True)
    except JpegError:
        return {}
    exif = next((segment for segment in segments if segment.name == "APP1:Exif"), None)
    if data is None or exif is None:
        return {}
    serials = [text for text in (facts.serial_number, facts.lens_serial_number) if text] if facts else []
    return {
        name: WITHHELD if _PRIVATE.search(name) or any(serial in text for serial in serials) else text
        for name, text in all_tags(data[exif.payload_start + len(EXIF_IDENTIFIER) + 1 : exif.end]).items()
    }


def _record_lines(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    record = found["record"]
    if record is None:
        return []
    others = [("other uploads", ", ".join(found["other_versions"]))] if found["other_versions"] else []
    told = [(name.replace("_", " "), str(value)) for name, value in record.items() if value is not None]
    return [("version", found["version"]), *others, *told]


def _published_lines(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("verdict", "kept" if said["kept"] else f"refused: {', '.join(said['reasons'])}"),
        ("camera", said["camera"] or "none"),
        ("group", said["group"] or "none"),
        ("split", f"{said['split'] or 'none'}, fold {'none' if said['fold'] is None else said['fold']}"),
        ("copy of", said["duplicate_of"] or "none"),
        ("copies", copies_text(said["copies"]) or "none"),
        ("kept of its owner and camera", f"{said['owner_photos']:,}"),
    ]


def _print_part(console: Console, title: str, lines: Sequence[tuple[str, str]]) -> None:
    if lines:
        console.print(f"\n{title}")
        console.print(_table(lines))


def _table(lines: Sequence[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for what, text in lines:
        table.add_row(
            *("\n".join(one_line(line, _TEXT_CHARACTERS) for line in cell.split("\n")) for cell in (what, text))
        )
    return table


if __name__ == "__main__":
    exit_with(main)
