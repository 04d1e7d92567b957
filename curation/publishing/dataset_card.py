"""Dataset card: writes a generation's README from its counts, consensus and settings.

Markdown with the front matter that dataset hubs read. Equal input gives equal bytes; there is no date.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from corpus.records import SPLITS
from corpus.text import commonest, count, one_line, ranked, size

Row = Mapping[str, Any]

_CAMERAS_SHOWN, _LICENCES_SHOWN, _SIZES_SHOWN = 300, 40, 3
_TEXT_CHARACTERS = 160
_SIZE_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))

_MADE = """\
Photographs were crawled from the sources below as their owners uploaded them, byte for byte. Every file was examined
once: EXIF, quantisation tables, segments, marks of editing software, and whether its picture decodes. All photographs
were then judged together. One is kept only when no rule objects: its EXIF names a camera, its bytes are what that
camera writes, and it is no copy of another. Nothing was dropped silently: `photos.parquet` has a row for every
photograph, kept or not, with every reason against it.

What a camera itself writes (sizes, quantisation tables, segments, software) is partly learned: values on which the
photographs of many owners agree are taken to be the camera's own. `natives.json` lists them all.

A *group* stands for one device where a serial number identifies it, and otherwise for one owner. All photographs of a
group are in one split, in this generation and in every later one, and in one fold of the cross-validation."""

_FILES = """\
| file | what it is |
|---|---|
| `photos.parquet` | a row for each photograph, kept or not, with its reasons |
| `funnel.json` | the counts of this page and of the report |
| `natives.json` | what each camera was found to write |
| `splits.json` | the split of every group there has ever been |
| `report.html` | tables, plots and samples for people |
| `attribution.csv`, `attribution.html` | author, licence and page of every photograph kept |
| `croissant.json` | the table's description for programs |"""

_LIMITS = """\
- The label is what EXIF or the collection says. A forged EXIF block that agrees with its file in everything is not
  detected.
- The quality factor is estimated from the quantisation tables; a camera with tables of its own has only a nearest one.
- Where no serial number is written, an owner stands for a device: two devices of one owner count as one group, and one
  device used by two accounts as two.
- An owner of several devices that write serial numbers may have photographs by one camera model in two splits.
- Copies are found by equal bytes, equal picture data and near-equal pictures; copies that are cropped or changed
  further are not.
- Those who upload to photo sites are no fair sample of those who photograph: cameras, places and years are very uneven.
- A photograph may show people. The data set is for telling cameras apart, not people."""


