"""`python -m pipelines.overview`: the state of the whole product, what is wrong, and the command that mends it.

It asks no site and changes nothing; whatever runs may go on meanwhile. A part whose packages are not installed here is
left out with a sentence. `--crawls` counts the photos of all crawls instead, with their failures and gaps
(`python -m crawlers.status`).
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import StorageError
from corpus.text import escaped, one_line
from pipelines.overview.data_set import data_set_part
from pipelines.overview.disk import disk_part
from pipelines.overview.part import Advice, Part
from pipelines.overview.work import jobs_part, pipelines_part

_DESCRIPTION = """Show the state of everything: sources, data set, trainings, pipelines, jobs, disk, and what is wrong.

  shutterprint status                 everything, and what to type next
  shutterprint status --crawls        photos found, stored, refused and failed, by source and camera; gaps of time
  shutterprint status --failures      the same, with every photo that failed and when it is tried again

Nothing is asked of any site, and nothing changes. Exit code 1: something is wrong; the last lines say what, and the
command that mends it."""

PLAIN_WIDTH = 1000
_CRAWL_EXTRA = "the extra `crawl`"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m pipelines.overview", _DESCRIPTION)
    parser.add_argument("--crawls", action="store_true", help="count the photos of all crawls (needs the extra crawl)")
    parser.add_argument("--failures", action="store_true", help="as --crawls, with every photo that failed")
    parser.add_argument("--json", action="store_true", help="print JSON for programs")
    given = parser.parse_args(arguments)
    if given.crawls or given.failures:
        from crawlers.status.__main__ import main as crawls

        words = list(sys.argv[1:] if arguments is None else arguments)
        return crawls([word for word in words if word != "--crawls"])
    configuration = configuration_of(given)
    parts = {name: _read(name, read) for name, read in parts_of(configuration, time.time()).items()}
    advice = sorted((each for part in parts.values() for each in part.advice), key=lambda each: not each.is_wrong)
    if given.json:
        tree: dict[str, Any] = {name: {"notes": part.notes, **_data(part)} for name, part in parts.items()}
        sys.stdout.write(json.dumps({**tree, "advice": [asdict(each) for each in advice]}, indent=1) + "\n")
    else:
        width = None if sys.stdout.isatty() else PLAIN_WIDTH
        show(Console(markup=False, emoji=False, highlight=False, width=width), list(parts.values()), advice)
    return 1 if any(each.is_wrong for each in advice) else 0


def parts_of(configuration: Configuration, now_s: float) -> dict[str, Callable[[], Part]]:
    """Return what reads each part, by its name in the JSON, in the order in which they are shown."""

    def sources() -> Part:
        from pipelines.overview.sources import sources_part

        return sources_part(configuration, now_s)

    def runs() -> Part:
        from pipelines.overview.runs import runs_part

        return runs_part(configuration, now_s)

    return {
        "sources": sources,
        "data_set": partial(data_set_part, configuration, now_s),
        "trainings": runs,
        "pipelines": partial(pipelines_part, configuration, now_s),
        "jobs": partial(jobs_part, configuration, now_s),
        "disk": partial(disk_part, configuration),
    }


def _read(name: str, read: Callable[[], Part]) -> Part:
    """Return a part; one whose packages are missing, or whose files are damaged, says so instead."""
    title = name.replace("_", " ").capitalize()
    try:
        return read()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        return Part(title, notes=[f"left out: the package {missing} is not installed here; it is in {_CRAWL_EXTRA}"])
    except (StorageError, OSError, KeyError, TypeError, ValueError) as error:
        what = f"{title} cannot be told: {type(error).__name__}: {one_line(str(error), 300)}"
        return Part(
            title, advice=[Advice(what, "look at that file; restore it, or run the command that wrote it again")]
        )


def _data(part: Part) -> dict[str, Any]:
    return dict(part.data) if isinstance(part.data, dict) else {"found": list(part.data)}


def show(console: Console, parts: Sequence[Part], advice: Sequence[Advice]) -> None:
    """Print the parts as tables, then what is wrong and what comes next."""
    for part in parts:
        console.print(part.title, style="bold")
        if part.rows:
            table = Table(*part.columns, box=None)
            for row in part.rows:
                table.add_row(*row)
            console.print(table)
        for note in part.notes:
            console.print(f" {escaped(note)}", soft_wrap=True)
        console.print()
    for title, chosen in (
        ("What is wrong", [each for each in advice if each.is_wrong]),
        ("What comes next", [each for each in advice if not each.is_wrong]),
    ):
        if chosen:
            console.print(title, style="bold")
            for each in chosen:
                console.print(f" {escaped(each.what)}\n   {each.command}", soft_wrap=True)
            console.print()
    if not any(each.is_wrong for each in advice):
        console.print("nothing is wrong, as far as files and processes tell")


if __name__ == "__main__":
    exit_with(main)
