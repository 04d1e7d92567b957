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
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from corpus.command_line import command_parser, configuration_of, exit_with, plain_console, progress
from corpus.errors import ConfigurationError
from corpus.storage import Store
from corpus.text import count, size
from shards.index import Index, generation_named, latest_generation
from shards.inspection.faults import Fault
from shards.inspection.generation import Comparison, check_index, counts_of
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
        console.print(_cure(store, generation), soft_wrap=True)
    return 1 if found.faults else 0


def _cure(store: Store, generation: str) -> str:
    cure = (
        "To mend: delete the files that are named above, as far as they are there, then run python -m curation.run; it "
        "packs again only what is missing"
    )
    newest = latest_generation(store)
    if generation == newest:
        return cure
    return f"{cure}, and of the newest generation alone: this one gets back the tars that {newest} has, too"


def verify(store: Store, generation: str, samples: int | None, console: "Console") -> Verified:
    """Check a generation and return what was found; `samples`: how many tiles are decoded, None for all.

    Raises StorageUnavailableError where the storage does not answer, OutdatedError where another version packed the
    generation.
    """
    index, faults = check_index(store, generation)
    if index is None:
        return Verified(generation, tuple(faults))
    # what is in damaged tables would only repeat that they are damaged
    comparison = None if faults else Comparison(index)
    of_tars, counts, decoded = dict[int, list[Fault]](), dict[str, dict[str, int]](), 0
    size_bytes = sum(split["size_bytes"] for split in index.content["splits"].values())
    with (
        progress(console, "verifying", max(size_bytes // _MB, 1), "MB") as advance,
        closing(_reports(store, index, _decoded(index, comparison, samples), _Meter(advance))) as reports,
    ):
        for number, report in reports:
            of_tars[number] = report.faults + (list(comparison.faults(number, report)) if comparison else [])
            decoded += report.decoded
            if report.entry is not None:
                counts[index.tars[number]] = counts_of(report.entry)
    faults += [fault for number in sorted(of_tars) for fault in of_tars[number]]
    if comparison is not None:
        faults += comparison.wrong_counts(counts)
    tiles = sum(count["tiles"] for count in counts.values())
    return Verified(generation, tuple(faults), len(index.tars), tiles, decoded, size_bytes)


def _reports(
    store: Store, index: Index, wanted: Iterator[tuple[int, Sequence[int]]], meter: "_Meter"
) -> Generator[tuple[int, TarReport], None, None]:
    """Yield the report of each tar, with the tar's number, as soon as it is ready.

    A report holds a tar's whole table, so no more of them are waiting than twice the processors. Whatever ends this
    (an error, Ctrl-C) also ends the checks that are under way.
    """
    at_once = os.cpu_count() or 1
    waiting: dict[Future[TarReport], int] = {}
    threads = ThreadPoolExecutor(at_once)
    try:
        while True:
            for number, rows in islice(wanted, 2 * at_once - len(waiting)):
                waiting[threads.submit(check_tar, store, index.tars[number], rows, meter.add)] = number
            if not waiting:
                return
            for job in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(job), job.result()
    finally:
        meter.stop()
        threads.shutdown(cancel_futures=True)


def _decoded(index: Index, comparison: Comparison | None, samples: int | None) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield each tar's number and the rows to decode: the wanted number spread evenly over all tiles, or all.

    Without a comparison only all can be decoded, since it is not known where which tile is.
    """
    if samples is None or comparison is None:
        yield from ((number, range(sys.maxsize if samples is None else 0)) for number in range(len(index.tars)))
        return
    total, first = len(index.tiles), 0
    wanted = np.unique(np.linspace(0, total - 1, min(samples, total)).astype(np.int64))
    for number in range(len(index.tars)):
        end = first + comparison.tiles_of(number)
        low, high = np.searchsorted(wanted, [first, end])
        yield number, (wanted[low:high] - first).tolist()
        first = end


class _StoppedError(Exception):
    """The check was given up."""


class _Meter:
    """Adds up bytes of all threads and reports whole megabytes; once stopped, it ends the threads that read on."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance, self._bytes, self._lock = advance, 0, threading.Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Let every later `add` raise."""
        self._is_stopped = True

    def add(self, size_bytes: int) -> None:
        """Count so many bytes more."""
        if self._is_stopped:
            raise _StoppedError
        with self._lock:
            before = self._bytes // _MB
            self._bytes += size_bytes
            if (more := self._bytes // _MB - before) > 0:
                self._advance(more)


if __name__ == "__main__":
    exit_with(main)
