"""`python -m shards.verify GENERATION`: checks that a generation of shards is what was published, to the bit.

Reads every byte of the index, of the tars and of the tables beside them, and compares checksums, counts and labels. Of
some samples, or with --all of all, it also compares the restart markers with the table and decodes the picture. Every
fault is named with its file, its sample and its place. Exit code 0: no fault; 1: faults; 2: it could not be checked.

  python -m shards.verify latest
  python -m shards.verify 0003 --all
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console, progress
from corpus.errors import ConfigurationError
from corpus.storage import Store
from corpus.text import count, size
from shards.index import Index, generation_named
from shards.inspection.faults import Fault
from shards.inspection.generation import Comparison, check_index
from shards.inspection.tars import TarReport, check_tar

if TYPE_CHECKING:
    from rich.console import Console

SAMPLES = 100
_MB = 1_000_000


@dataclass(frozen=True)
class Verified:
    """What was checked, and every fault."""

    generation: str
    faults: tuple[Fault, ...]
    shards: int = 0
    tiles: int = 0
    decoded: int = 0
    size_bytes: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; raises ShutterprintError for what a user can mend."""
    parser = command_parser("python -m shards.verify", __doc__ or "")
    parser.add_argument("generation", metavar="GENERATION", help="a name, its beginning, or `latest`")
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument("--all", action="store_true", help="decode every sample")
    how_many.add_argument("--samples", type=int, default=SAMPLES, metavar="N", help=f"decode N (default: {SAMPLES})")
    given = parser.parse_args(arguments)
    if given.samples < 0:
        raise ConfigurationError(f"--samples: {given.samples} is less than 0")
    store = configuration_of(given).store
    console = plain_console()
    generation = generation_named(store, given.generation)
    found = verify(store, generation, None if given.all else given.samples, console)
    for fault in found.faults:
        console.print(str(fault), soft_wrap=True)
    checked = f"{count(found.shards, 'shard')}, {count(found.tiles, 'tile')}, {size(found.size_bytes)}"
    console.print(
        f"{generation}: {checked}; {found.decoded:,} decoded: "
        + (count(len(found.faults), "fault") if found.faults else "no fault"),
        soft_wrap=True,
    )
    if found.faults:
        console.print(
            "To mend: delete what is named above (of a tar, also its .arrow and its .json) and "
            f"shards/{generation}/_done.json, then run python -m curation.run; it packs again only what is missing",
            soft_wrap=True,
        )
    return 1 if found.faults else 0


def verify(store: Store, generation: str, samples: int | None, console: "Console") -> Verified:
    """Check a generation and return what was found; `samples`: how many tiles are decoded, None for all.

    Raises StorageUnavailableError where the storage does not answer.
    """
    index, faults = check_index(store, generation)
    if index is None:
        return Verified(generation, tuple(faults))
    # what is in damaged tables would only repeat that they are damaged
    comparison, reports = None if faults else Comparison(index), dict[str, TarReport]()
    size_bytes = sum(split["size_bytes"] for split in index.content["splits"].values())
    with (
        progress(console, "verifying", max(size_bytes // _MB, 1), "MB") as advance,
        ThreadPoolExecutor(os.cpu_count() or 1) as threads,
    ):
        meter = _Meter(advance)
        jobs = {
            threads.submit(check_tar, store, index.tars[number], rows, meter.add): number
            for number, rows in _decoded(index, comparison, samples)
        }
        for job in as_completed(jobs):
            report, number = job.result(), jobs[job]
            reports[index.tars[number]] = report
            if comparison is not None:
                report.faults.extend(comparison.faults(number, report))
    faults += [fault for tar in index.tars for fault in reports[tar].faults]
    entries = {tar: report.entry for tar, report in reports.items() if report.entry is not None}
    if comparison is not None:
        faults += comparison.wrong_counts(entries)
    decoded = sum(report.decoded for report in reports.values())
    tiles = sum(entry.tiles for entry in entries.values())
    return Verified(generation, tuple(faults), len(index.tars), tiles, decoded, size_bytes)


def _decoded(index: Index, comparison: Comparison | None, samples: int | None) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield each tar's number and the rows to decode: the wanted number spread evenly over all tiles, or all.

    Without a comparison only all can be decoded, since it is not known where which tile is.
    """
    first = 0
    for number in range(len(index.tars)):
        if samples is None or comparison is None:
            yield number, range(0 if samples is not None else sys.maxsize)
            continue
        total, tiles = len(index.tiles), comparison.tiles_of(number)
        wanted = np.unique(np.linspace(0, total - 1, min(samples, total)).astype(np.int64))
        yield number, (wanted[(first <= wanted) & (wanted < first + tiles)] - first).tolist()
        first += tiles


class _Meter:
    """Adds up bytes of all threads and reports whole megabytes."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._bytes, self._lock = advance, 0, threading.Lock()

    def add(self, size_bytes: int) -> None:
        """Count so many bytes more."""
        with self._lock:
            before = self._bytes // _MB
            self._bytes += size_bytes
            if (more := self._bytes // _MB - before) > 0:
                self._advance(more)


if __name__ == "__main__":
    exit_with(main)
