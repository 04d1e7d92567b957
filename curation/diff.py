"""`python -m curation.diff GEN_A GEN_B`: two generations in, what changed from the first to the second and why out.

Name each generation by its whole name, by how it begins (0001), or as `latest`. Photos are told apart by key and
version. A refused photo is counted by the first reason of its funnel, so that every photo is counted once. Exit code
1: a photo that both keep changed its split, which must never happen. The thresholds a generation was made with are in
its dataset card.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from corpus.command_line import command_parser, configuration_of, exit_with
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
    parser.add_argument("--json", action="store_true", help="print all of it as JSON")
    given = parser.parse_args(arguments)
    store = configuration_of(given).store
    found = differences(store, generation_named(store, given.before), generation_named(store, given.after))
    # neither highlighted nor read as markup: some of it is text of strangers
    console = Console(highlight=False, markup=False, emoji=False)
    if given.json:
        console.print(json.dumps(found, indent=1, sort_keys=True), soft_wrap=True)
    else:
        print_differences(console, found)
    return 1 if found["split_changed"]["photos"] else 0


def print_differences(console: Console, found: Mapping[str, Any]) -> None:
    """Print what `curation.inspection.compare.differences` found as aligned tables."""
    before, after = found["before"], found["after"]
    counts = Table(
        "", _number_column(before["name"]), _number_column(after["name"]), _number_column("change"), box=None
    )
    for what in ("photos", "kept"):
        counts.add_row(what, *_three(before[what], after[what]))
    console.print(counts)
    _print_changes(console, "what became of photos", found["transitions"])
    if found["camera_changed"]:
        _print_changes(console, "camera changed", found["camera_changed"])
    _print_cameras(console, found["cameras"])
    _print_natives(console, found["natives"])
    split = found["split_changed"]
    console.print(f"\nchanged split: {split['photos']:,} (must be 0)")
    for photo in split["examples"]:
        console.print(f"  {_line(photo)}", soft_wrap=True)


def _print_changes(console: Console, title: str, changes: Sequence[Mapping[str, Any]]) -> None:
    if not changes:
        console.print(f"\n{title}: nothing changed")
        return
    table = Table(title, _number_column("photos"), box=None)
    for change in changes:
        table.add_row(f"{_line(change['from'])} -> {_line(change['to'])}", f"{change['photos']:,}")
    console.print()
    console.print(table)


def _print_cameras(console: Console, cameras: Mapping[str, Mapping[str, int]]) -> None:
    changed = {key: kept for key, kept in cameras.items() if kept["before"] != kept["after"]}
    same = len(cameras) - len(changed)
    if changed:
        table = Table("camera", *(_number_column(title) for title in ("kept before", "after", "change")), box=None)
        for key, kept in changed.items():
            table.add_row(_line(key), *_three(kept["before"], kept["after"]))
        console.print()
        console.print(table)
    console.print(f"\ncameras with as many photos kept as before: {same:,}")


def _print_natives(console: Console, natives: Mapping[str, Any] | None) -> None:
    if natives is None:
        console.print("\nnative values: one of the two generations was made before they were learned")
        return
    for what in ("gained", "lost"):
        console.print(f"\nnative values {what}: {len(natives[what]):,}")
        for row in natives[what][:_NATIVES_SHOWN]:
            text = f"{row['camera']} {row['aspect']}: {row['text'] or row['value']} ({row['owners']:,} owners)"
            console.print(f"  {_line(text)}", soft_wrap=True)
        if len(natives[what]) > _NATIVES_SHOWN:
            console.print(f"  and {len(natives[what]) - _NATIVES_SHOWN:,} more; see --json")


def _three(before: int, after: int) -> tuple[str, str, str]:
    return f"{before:,}", f"{after:,}", f"{after - before:+,}"


def _number_column(title: str) -> Column:
    return Column(title, justify="right")


def _line(text: str) -> str:
    """Return text on one line, without what would steer a terminal."""
    return one_line(text, _TEXT_CHARACTERS)


if __name__ == "__main__":
    exit_with(main)
