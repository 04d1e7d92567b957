"""Benchmark: judge and publish a corpus of planted truths at two sizes; print time a row, memory, wrong verdicts.

    python benchmarks/judge.py [--photos 100000 1000000] [--memory-mb 1400] [--folder FOLDER]

One process plants each corpus, and another judges it with two Dask workers (`--memory-mb` each, beyond which they
spill). Memory is the sum of the resident memory of the job and its workers, measured ten times a second; shared pages
are counted for every process. The targets: 4 GB at a million photos, 1.3 times the cost a row of a hundred thousand,
and no wrong verdict.
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
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.planted import KIND, catalogue, plant
from benchmarks.planted_check import wrong_natives, wrong_verdicts
from corpus.sections import Consensus, Curation, Rules, Shards, Support
from corpus.storage import Store, open_store
from curation.cluster.frames import Frames
from curation.cluster.workers import Workers
from curation.generations import FOLDER, NATIVES, PHOTOS, Past
from curation.judging.inputs import find_inputs
from curation.judging.whole_corpus import JudgeSettings, judge_all
from curation.publishing.generation import publish_generation

CAP = 300
TRUTHS = "truths.parquet"


def plant_corpus(folder: Path, photos: int) -> None:
    """Write a corpus and its truths into a folder."""
    truths = plant(open_store(str(folder)), photos)
    pq.write_table(pa.table({"photo": list(truths), "truth": list(truths.values())}), folder / TRUTHS)


def judge_corpus(folder: Path, memory_mb: int, results: Any) -> None:
    """Judge and publish a corpus; put the seconds of each step and the peak memory in bytes into `results`."""
    store = open_store(str(folder))
    steps: dict[str, float] = {}

    @contextmanager
    def timed(name: str, _parts: int) -> Iterator[Any]:
        began_s = time.monotonic()
        yield lambda _number: None
        steps[name] = time.monotonic() - began_s

    curation = Curation(owner_photos_max=CAP)
    judge_settings = JudgeSettings(
        catalogue().opened(), Support(photos_min=20, owners_min=5), Rules(), Consensus(), curation
    )
    settings = {"rules": {}, "consensus": {}, "curation": curation.model_dump(mode="json")}
    with Workers(None, 2, memory_mb) as workers:
        client = workers.client
        with peak_memory() as peak:
            began_s = time.monotonic()
            inputs = find_inputs(store, KIND)
            judged = judge_all(inputs, Past(store, None), [], judge_settings, Frames(client), timed)
            with timed("writing", 0):
                publish_generation(store, judged, settings, Shards(), lambda _number: None, lambda: None)
            steps["whole"] = time.monotonic() - began_s
    results.put((steps, peak[0]))


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """Yield a list whose only item is the most bytes that this process and its descendants have held together."""
    peak, ended, me = [0], threading.Event(), psutil.Process()

    def watch() -> None:
        while not ended.wait(0.1):
            held = 0
            for process in (me, *me.children(recursive=True)):
                try:
                    held += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], held)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()


def check(store: Store, folder: Path) -> list[str]:
    """Return what is wrong with the generation."""
    table = pq.read_table(folder / TRUTHS)
    truths = dict(zip(table["photo"].to_pylist(), table["truth"].to_pylist(), strict=True))
    (generation,) = store.done_names(FOLDER)
    columns = ["photo", "kept", "reasons", "camera", "owner_id", "group", "split"]
    with store.open(f"{FOLDER}/{generation}/{PHOTOS}") as file:
        rows = (row for batch in pq.ParquetFile(file).iter_batches(columns=columns) for row in batch.to_pylist())
        wrong = wrong_verdicts(rows, truths, CAP)
    return wrong + wrong_natives(store.read_json(f"{FOLDER}/{generation}/{NATIVES}"))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--memory-mb", type=int, default=1400)
    parser.add_argument("--folder", type=Path, help="where the corpora are written (default: a temporary folder)")
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    costs: list[float] = []
    failed = False
    for photos in arguments.photos:
        folder = Path(tempfile.mkdtemp(prefix="shutterprint-judge-", dir=arguments.folder))
        try:
            planting = context.Process(target=plant_corpus, args=(folder, photos))
            planting.start()
            planting.join()
            results = context.Queue()
            judging = context.Process(target=judge_corpus, args=(folder, arguments.memory_mb, results))
            judging.start()
            steps, peak_bytes = results.get()
            judging.join()
            wrong = check(open_store(str(folder)), folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        costs.append(steps["whole"] / photos)
        whole_s, cost_us = steps.pop("whole"), 1e6 * costs[-1]
        print(f"{photos:,} photos: {whole_s:.1f} s, {cost_us:.0f} us a photo, peak {peak_bytes / 1e9:.2f} GB")
        print("  " + ", ".join(f"{name} {took_s:.1f} s" for name, took_s in steps.items()))
        print(f"  wrong: {len(wrong)}", *wrong[:10], sep="\n  ", flush=True)
        failed = failed or bool(wrong)
    if len(costs) > 1:
        print(f"cost a photo, last to first: {costs[-1] / costs[0]:.2f} (target 1.3)")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
