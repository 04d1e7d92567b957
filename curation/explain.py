"""`python -m curation.explain PHOTO_OR_FILE`: a photo in; all evidence, the verdict and the value behind it out.

PHOTO_OR_FILE is a JPEG file, which is examined here and now; the key of a photo of the records (flickr:4711, or one
upload of it as flickr:4711@version); or the path of an original in the storage. It is judged by today's configuration
and by what the newest generation has learned of cameras. What all photos together decide (copies, the cap of an owner,
splits) stands in that generation. Serial numbers and places are never shown.

  python -m curation.explain holiday.jpg
  python -m curation.explain flickr:4711 --json
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.text import count, one_line
from curation.consensus import enriched
from curation.facts.examine import kind_of
from curation.generations import Past, latest_generation
from curation.inspection.evidence import evidence
from curation.inspection.lookup import bytes_of, find, published
from curation.inspection.reason_values import ExplainContext, explained, marks
from curation.judging.verdict import Criteria, evidence_of, objections, verdict
from curation.judging.whole_corpus import chosen_cameras
from curation.reasons import in_funnel_order
from forensics.errors import JpegError
from forensics.hints import hints
from forensics.jpeg.segments import EXIF_IDENTIFIER, header_segments
from forensics.metadata.exif_listing import all_tags
from forensics.photo_facts import PhotoFacts

Row = dict[str, Any]

_TOGETHER = frozenset({"placeholder", "claimed_by_two_cameras", "duplicate", "beyond_owner_cap"})
"""Reasons that only all photos together give."""
_OF_CLEAN = frozenset({"claimed_by_two_cameras", "beyond_owner_cap"})
"""Those of them that are asked only of photos that nothing else objects to."""
_OF_RECORD = ("source", "state", "page_url", "licence", "uploaded_at", "claimed_camera", "labelled_camera")
_TEXT_CHARACTERS = 2000
_COPIES_SHOWN = 10
_PRIVATE = re.compile(
    r"gps|location|serial|owner|artist|copyright|author|bodyid|makernote$|xmlpacket|applicationnotes|iptc| tag 0x",
    re.IGNORECASE,
)
"""Tags that tell a place, a device or a person, or may: whole blocks of others, and those without a name."""


WITHHELD = "(withheld)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.explain", __doc__ or "")
    parser.add_argument("photo", metavar="PHOTO_OR_FILE", help="a file, a photo's key, or an original's path")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--all-tags", action="store_true", help="list every EXIF tag that ExifRead names as well")
    given = parser.parse_args(arguments)
    found = explain(configuration_of(given), given.photo, tags=given.all_tags)
    # neither highlighted nor read as markup: some of it is text of strangers
    console = Console(highlight=False, markup=False, emoji=False)
    if given.json:
        console.print(json.dumps(found, indent=1), soft_wrap=True)
    else:
        print_explanation(console, found)
    return 0


def explain(configuration: Configuration, text: str, *, tags: bool = False) -> Row:
    """Return all that is to say of a photo as plain data; `text`: a file, a key or an original's path.

    `photo`, `version`, `original`, `generation`; `record`: what its site says; `evidence`, `marks`, `hints`: what its
    file says; `verdict`: {kept, camera, reasons}, each reason as {reason, sentence, value}; `published`: what the
    newest generation says of it, None where that has no such photo; `differs`: whether today's verdict is another one;
    `tags`: with `tags`, by name. Raises StageError where there is no such photo, and for a file that is too large.
    """
    subject = find(configuration, text)
    past = Past(configuration.store, latest_generation(configuration.store))
    grounds = _grounds(configuration, past)
    record = subject.record
    examined: Mapping[str, Any] = subject.examined or {}
    columns: Mapping[str, Any] = record
    found = evidence_of(record, subject.examined, subject.trouble)
    facts = found.facts
    camera, _ = objections(record, found, grounds.law)
    alone = verdict(record, found, grounds.law)
    said = published(past, subject) if subject.file is None else None
    reasons = _with_those_of_all(alone["reasons"], said)
    row = {**examined, **(said or {}), **columns, "error": alone["error"]}
    explanation: Row = {
        "photo": record["photo"],
        "version": alone["version"],
        "other_versions": list(subject.other_versions),
        "original": record["original"],
        "generation": past.generation,
        "record": None if subject.file else {name: columns[name] for name in _OF_RECORD},
        "evidence": evidence(facts, camera, grounds, examined) if facts else None,
        "marks": marks(facts, camera, grounds) if facts else [],
        "hints": list(hints(facts)) if facts else [],
        "verdict": {
            "kept": not reasons,
            "camera": alone["camera"],
            "reasons": explained(reasons, facts, camera, grounds, row),
        },
        "published": said,
        "differs": said is not None and (list(reasons), alone["camera"]) != (said["reasons"], said["camera"]),
    }
    if tags:
        explanation["tags"] = _tags(bytes_of(configuration, subject), facts)
    return explanation


def print_explanation(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `explain` returns as aligned tables."""
    console.print(_table([("photo", found["photo"]), *_about(found)]))
    if found["evidence"]:
        _print_part(console, "what the file says", list(found["evidence"].items()))
    _print_part(console, "marks of editing software", [
        (mark["where"], mark["what"] + ("" if mark["counts"] else " (this camera's firmware writes it: no mark)"))
        for mark in found["marks"]
    ])  # fmt: skip
    _print_part(console, "odd, but proof of nothing", [("", hint) for hint in found["hints"]])
    _print_part(console, "EXIF, as ExifRead names it", list(found.get("tags", {}).items()))
    told = found["verdict"]
    outcome = "kept" if told["kept"] else f"refused, by {count(len(told['reasons']), 'reason')}"
    console.print(f"\nverdict: {outcome}")
    console.print(_table([(one["reason"], f"{one['value']}\n{one['sentence']}") for one in told["reasons"]]))
    if found["published"]:
        _print_part(console, f"generation {found['generation']}", _of_generation(found))
    if found["differs"]:
        console.print("\ntoday's verdict is another one than the generation's; `python -m curation.run` judges anew")


