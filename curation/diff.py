"""`python -m curation.diff GEN_A GEN_B`: prints what changed from one generation to another, and why.

Name a generation in full, by the beginning of its name (0001), or as `latest`. Photos are told apart by key and
version; a refused photo counts for the first reason of its funnel, so that each is counted once. The exit code is 1 if
a photo that both keep changed its split, which must never happen. Which thresholds a generation was made with is in its
dataset card.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.text import one_line
from curation.generations import generation_named
from curation.inspection.compare import differences

_NATIVES_SHOWN = 40
_TEXT_CHARACTERS = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m curation.diff", __doc__ or "")
    parser.add_argument("before", metavar="GEN_A", help="the earlier generation")
    parser.add_argument("after", metavar="GEN_B", help="the later generation")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    given = parser.parse_args(arguments)
    store = configuration_of(given).store
    found = differences(store, generation_named(store, given.before), generation_named(store, given.after))
    console = plain_console()
    if given.json:
        console.print(json.dumps(found, indent=1, sort_keys=True), soft_wrap=True)
    else:
        print_differences(console, found)
    return 1 if found["split_changed"]["photos"] else 0


def print_differences(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `curation.inspection.compare.differences` found as aligned tables."""
    before, after = found["before"], found["after"]
    rows = [(what, *_change(before[what], after[what])) for what in ("photos", "kept")]
    console.print(_table(("", before["name"], after["name"], "change"), rows))
    _print_transitions(console, "verdict changed", found["transitions"])
    if found["camera_changed"]:
        _print_transitions(console, "camera changed", found["camera_changed"])
    _print_cameras(console, found["cameras"])
    _print_natives(console, found["natives"])
    split = found["split_changed"]
    console.print(f"\nchanged split: {split['photos']:,} (must be 0)")
    for photo in split["examples"]:
        console.print(f"  {_line(photo)}", soft_wrap=True)


def _print_transitions(console: Console, title: str, changes: Sequence[Mapping[str, Any]]) -> None:
    if not changes:
        console.print(f"\n{title}: none")
        return
    rows = [(f"{_line(one['from'])} -> {_line(one['to'])}", f"{one['photos']:,}") for one in changes]
    console.print()
    console.print(_table((title, "photos"), rows))


def _print_cameras(console: Console, cameras: Mapping[str, Mapping[str, int]]) -> None:
    changed = {key: kept for key, kept in cameras.items() if kept["before"] != kept["after"]}
    if changed:
        rows = [(_line(key), *_change(kept["before"], kept["after"])) for key, kept in changed.items()]
        console.print()
        console.print(_table(("camera", "kept before", "after", "change"), rows))
    console.print(f"\ncameras with as many photos kept as before: {len(cameras) - len(changed):,}")


def _print_natives(console: Console, natives: Mapping[str, Any]) -> None:
    for what in ("gained", "lost"):
        console.print(f"\nnative values {what}: {len(natives[what]):,}")
        for row in natives[what][:_NATIVES_SHOWN]:
            text = f"{row['camera']} {row['aspect']}: {row['text'] or row['value']} ({row['owners']:,} owners)"
            console.print(f"  {_line(text)}", soft_wrap=True)
        if len(natives[what]) > _NATIVES_SHOWN:
            console.print(f"  and {len(natives[what]) - _NATIVES_SHOWN:,} more; see --json")


def _change(before: int, after: int) -> tuple[str, str, str]:
    return f"{before:,}", f"{after:,}", f"{after - before:+,}"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(titles[0], *(Column(title, justify="right") for title in titles[1:]), box=None)
    for row in rows:
        table.add_row(*row)
    return table


def _line(text: str) -> str:
    return one_line(text, _TEXT_CHARACTERS)


if __name__ == "__main__":
    exit_with(main)
