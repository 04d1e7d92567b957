"""`python -m crawlers.status`: shows what the crawls have done, what they are doing, and what is left to do.

For each source and camera: photos found, stored, refused (and why), failed, and deleted at the site since; the whole
windows, the share of the configured time that they cover for each query, and what is open; unfinished windows, and
which processes are at work; how many refused photos the newest generation wants; how many calls the Flickr key may make
now. A photo found by several queries counts once.

`--failures` lists every failed photo and when it is tried again; `--json` prints everything for programs. No site is
contacted and nothing is changed; crawls may run meanwhile. Exit code 1: a window, which is named, could not be read.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.leases import holders
from corpus.receipts import last_receipt
from corpus.storage import Store
from corpus.text import count, escaped, iso_time
from crawlers.network.limits import limits_folder
from crawlers.network.quota import Quota, quota_name
from crawlers.sites.flickr import CALLS_PER_HOUR
from crawlers.spiders.flickr import KEY_VARIABLE
from crawlers.status.counts import Failure, SourceCounts, Tally, count_windows
from crawlers.status.coverage import Coverage, asked_queries, coverages
from crawlers.windows import checkpoint
from crawlers.windows.time_slices import period
from crawlers.windows.work_units import leases_folder
from curation.generations import FOLDER as GENERATIONS
from curation.generations import FUNNEL, latest_generation

SLICED_SOURCES = ("flickr", "wikimedia")
PLAIN_WIDTH = 1000  # width in characters where the output is not a terminal, so that no line of a table is broken


@dataclass(frozen=True)
class SourceStatus:
    """The state of one source's crawls."""

    counts: SourceCounts
    coverages: list[Coverage] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # windows in work, or left by an interrupted crawl
    leases: dict[str, str] = field(default_factory=dict)  # units of work that a crawl has leased, each with its holder
    wanted: int = 0  # refused photos that pass by what curation has learned since the last crawl

    @property
    def share(self) -> float | None:
        """The share of the period that is covered, over all queries asked for; None where there are none."""
        shares = [each.share for each in self.coverages if each.is_asked]
        return sum(shares) / len(shares) if shares else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m crawlers.status", __doc__ or "")
    parser.add_argument("--failures", action="store_true", help="list every failed photo")
    parser.add_argument("--json", action="store_true", help="print JSON, failures included")
    given = parser.parse_args(arguments)
    configuration = configuration_of(given)
    now_s = time.time()
    statuses = [source_status(configuration, source, now_s) for source in configuration.store.names("crawl")]
    calls_left = flickr_calls_left(configuration, now_s)
    if given.json:
        tree = {"flickr_calls_left": calls_left, "sources": {each.counts.source: as_tree(each) for each in statuses}}
        sys.stdout.write(json.dumps(tree, indent=1) + "\n")
    else:
        console = Console(
            markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH
        )
        if not statuses:
            console.print(f"{configuration.store.url}: no crawl has left anything here yet")
        for status in statuses:
            show(console, status, iso_time(int(now_s)), has_failures=given.failures)
        if calls_left is not None:
            console.print(f"calls that the Flickr key may make now: {calls_left:,}")
    return 1 if any(status.counts.troubles for status in statuses) else 0


def source_status(configuration: Configuration, source: str, now_s: float) -> SourceStatus:
    """Return the state of a source's crawls; raises ConfigurationError where its section has invalid times."""
    store = configuration.store
    counts = count_windows(store, source)
    found: list[Coverage] = []
    if source in SLICED_SOURCES:
        section = getattr(configuration.sources, source)
        whole = period(section, now_s)
        asked = asked_queries(configuration, source)
        is_tree = source == "wikimedia" and section.depth > 0
        found = coverages(whole, asked, counts.query_cameras, counts.windows, has_subcategories=is_tree)
    held = holders(store, leases_folder(source), now_s)
    leases = {unit: f"process {holder.pid} on {holder.host}" for unit, holder in held.items()}
    return SourceStatus(counts, found, store.names(checkpoint.folder(source)), leases, wanted_photos(store, source))


def wanted_photos(store: Store, source: str) -> int:
    """Return how many refused photos of a source the newest generation wants, 0 once a crawl has been there since."""
    generation, curated = latest_generation(store), last_receipt(store, "curation")
    crawled = max(
        (last_receipt(store, name[: -len(".json")]).get("finished_at_s", 0) for name in _crawl_receipts(store, source)),
        default=0,
    )
    if generation is None or curated.get("finished_at_s", 0) <= crawled:
        return 0
    counts = store.read_json(f"{GENERATIONS}/{generation}/{FUNNEL}")
    return int(counts["sources"].get(source, {}).get("wanted", 0))


def _crawl_receipts(store: Store, source: str) -> list[str]:
    """Return the receipts of a source's crawls, several where several processes share its work."""
    return [name for name in store.names("receipts") if name.startswith(f"crawl-{source}") and name.endswith(".json")]


