"""`python -m shards.stats GENERATION`: prints what a generation of shards holds.

Shards, photographs, tiles, groups (devices or owners) and bytes by split and by camera, the commonest sizes, and what
the restart markers take. GENERATION is a name, its beginning, or `latest`.

  python -m shards.stats latest
  python -m shards.stats 0003 --json
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console
from corpus.records import SPLITS
from corpus.text import count, size
from shards.index import generation_named, read_index
from shards.inspection.counting import counted

if TYPE_CHECKING:
    from rich.console import Console


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code 0; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m shards.stats", __doc__ or "")
    parser.add_argument("generation", metavar="GENERATION", help="a name, its beginning, or `latest`")
    parser.add_argument("--json", action="store_true", help="print everything as JSON, sizes in bytes")
    given = parser.parse_args(arguments)
    store = configuration_of(given).store
    found = counted(store, read_index(store, generation_named(store, given.generation)))
    console = plain_console()
    if given.json:
        console.print(json.dumps(found, indent=1), soft_wrap=True)
    else:
        print_counts(console, found)
    return 0


def print_counts(console: "Console", found: dict[str, Any]) -> None:
    """Print what `shards.inspection.counting.counted` found as aligned tables."""
    from rich.table import Column, Table

    def table(*titles: str) -> Table:
        return Table(titles[0], *(Column(title, justify="right") for title in titles[1:]), box=None)

    splits = table(f"{found['generation']} ({' and '.join(found['content']) or 'empty'})", *_FIGURES, "bytes")
    for name, row in (*found["splits"].items(), ("all", found["total"])):
        splits.add_row(name, *(f"{row[figure]:,}" for figure in _FIGURES), size(row["size_bytes"]))
    console.print(splits)
    console.print()
    cameras = table("camera", "label", "photos", "groups", "tiles", *(f"tiles {name}" for name in SPLITS), "bytes")
    for row in found["classes"]:
        numbers = [row["label"], row["photos"], row["groups"], row["tiles"], *row["splits"].values()]
        cameras.add_row(row["camera"], *(f"{number:,}" for number in numbers), size(row["size_bytes"]))
    console.print(cameras)
    console.print()
    sizes = table("size of a tile", "tiles")
    for row in found["sizes"]:
        sizes.add_row(f"{row['width_px']}x{row['height_px']} px", f"{row['tiles']:,}")
    console.print(sizes)
    files = {name.removesuffix("_bytes"): size(size_bytes) for name, size_bytes in found["files"].items()}
    console.print(f"\nfiles: {', '.join(f'{name} {told}' for name, told in files.items())}")
    console.print(_restarts(found["restarts"]))
    if found["not_packed"]:
        console.print(f"not packed: {count(found['not_packed'], 'photo')}, listed in index.json with their reasons")


_FIGURES = ("shards", "photos", "tiles", "groups", "classes")


def _restarts(restarts: dict[str, Any]) -> str:
    if restarts["share"] is None:
        return "restart markers: none"
    return (
        f"restart markers: {restarts['segments']:,} segments in {count(restarts['tiles'], 'tile')}; they add "
        f"{restarts['share']:.2%} of bytes (measured on {restarts['written_again']})"
    )


if __name__ == "__main__":
    exit_with(main)
