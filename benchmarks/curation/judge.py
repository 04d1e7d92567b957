"""Benchmark: judge and publish a corpus of planted truths at two sizes; print time a row, memory, wrong verdicts.

    python -m benchmarks.curation.judge [--photos 100000 1000000] [--memory-mb 4000] [--folder FOLDER] [--keep]
        [--alone]

One process plants each corpus, and another judges it with two Dask workers (`--memory-mb` each), or with `--alone` in
one process without publishing it. CPU time is that of the job and its workers together, step by step, without that of
the measurement; memory is the resident memory of each of them, measured five times a second, less what it shares with
others as pages of files. The targets: 80 us of CPU time a photo at a million, 4 GB a process at ten millions, 1.3 times
the cost a row of a tenth of the corpus, and no wrong verdict.
"""

import argparse
import multiprocessing
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.curation.planted import KIND, catalogue, plant
from benchmarks.curation.planted_check import wrong_natives, wrong_verdicts
from benchmarks.curation.planted_many import BASE, plant_many
from corpus.sections import Consensus, Curation, Rules, Shards, Support
from corpus.storage import Store, open_store
from curation.cluster.frames import Frames
from curation.cluster.workers import Workers
from curation.generations import FOLDER, NATIVES, Past, batches_of
from curation.judging.inputs import find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import publish_generation

CAP = 300
TRUTHS = "truths.parquet"


def plant_corpus(folder: Path, photos: int) -> None:
    """Write a corpus and its truths into a folder."""
    store = open_store(str(folder))
    if photos <= BASE:
        truths = plant(store, photos)
        told = pa.table({"photo": list(truths), "truth": list(truths.values())})
    else:
        with tempfile.TemporaryDirectory(dir=folder) as base:
            told = plant_many(store, open_store(base), photos)
    pq.write_table(told, folder / TRUTHS)


def judge_corpus(folder: Path, memory_mb: int, results: Any, *, alone: bool) -> None:
    """Judge a corpus, and publish it unless it is judged `alone`, without workers.

    Puts the seconds and the CPU seconds of each step, and the peak memory in bytes of the job and each worker, into
    `results`.
    """
    store = open_store(str(folder))
    steps: dict[str, tuple[float, float]] = {}

    @contextmanager
    def timed(name: str, _parts: int) -> Iterator[Any]:
        began_s, began_cpu_s = time.monotonic(), cpu_s()
        yield lambda _number: None
        steps[name] = (time.monotonic() - began_s, cpu_s() - began_cpu_s)

    curation = Curation(owner_photos_max=CAP)
    judge_settings = JudgeSettings(
        catalogue().opened(), Support(photos_min=20, owners_min=5), Rules(), Consensus(), curation
    )
    settings = {"rules": {}, "consensus": {}, "curation": curation.model_dump(mode="json")}
    with Workers(None, 2, memory_mb) as workers:
        frames = Frames(None if alone else workers.client)
        with peak_memory() as peaks, timed("whole", 0):
            with timed("listing", 0):
                inputs = find_inputs(store, KIND)
            judged = judge_all(inputs, Past(store, None), [], judge_settings, frames, timed)
            with timed("finishing", 0):
                parts = iter([]) if alone else tallied(judged.parts)
                for _part in judged.parts if alone else ():
                    pass
            if not alone:
                with timed("writing", 0):
                    published = replace(judged, parts=parts)
                    publish_generation(store, published, settings, Shards(), lambda _number: None, lambda: None)
    results.put((steps, peaks))


def tallied(parts: Iterator[Any]) -> Iterator[Any]:
    """Return parts; of the last step of the judgement only the first part is made before they are asked for."""
    first = next(parts)
    return chain([first], parts)


_watched_s = [0.0]
"""The CPU seconds that the measurement of memory has taken."""