def dataset_card(generation: str, counts: Row, natives: Sequence[Row], settings: Row) -> str:
    """Return the card of a generation as Markdown.

    `counts`: its funnel.json. `natives`: its natives.json. `settings`: the sections of the configuration that it was
    made with, nested or flat, shown as a table of keys and values.
    """
    cameras = sum(camera["kept"] > 0 for camera in counts["cameras"].values())
    parts = [
        _front_matter(generation, counts),
        f"# Shutterprint data set, generation {_plain(generation)}",
        f"{count(counts['kept'], 'photograph')} ({size(counts['kept_bytes'])}) by "
        f"{count(cameras, 'camera model')}, each straight from its camera as far as its bytes "
        f"tell, out of {counts['photos']:,} ({size(counts['size_bytes'])}) that were judged. It is made for naming the "
        "camera model that took a photograph, from its pixels.",
        "## What is here\n\n" + _FILES,
        "## How it was made\n\n" + _MADE,
        "## Sources\n\n" + _sources(counts),
        "## Cameras and splits\n\n" + _cameras(counts),
        "## Rules\n\n" + _rules(counts),
        "## Learned consensus\n\n" + _consensus(natives),
        "## Settings\n\n" + _table(("key", "value"), [(key, _shown(value)) for key, value in _leaves(settings)]),
        "## Licences\n\n" + _licences(counts),
        "## Known limits\n\n" + _LIMITS,
        "## Taking a photograph down\n\n" + _takedown(),
        "## Citing\n\n" + _citing(generation),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(generation: str, counts: Row) -> str:
    category = next((name for most, name in _SIZE_CATEGORIES if counts["kept"] < most), "n>1M")
    return (
        f'---\npretty_name: "Shutterprint {re.sub("[^A-Za-z0-9-]", "", generation)}"\nlicense: other\n'
        f"license_name: per-photograph\nlicense_link: attribution.csv\ntask_categories:\n- image-classification\n"
        f"size_categories:\n- {category}\n---"
    )


def _sources(counts: Mapping[str, Any]) -> str:
    rows = [
        (name, f"{source['photos']:,}", f"{source['kept']:,}", size(source["kept_bytes"]))
        for name, source in sorted(counts["sources"].items())
    ]
    return _table(("source", "judged", "kept", "bytes kept"), rows)


def _cameras(counts: Mapping[str, Any]) -> str:
    kept = [(key, camera) for key, camera in counts["cameras"].items() if camera["kept"]]
    kept.sort(key=lambda pair: (-pair[1]["kept"], pair[0]))
    rows = [
        (
            f"{camera['name']} ({key})",
            f"{camera['kept']:,}",
            f"{camera['groups']:,}",
            *(f"{camera['splits'][split]['photos']:,} ({camera['splits'][split]['groups']:,})" for split in SPLITS),
            commonest(camera["sizes"], _SIZES_SHOWN),
        )
        for key, camera in kept[:_CAMERAS_SHOWN]
    ]
    header = ("camera", "kept", "groups", *(f"{split} (groups)" for split in SPLITS), "sizes")
    return _table(header, rows) + _and_more(len(kept) - _CAMERAS_SHOWN, "camera", "funnel.json")


def _rules(counts: Mapping[str, Any]) -> str:
    rows = [(one["reason"], one["meaning"], f"{one['refused']:,}", f"{one['first']:,}") for one in counts["funnel"]]
    text = "Every rule is applied to every photograph; these objected, in this order:"
    return f"{text}\n\n{_table(('reason', 'what it says', 'refused by it', 'first to refuse'), rows)}"


def _consensus(natives: Sequence[Mapping[str, Any]]) -> str:
    found = [row for row in natives if row["native"]]
    cameras, learned = {row["camera"] for row in found}, sum(row["source"] == "learned" for row in found)
    return (
        f"{count(len(found), 'value')} of {count(len(cameras), 'camera')} are taken to be the camera's own: "
        f"{learned:,} learned from the photographs, {len(found) - learned:,} from the catalogue."
    )


def _leaves(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key in sorted(tree):
        path = f"{above}.{key}" if above else str(key)
        if isinstance(tree[key], Mapping) and tree[key]:
            yield from _leaves(tree[key], path)
        else:
            yield path, tree[key]


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item) for item in value) or "none"
    return str(value)


def _licences(counts: Mapping[str, Any]) -> str:
    licences = ranked(counts["licences"])
    text = (
        "Every photograph stays under its own licence, which `attribution.csv` names with its author and page. Whoever "
        "passes photographs on must credit them as their licences demand."
    )
    rows = [(name, f"{number:,}") for name, number in licences[:_LICENCES_SHOWN]]
    table = _table(("licence", "photographs kept"), rows)
    return f"{text}\n\n{table}" + _and_more(len(licences) - _LICENCES_SHOWN, "licence", "funnel.json")


def _takedown() -> str:
    return (
        "An owner who wants a photograph removed names its key or the address of its page, and whoever keeps the store "
        "runs\n\n    python -m crawlers.forget flickr:4711\n\nIts original and everything known about it are removed, "
        "no crawl fetches it again, and the next generation does not have it. A published generation never changes: "
        "the command names those that still have it, so that they can be withdrawn."
    )


def _citing(generation: str) -> str:
    return (
        f"Name the generation: *Shutterprint data set, generation {_plain(generation)}*. The name ends in a digest of "
        "everything that decided the content, so it stands for exactly these photographs in exactly these splits."
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return "None."
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: str) -> str:
    """Return text as one line that Markdown shows literally, because strangers wrote some of it."""
    line = one_line(text, _TEXT_CHARACTERS)
    return re.sub(r"([\\`*_{}\[\]<>#|!&~@]|:(?=//)|(?<=www)\.)", r"\\\1", line)


def _and_more(more: int, thing: str, file: str) -> str:
    return f"\n\nAnd {count(more, f'more {thing}')} in `{file}`." if more > 0 else ""
