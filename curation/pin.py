"""`python -m curation.pin [CAMERA …]`: states in a catalogue what a generation has learned of cameras.

Cameras are named by their keys; without any, all of which something native was learned. Listed cameras gain the sizes,
tables, forms of header and forms of Software that they lack; others gain an entry. Without --write the changed
entries are printed. With it, FILE is written: extended if it is a catalogue already, otherwise as an extended copy of
today's. A catalogue is then the same for every generation to come, and can be read, reviewed and versioned.

  python -m curation.pin
  python -m curation.pin iphone-6 canon-eos-5d --from 0003 --write cameras.yaml
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from corpus.cameras.catalogue import BUILT_IN, read_catalogue
from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.configuration import Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.storage import open_store
from corpus.text import count, one_line
from curation.consensus import FIELDS, LearnedRow
from curation.generations import generation_named, learned_in
from curation.inspection.catalogue_additions import Addition, additions, with_additions
from curation.inspection.catalogue_yaml import entries_of, extended_text

_TEXT_CHARACTERS = 300


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.pin", __doc__ or "")
    parser.add_argument("cameras", metavar="CAMERA", nargs="*", help="keys of the cameras (default: all)")
    parser.add_argument("--from", dest="generation", metavar="GENERATION", default="latest", help="default: latest")
    what = "the catalogue to write (default: that of the configuration)"
    parser.add_argument("--write", metavar="FILE", nargs="?", const="", help=what)
    given = parser.parse_args(arguments)
    pin(configuration_of(given), given.cameras, given.generation, given.write)
    return 0


def pin(configuration: Configuration, cameras: Sequence[str], generation: str, write: str | None) -> None:
    """Pin what `generation` learned of `cameras` (if empty: all).

    `write`: the file to write, empty for the configuration's catalogue, None to print only.

    Raises StageError for a camera of which nothing native was learned, and for a file that cannot be extended.
    """
    today = BUILT_IN if configuration.catalogue == "built-in" else configuration.file.parent / configuration.catalogue
    target = None if write is None else _target(today, write)
    is_there = target is not None and target.exists()
    base = target if target is not None and is_there else today
    name = generation_named(configuration.store, generation)
    learned = learned_in(configuration.store, name)
    try:
        found, left_out = additions(read_catalogue(base), learned, cameras)
        before = base.read_text(encoding="utf-8")
        after = _extended(base, before, found, learned)
        if target is not None and (after != before or not is_there):
            open_store(str(target.parent)).publish(target.name, after.encode())
    except OSError as error:
        raise StageError(f"{error.filename or base}: {error.strerror}") from error
    if target is None:
        plain_console().print(entries_of(after, {one.key for one in found}), soft_wrap=True, end="")
    console = plain_console(stderr=target is None)
    _print_summary(console, found, left_out, name)
    if target is not None:
        console.print(f"{target}: {'nothing changed' if is_there and after == before else 'written'}", soft_wrap=True)
        if target != today.resolve():
            console.print(f"set `catalogue: {target}` in {configuration.file.name} to judge by it", soft_wrap=True)


def _target(today: Path, write: str) -> Path:
    """Return the file to write; refuses the built-in catalogue, and names that do not end in .yaml or .yml."""
    target = (Path(write) if write else today).resolve()
    if target == BUILT_IN.resolve():
        raise StageError(
            "catalogue: the built-in one belongs to the program and is not written; name a file of your own with "
            "--write FILE, which begins as a copy of it, and set `catalogue: FILE`"
        )
    if target.suffix not in (".yaml", ".yml") or target.is_dir():
        raise StageError(f"--write {write}: is no name of a YAML file (.yaml); cameras are named before --write")
    return target


def _extended(base: Path, before: str, found: Sequence[Addition], learned: Sequence[LearnedRow]) -> str:
    """Return the extended text of a catalogue; raises StageError unless it reads as intended."""
    after = extended_text(before, found, learned)
    with tempfile.TemporaryDirectory(prefix="shutterprint-pin-") as folder:
        copy = Path(folder) / base.name
        copy.write_text(after, encoding="utf-8")
        try:
            is_right = read_catalogue(copy).model_dump() == with_additions(read_catalogue(base), found).model_dump()
        except ConfigurationError:
            is_right = False
    if not is_right:
        raise StageError(
            f"{base}: is written in a way that cannot be extended as it stands (anchors, several documents); write it "
            "entry by entry, a line a field"
        )
    return after


def _print_summary(console: Console, found: Sequence[Addition], left_out: Sequence[str], generation: str) -> None:
    table = Table("camera", "entry", "aspect", "values added", box=None)
    for one in found:
        for aspect, field in FIELDS.items():
            if one.values[field]:
                values = f"{len(one.values[field])}: {', '.join(one.values[field])}"
                table.add_row(one.key, "new" if one.is_new else "extended", aspect, _line(values))
    if found:
        console.print(table)
    for one in found:
        if one.loose_software:
            note = f"{one.key}: no form of Software is native; see the comment in its entry"
            console.print(_line(note), soft_wrap=True)
    for note in left_out:
        console.print(_line(note), soft_wrap=True)
    number = count(len(found), "camera")
    console.print(f"{generation}: {number} pinned" if found else f"{generation}: every native value is stated already")


def _line(text: str) -> str:
    return one_line(text, _TEXT_CHARACTERS)


if __name__ == "__main__":
    exit_with(main)