def cpu_s() -> float:
    """Return the CPU seconds that this process and its descendants have used, without those of the measurement."""
    used = -_watched_s[0]
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        try:
            times = process.cpu_times()
            used += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return used


@contextmanager
def peak_memory() -> Iterator[dict[str, int]]:
    """Yield the most bytes that this process and each of its descendants has held, by what it is."""
    peaks: dict[str, int] = {}
    ended, me = threading.Event(), psutil.Process()

    def watch() -> None:
        while not ended.wait(0.2):
            _watched_s[0] = time.thread_time()
            for place, process in enumerate((me, *me.children(recursive=True))):
                try:
                    memory = process.memory_info()
                except psutil.NoSuchProcess:
                    continue
                name = f"{process.pid}" if place else "job"
                peaks[name] = max(peaks.get(name, 0), memory.rss - memory.shared)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        ended.set()
        watcher.join()


def check(store: Store, folder: Path) -> list[str]:
    """Return what is wrong with the generation."""
    table = pq.read_table(folder / TRUTHS)
    truths = dict(zip(table["photo"].to_pylist(), table["truth"].to_pylist(), strict=True))
    (generation,) = store.done_names(FOLDER)
    columns = ["photo", "kept", "reasons", "camera", "owner_id", "group", "split"]
    rows = (row for batch in batches_of(store, generation, columns) for row in batch.to_pylist())
    wrong = wrong_verdicts(rows, truths, CAP)
    return wrong + wrong_natives(store.read_json(f"{FOLDER}/{generation}/{NATIVES}"))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory-mb", type=int, default=4000)
    parser.add_argument("--folder", type=Path, help="where the corpora are written (default: a temporary folder)")
    parser.add_argument(
        "--keep", action="store_true", help="leave the corpora in --folder, and use those that are there"
    )
    parser.add_argument("--alone", action="store_true", help="judge in one process, and publish nothing")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    costs: list[float] = []
    failed = False
    for photos in arguments.photos:
        with corpus_of(photos, arguments.folder, keep=arguments.keep) as folder:
            if not (folder / TRUTHS).exists():
                planting = context.Process(target=plant_corpus, args=(folder, photos))
                planting.start()
                planting.join()
            results = context.Queue()
            alone = {"alone": arguments.alone}
            judging = context.Process(target=judge_corpus, args=(folder, arguments.memory_mb, results), kwargs=alone)
            judging.start()
            steps, peaks = results.get()
            judging.join()
            wrong = [] if arguments.alone else check(open_store(str(folder)), folder)
            shutil.rmtree(folder / FOLDER, ignore_errors=True)
        whole_s, whole_cpu_s = steps.pop("whole")
        costs.append(whole_cpu_s / photos)
        print(f"{photos:,} photos: {whole_s:.1f} s, CPU {whole_cpu_s:.1f} s, {1e6 * costs[-1]:.1f} us of CPU a photo")
        print("  us of CPU: " + ", ".join(f"{name} {1e6 * step[1] / photos:.1f}" for name, step in steps.items()))
        largest = sorted((held for name, held in peaks.items() if name != "job"), reverse=True)[:2]
        print(f"  peak GB: job {peaks['job'] / 1e9:.2f}, workers " + " ".join(f"{held / 1e9:.2f}" for held in largest))
        if not arguments.alone:
            print(f"  wrong: {len(wrong)}", *wrong[:10], sep="\n  ")
        sys.stdout.flush()
        failed = failed or bool(wrong)
    if len(costs) > 1:
        print(f"CPU a photo, last to first: {costs[-1] / costs[0]:.2f} (target 1.3)")
    sys.exit(1 if failed else 0)


@contextmanager
def corpus_of(photos: int, below: Path | None, *, keep: bool) -> Iterator[Path]:
    """Yield the folder of a corpus; it is removed unless it is to be kept."""
    if keep and below is not None:
        folder = below / f"planted-{photos}"
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    if below is not None:
        below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="shutterprint-judge-", dir=below))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
