"""Catalogue YAML: adds learned values to the text of a camera catalogue and keeps comments and layout.

(text, additions, table of what was learned) → text. Each value stands on a line of its own with a comment that says
how many photos and owners showed it; new entries come last; everything else stays as its author wrote it. Refuses
(StageError) entries that are not written line by line; the caller reads the text again and compares.

ruamel.yaml 0.19 was tried and does not keep an author's layout: a key added to an entry lands below the comment that
introduces the next entry, and so does a list item. It also gives the whole file one indentation, and moves
end-of-line comments to other columns, in entries that gain nothing as well.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import yaml

from corpus.errors import StageError
from corpus.strict_yaml import parse_yaml
from corpus.text import count, one_line
from curation.consensus import CAMERA, FIELDS, LearnedRow
from curation.inspection.catalogue_additions import Addition

Support = Mapping[tuple[str, str, str], LearnedRow]
"""(camera, aspect, value) → row of what was learned."""

_ASPECTS = {field: aspect for aspect, field in FIELDS.items()}
_COMMENT_CHARACTERS = 300


def extended_text(text: str, found: Sequence[Addition], learned: Sequence[LearnedRow]) -> str:
    """Return the text of a catalogue with what `catalogue_additions.additions` found."""
    support = {(row["camera"], row["aspect"], row["value"]): row for row in learned}
    entries = {key.value: value for key, value in _entries(text)}
    edits = [edit for one in found if not one.is_new for edit in _edits(text, entries.get(one.key), one, support)]
    # from the end, so that offsets stay true; of two edits at one place the later one ends up below
    for start, end, lines in sorted(edits, key=lambda edit: edit[0])[::-1]:
        text = text[:start] + lines + text[end:]
    new = ["\n".join(_new_entry(one, support)) + "\n" for one in found if one.is_new]
    if new and not text.endswith("\n"):
        text += "\n"
    return text + "".join(new)


def entries_of(text: str, keys: Collection[str]) -> str:
    """Return the entries of these keys as they stand in the text of a catalogue."""
    found = [text[key.start_mark.index : _line_end(text, value)] for key, value in _entries(text) if key.value in keys]
    return "".join(f"{entry}\n" for entry in found)


def _entries(text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(root.value) if isinstance(root, yaml.MappingNode) else []


def _edits(text: str, entry: yaml.Node | None, one: Addition, support: Support) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) of each change to an entry, offsets in characters of `text`."""
    if not isinstance(entry, yaml.MappingNode) or entry.flow_style:
        raise _not_line_by_line(one.key)
    fields = {key.value: (key, value) for key, value in entry.value}
    indent = " " * entry.start_mark.column
    below = f"{indent}  "
    missing: list[str] = []
    for field, values in one.values.items():
        if not values:
            continue
        if field not in fields:
            missing += [f"{indent}{field}:", *_items(one.key, field, values, support, below)]
            continue
        key, node = fields[field]
        if not isinstance(node, yaml.SequenceNode):
            raise _not_line_by_line(one.key)
        if node.flow_style:
            # [a, b] becomes lines, because comments do not fit between brackets
            start, end = text.index(":", key.end_mark.index) + 1, node.end_mark.index
            if "#" in text[start:end]:
                raise _not_line_by_line(one.key)
            yield start, end, ""
            lines = [f"{below}- {text[item.start_mark.index : item.end_mark.index]}" for item in node.value]
            lines += _items(one.key, field, values, support, below)
        else:
            lines = _items(one.key, field, values, support, " " * node.start_mark.column)
        yield _insertion(text, node, lines)
    if missing:
        yield _insertion(text, entry, missing)


def _insertion(text: str, node: yaml.Node, lines: Sequence[str]) -> tuple[int, int, str]:
    at = _line_end(text, node)
    return at, at, "".join(f"\n{line}" for line in lines)


def _new_entry(one: Addition, support: Support) -> Iterator[str]:
    camera = one.camera
    key = one.key if parse_yaml(one.key) == one.key else _quoted(one.key)
    yield f"{key}:  # learned from {_photos_and_owners(support.get((one.key, CAMERA, '')))}"
    yield f"  name: {_quoted(camera.name)}"
    yield f"  make: [{', '.join(map(_quoted, camera.make))}]"
    yield f"  model: [{', '.join(map(_quoted, camera.model))}]"
    if one.loose_software:
        forms = ", ".join(one.loose_software)
        yield _comment(
            f"  # no form of Software is native: photographs with one are refused until it stands here: {forms}"
        )
    for field, values in one.values.items():
        if values:
            yield f"  {field}:"
            yield from _items(one.key, field, values, support, "    ")


def _items(camera: str, field: str, values: Sequence[str], support: Support, indent: str) -> list[str]:
    lines = []
    for value in values:
        row = support.get((camera, _ASPECTS[field], value))
        text = f"{row['text']}; " if row and row["text"] and field in ("tables", "table_families") else ""
        shown = value if field == "sizes" else _quoted(value)
        lines.append(f"{indent}- {shown}" + _comment(f"  # {text}{_photos_and_owners(row)}"))
    return lines


def _photos_and_owners(row: LearnedRow | None) -> str:
    if row is None or not row["photos"]:
        return "no photo: an earlier catalogue stated it"
    return f"{count(row['photos'], 'photo')} of {count(row['owners'], 'owner')}"


def _quoted(text: str) -> str:
    """Return a text as a quoted scalar: YAML would read a digest that is all digits as a number."""
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 20)).strip()


def _comment(text: str) -> str:
    # a Software string may hold characters that YAML does not allow in a comment
    return one_line(text, _COMMENT_CHARACTERS)


def _line_end(text: str, node: yaml.Node) -> int:
    """Return the offset of the end of the node's last line; PyYAML ends a block only where the next one begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    at = text.find("\n", node.end_mark.index)
    return len(text) if at < 0 else at


def _not_line_by_line(key: str) -> StageError:
    return StageError(
        f"{key}: its entry is not written line by line, so it cannot be extended as it stands; write its values as "
        "`- value` lines, or add by hand what `python -m curation.pin` prints for another catalogue"
    )
