"""Console: show a person the progress of the job, and the counts of a generation as aligned tables.

On a terminal a bar shows rate and remaining time; a file or pipe gets a plain line every PLAIN_LINE_EVERY_S seconds.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from corpus.records import SPLITS

PLAIN_LINE_EVERY_S = 10.0


@contextmanager
def progress(console: Console, verb: str, total: int, things: str) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with how many more things are done; `verb` says what is done to them."""
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task(verb, total=total, rate="")
            began_at_s = time.monotonic()

            def advance_bar(number: int) -> None:
                done = bar.tasks[0].completed + number
                rate = done / max(time.monotonic() - began_at_s, 1e-3)
                bar.update(task, completed=done, rate=f"{rate:.0f} {things}/s")

            yield advance_bar
        return
    line = _PlainLine(console, verb, total, things)
    yield line.advance


def print_counts(console: Console, counts: Mapping[str, Any]) -> None:
    """Print the funnel and the cameras of a generation; `counts`: see `curation.judging.counts.counts`."""
    funnel = Table("reason", _number("refused by it"), _number("first to refuse"), _number("photos left"), box=None)
    funnel.add_row("(all photos)", "", "", f"{counts['photos']:,}")
    for step in counts["funnel"]:
        funnel.add_row(step["reason"], f"{step['refused']:,}", f"{step['first']:,}", f"{step['remaining']:,}")
    console.print(funnel)
    cameras = Table("camera", *(_number(column) for column in ("photos", "kept", "groups", *SPLITS)), box=None)
    for key, camera in counts["cameras"].items():
        photos = (camera["splits"][split]["photos"] for split in SPLITS)
        cameras.add_row(
            key, *(f"{number:,}" for number in (camera["photos"], camera["kept"], camera["groups"], *photos))
        )
    if counts["cameras"]:
        console.print(cameras)
    console.print(f"{counts['kept']:,} of {counts['photos']:,} photos kept")


def _number(title: str) -> Column:
    return Column(title, justify="right")


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
    )


class _PlainLine:
    """Progress for a log: a line every PLAIN_LINE_EVERY_S seconds, and one at the end."""

    def __init__(self, console: Console, verb: str, total: int, things: str) -> None:
        self.console, self.verb, self.total, self.things = console, verb, total, things
        self.done = 0
        self.began_at_s = self.said_at_s = time.monotonic()

    def advance(self, number: int) -> None:
        self.done += number
        now_s = time.monotonic()
        if self.done < self.total and now_s - self.said_at_s < PLAIN_LINE_EVERY_S:
            return
        self.said_at_s = now_s
        rate = self.done / max(now_s - self.began_at_s, 1e-3)
        left_s = (self.total - self.done) / rate if rate else 0.0
        self.console.print(
            f"{self.verb}: {self.done:,} of {self.total:,} {self.things}, {rate:.0f}/s, {left_s:.0f} s left"
        )