def _grounds(configuration: Configuration, past: Past) -> ExplainContext:
    """Return what photos are judged by: today's configuration, and what the newest generation has learned."""
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


def _with_those_of_all(alone: Sequence[str], said: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return a photo's own reasons and those that all photos together gave it in the newest generation."""
    together = _TOGETHER & set(said["reasons"]) if said else frozenset()
    return in_funnel_order({*alone, *(together - _OF_CLEAN if alone else together)})


def _tags(data: bytes | None, facts: PhotoFacts | None) -> dict[str, str]:
    """Return every named tag of a photo's first EXIF segment, what is private withheld."""
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


def _about(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what its site says of a photo."""
    record = found["record"]
    if record is None:
        return []
    others = [("other uploads", ", ".join(found["other_versions"]))] if found["other_versions"] else []
    told = [(name.replace("_", " "), str(value)) for name, value in record.items() if value is not None]
    return [("version", found["version"]), *others, *told]


def _of_generation(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the newest generation says of a photo."""
    said = found["published"]
    copies = [f"{one['photo']} ({one['camera'] or 'no camera'})" for one in said["copies"][:_COPIES_SHOWN]]
    more = [f"and {len(said['copies']) - _COPIES_SHOWN:,} more"] if len(said["copies"]) > _COPIES_SHOWN else []
    return [
        ("verdict", "kept" if said["kept"] else f"refused: {', '.join(said['reasons'])}"),
        ("camera", said["camera"] or "none"),
        ("group", said["group"] or "none"),
        ("split", f"{said['split'] or 'none'}, fold {'none' if said['fold'] is None else said['fold']}"),
        ("copy of", said["duplicate_of"] or "none"),
        ("copies", ", ".join(copies + more) or "none"),
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
        table.add_row(_line(what), "\n".join(map(_line, text.split("\n"))))
    return table


def _line(text: str) -> str:
    """Return text on one line, without what would steer a terminal."""
    return one_line(text, _TEXT_CHARACTERS)


if __name__ == "__main__":
    exit_with(main)