def flickr_calls_left(configuration: Configuration, now_s: float) -> int | None:
    """Return how many calls the key in the environment may make at once, None without a key."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    folder = limits_folder(configuration.crawl.limits_folder, os.environ)
    return Quota(folder, quota_name(key), CALLS_PER_HOUR).left(now_s)


def as_tree(status: SourceStatus) -> dict[str, Any]:
    """Return a status as plain data; times are ISO 8601 in UTC, open time is in half-open intervals [from, to)."""
    queries = [asdict(each) | {"share": round(each.share, 6)} for each in status.coverages]
    for query in queries:
        query["to_do"] = [[iso_time(start_s), iso_time(end_s)] for start_s, end_s in query["to_do"]]
    counts = status.counts
    return {
        "windows": len(counts.windows),
        "share": None if status.share is None else round(status.share, 6),
        "cameras": {camera: asdict(tally) for camera, tally in counts.cameras.items()},
        "refusals": counts.refusals,
        "queries": queries,
        "unfinished": status.unfinished,
        "leases": status.leases,
        "wanted": status.wanted,
        "failures": [asdict(failure) for failure in counts.failures],
        "troubles": counts.troubles,
    }


def show(console: Console, status: SourceStatus, now: str, *, has_failures: bool) -> None:
    """Print a status as tables; `now` is ISO 8601, UTC."""
    counts = status.counts
    share = "" if status.share is None else f", {_percent(status.share)} of the time covered"
    console.print(f"{escaped(counts.source)}: {len(counts.windows):,} windows whole{share}", style="bold")
    _print(console, _camera_table(counts.cameras, now))
    _print(console, _refusal_table(counts.refusals))
    _print(console, _query_table(status.coverages))
    for title, lines in (
        ("unfinished windows", status.unfinished),
        ("leased by a crawl", [f"{unit}: {holder}" for unit, holder in status.leases.items()]),
        ("cannot be read", counts.troubles),
    ):
        if lines:
            console.print("\n".join([f"{title}:", *(f"  {escaped(line)}" for line in lines), ""]), soft_wrap=True)
    if status.wanted:
        console.print(
            f"wanted: {count(status.wanted, 'photo')} refused before the download, by what is known of their cameras "
            f"since the newest generation; run scrapy crawl {escaped(counts.source)} again\n",
            soft_wrap=True,
        )
    if has_failures:
        _print(console, _failure_table(counts.failures, now))


def _camera_table(cameras: dict[str, Tally], now: str) -> Table:
    states = ("found", "stored", "refused", "failed, again", "failed, final", "deleted", "MB stored")
    table = Table("camera", *map(_number, states), "next attempt", box=None)
    whole = Tally()
    for camera, tally in cameras.items():
        table.add_row(*_camera_cells(camera, tally, now))
        for name in ("found", "stored", "refused", "failed_transient", "failed_final", "deleted", "size_bytes"):
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
    if len(cameras) > 1:
        whole.next_attempt = min((each.next_attempt for each in cameras.values() if each.next_attempt), default=None)
        table.add_row(*_camera_cells("(all)", whole, now))
    return table


def _camera_cells(camera: str, tally: Tally, now: str) -> list[str]:
    numbers = (tally.found, tally.stored, tally.refused, tally.failed_transient, tally.failed_final, tally.deleted)
    cells = [f"{number:,}" for number in numbers]
    return [escaped(camera), *cells, f"{tally.size_bytes / 1e6:,.1f}", _when(tally.next_attempt, now, "")]


def _refusal_table(refusals: dict[str, dict[str, int]]) -> Table:
    table = Table("refused because", "camera", _number("photos"), box=None)
    for reason, cameras in sorted(refusals.items(), key=lambda item: (-sum(item[1].values()), item[0])):
        for camera, number in sorted(cameras.items(), key=lambda item: (-item[1], item[0])):
            table.add_row(escaped(reason), escaped(camera), f"{number:,}")
    return table


def _query_table(found: Iterable[Coverage]) -> Table:
    numbers = [_number(title) for title in ("windows", "covered", "days to do", "gaps")]
    table = Table("query", "camera", *numbers, "the first gap", box=None)
    for each in found:
        first = f"{iso_time(each.to_do[0].start_s)} to {iso_time(each.to_do[0].end_s)}" if each.to_do else ""
        table.add_row(
            escaped(each.query) + ("" if each.is_asked else " (no longer asked for)"),
            escaped(each.camera or "-"),
            f"{each.windows:,}",
            _percent(each.share),
            f"{sum(gap.end_s - gap.start_s for gap in each.to_do) / 86400:,.1f}",
            f"{len(each.to_do):,}",
            first,
        )
    return table


def _failure_table(failures: Iterable[Failure], now: str) -> Table:
    table = Table("photo", "camera", "what", "when", _number("tries"), "kind", "next attempt", box=None)
    for each in failures:
        what = f"HTTP {each.http_status}: {each.error}" if each.http_status else each.error
        kind = "transient" if each.next_attempt else "final"
        cells = (each.photo, each.camera, what, each.failed_at or "-", str(each.attempts), kind)
        table.add_row(*map(escaped, cells), _when(each.next_attempt, now, "never"))
    return table


def _print(console: Console, table: Table) -> None:
    if table.row_count:
        console.print(table)
        console.print()


def _when(moment: str | None, now: str, never: str) -> str:
    if moment is None:
        return never
    return "next crawl" if moment <= now else moment


def _percent(share: float) -> str:
    # rounded down, so that 100 % means all of it
    return f"{int(round(share * 1000, 6)) / 10:.1f} %"


def _number(title: str) -> Column:
    return Column(title, justify="right")


if __name__ == "__main__":
    exit_with(main)
