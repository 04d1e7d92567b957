"""Catalogue text: the YAML of a catalogue and what its entries get in; the same text with it out, comments and all.

Values are put in where the entry has them, as lines of their own; everything else stays as its author wrote it. Entries
that are new come last. Each value says what showed it. Refuses (StageError) entries that are not written line by line;
whoever writes the text reads it again and compares.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import yaml

from corpus.errors import StageError
from corpus.text import count, one_line
from curation.consensus import CAMERA, LearnedRow
from curation.inspection.catalogue_additions import FIELDS, Addition

Said = Mapping[tuple[str, str, str], LearnedRow]
_ASPECTS = {field: aspect for aspect, field in FIELDS.items()}
_COMMENT_CHARACTERS = 300


def extended_text(text: str, found: Sequence[Addition], learned: Sequence[LearnedRow]) -> str:
    """Return the text of a catalogue whose entries get what `catalogue_additions.additions` found."""
    said = {(row["camera"], row["aspect"], row["value"]): row for row in learned}
    entries = {key.value: value for key, value in _entries(text)}
    edits = [edit for one in found if not one.is_new for edit in _edits(text, entries.get(one.key), one, said)]
    # from behind, so that offsets stay true; of two at one place the one that was yielded later stands later
    for start, end, lines in sorted(edits, key=lambda edit: edit[0])[::-1]:
        text = text[:start] + lines + text[end:]
    new = ["\n".join(_new_entry(one, said)) + "\n" for one in found if one.is_new]
    if new and not text.endswith("\n"):
        text += "\n"
    return text + "".join(new)


def entries_of(text: str, keys: Collection[str]) -> str:
    """Return the entries of these keys alone, as they stand in the text of a catalogue."""
    found = [text[key.start_mark.index : _line_end(text, value)] for key, value in _entries(text) if key.value in keys]
    return "".join(f"{entry}\n" for entry in found)


def _entries(text: str) -> list[tuple[yaml.Node, yaml.Node]]:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return list(root.value) if isinstance(root, yaml.MappingNode) else []


def _edits(text: str, entry: yaml.Node | None, one: Addition, said: Said) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) of each change to an entry, offsets in characters of `text`."""
    if not isinstance(entry, yaml.MappingNode) or entry.flow_style:
        raise _not_by_lines(one.key)
    fields = {key.value: (key, value) for key, value in entry.value}
    indent = " " * entry.start_mark.column
    missing: list[str] = []
    for field, values in one.values.items():
        if not values:
            continue
        if field not in fields:
            missing += [f"{indent}{field}:", *_items(one.key, field, values, said, f"{indent}  ")]
            continue
        key, node = fields[field]
        if not isinstance(node, yaml.SequenceNode):
            raise _not_by_lines(one.key)
        if node.flow_style:
            # [a, b] becomes lines: a comment has no place between brackets
            start, end = text.index(":", key.end_mark.index) + 1, node.end_mark.index
            if "#" in text[start:end]:
                raise _not_by_lines(one.key)
            items = [f"{indent}  - {text[item.start_mark.index : item.end_mark.index]}" for item in node.value]
            items += _items(one.key, field, values, said, f"{indent}  ")
            yield start, end, ""
            yield _line_end(text, node), _line_end(text, node), "".join(f"\n{item}" for item in items)
        else:
            items = _items(one.key, field, values, said, " " * node.start_mark.column)
            yield _line_end(text, node), _line_end(text, node), "".join(f"\n{item}" for item in items)
    if missing:
        at = _line_end(text, entry)
        yield at, at, "".join(f"\n{line}" for line in missing)


def _new_entry(one: Addition, said: Said) -> Iterator[str]:
    camera = one.camera
    key = one.key if yaml.safe_load(one.key) == one.key else _quoted(one.key)
    yield f"{key}:  # learned from {_support(said.get((one.key, CAMERA, '')))}"
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
            yield from _items(one.key, field, values, said, "    ")


def _items(camera: str, field: str, values: Sequence[str], said: Said, indent: str) -> list[str]:
    """Return a line for each value, with what it is and who showed it."""
    lines = []
    for value in values:
        row = said.get((camera, _ASPECTS[field], value))
        text = f"{row['text']}; " if row and row["text"] and field in ("tables", "segments") else ""
        shown = value if field == "sizes" else _quoted(value)
        lines.append(f"{indent}- {shown}" + _comment(f"  # {text}{_support(row)}"))
    return lines


def _support(row: LearnedRow | None) -> str:
    if row is None or not row["photos"]:
        return "no photo: an earlier catalogue stated it"
    return f"{count(row['photos'], 'photo')} of {count(row['owners'], 'owner')}"


def _quoted(text: str) -> str:
    """Return a text as one quoted scalar: of a digest's digits alone YAML would make a number."""
    return str(yaml.safe_dump(text, default_style='"', allow_unicode=True, width=1 << 20)).strip()


def _comment(text: str) -> str:
    # strangers' Software may hold what YAML allows in no comment
    return one_line(text, _COMMENT_CHARACTERS)


def _line_end(text: str, node: yaml.Node) -> int:
    """Return the offset of the end of the line a node ends on; what follows it in a block is none of it."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    at = text.find("\n", node.end_mark.index)
    return len(text) if at < 0 else at


def _not_by_lines(key: str) -> StageError:
    return StageError(
        f"{key}: its entry is not written line by line, so it cannot be extended as it stands; write its values as "
        "`- value` lines, or add by hand what `python -m curation.pin` prints for another catalogue"
    )
