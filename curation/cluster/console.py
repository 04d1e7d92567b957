"""Console: show a person the counts of a generation as aligned tables."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from corpus.records import SPLITS


def print_counts(console: Console, counts: Mapping[str, Any]) -> None:
    """Print the funnel and the cameras of a generation; `counts`: see `curation.judging.counts.counts`."""
    columns = ("refused by it", "by it alone", "first to refuse", "photos left")
    funnel = Table("reason", *map(_number, columns), box=None)
    funnel.add_row("(all photos)", "", "", "", f"{counts['photos']:,}")
    for step in counts["funnel"]:
        funnel.add_row(step["reason"], *(f"{step[name]:,}" for name in ("refused", "alone", "first", "remaining")))
    console.print(funnel)
    cameras = Table("camera", *(_number(column) for column in ("photos", "kept", "groups", *SPLITS)), box=None)
    for key, camera in counts["cameras"].items():
        numbers = [camera["photos"], camera["kept"], camera["groups"]]
        numbers += (camera["splits"][split]["photos"] for split in SPLITS)
        cameras.add_row(key, *(f"{number:,}" for number in numbers))
    if counts["cameras"]:
        console.print(cameras)
    console.print(f"{counts['kept']:,} of {counts['photos']:,} photos kept")


def wanted_photos(counts: Mapping[str, Any]) -> int:
    """Return how many photos no rule refuses any more, although their originals were never fetched."""
    return sum(source["wanted"] for source in counts["sources"].values())


def wanted_sentence(counts: Mapping[str, Any]) -> str:
    """Return how many photos are wanted, and how to get them; empty where there are none."""
    number = wanted_photos(counts)
    if not number:
        return ""
    sources = sorted(name for name, source in counts["sources"].items() if source["wanted"])
    crawls = ", ".join(f"scrapy crawl {name}" for name in sources)
    are = "photo is" if number == 1 else "photos are"
    return (
        f"{number:,} {are} wanted now: refused before their download by what was known of their cameras then; "
        f"crawl again: {crawls}; and then run python -m curation.run"
    )


def _number(title: str) -> Column:
    return Column(title, justify="right")
