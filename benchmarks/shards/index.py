"""Benchmark: the index and the order of simulated generations of several sizes; print times, memory and sizes.

    python -m benchmarks.shards.index [--tiles 1000000 20000000] [--folder FOLDER] [--plot FILE.svg]

A generation has four tiles a photograph, 100 cameras and a group for 50 photographs on average, with few large groups
and many small ones; it has no tars, since nothing here reads a JPEG. Building and publishing are those of the product.

For the first sample a new process, which has imported what it needs, opens the index, chooses the tiles that hold a
crop of 480 px and asks for the place of sample 0. Cold means that the index's pages are not in memory, as after the
start of a machine. Loaders are forked by a server, as in a training; each finds the places of 200 batches of 256.
Their memory is the sum of their proportional shares of all pages (PSS) but those of the mapped index; what the index
adds is the growth of their private pages since before it was opened. The targets, at 20 million tiles: the first sample
within 1 s, 200 MB a node beside the map, 1 MB pickled, 3 us a sample.
"""

import argparse
import multiprocessing
import os
import pickle
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from corpus.records import SPLITS
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from shards.index.build import FOUND, PLANNED, build_index
from shards.index.publish import publish_tables
from shards.index.tables import FORMAT
from shards.order import Order, Sampling, generator, mix

GENERATION = "0001-simulated"
TILES_PER_PHOTO, PHOTOS_PER_TAR, PHOTOS_PER_GROUP, CLASSES, FOLDS = 4, 512, 50, 100, 5
CROP_PX = 480
BATCH, BATCHES, BLOCK = 256, 200, 1024
LOADERS = (1, 8)
MB = 1e6


@dataclass
class Measured:
    """What was measured of one generation."""

    tiles: int
    simulate_s: float
    build_s: float
    publish_s: float
    build_peak_mb: float
    file_mb: float
    first_s: dict[str, float]
    pickled_bytes: int
    us_a_sample: dict[str, float]
    beside_map_mb: dict[int, float]
    added_mb: dict[int, float]
    map_mb: dict[int, float]


def simulate(tiles: int) -> tuple[pa.Table, pa.Table]:
    """Return what the plans and the tars' tables would say of a generation."""
    rng = np.random.default_rng(tiles)
    photos = tiles // TILES_PER_PHOTO
    digests = mix(np.arange(photos, dtype=np.uint64) + np.uint64(1))
    groups = (photos // PHOTOS_PER_GROUP * rng.random(photos) ** 2).astype(np.int64)
    labels = (mix(groups.astype(np.uint64)) % np.uint64(CLASSES)).astype(np.int32)
    tars = (np.arange(photos) // PHOTOS_PER_TAR).astype(np.int32)
    names = pa.array([f"device-{number:08x}" for number in range(groups.max() + 1)])
    planned = {
        "photo": digests, "tar": tars, "label": labels, "group": names.take(pa.array(groups)),
        "split": (groups % 10 == 0).astype(np.int8) * 2, "fold": (groups % FOLDS).astype(np.int32),
        "quality_factor": np.full(photos, 95, np.int8),
    }  # fmt: skip
    rows = np.arange(tiles) % (PHOTOS_PER_TAR * TILES_PER_PHOTO)
    edges = rng.choice(np.array([256, 512, 1024], np.uint16), photos, p=[0.05, 0.05, 0.9]).repeat(TILES_PER_PHOTO)
    found = {
        "label": labels.repeat(TILES_PER_PHOTO), "tile": (rows % TILES_PER_PHOTO).astype(np.uint16),
        "tar": tars.repeat(TILES_PER_PHOTO), "row": rows.astype(np.int32),
        "offset_bytes": rows * 400_000 + 512, "length_bytes": rng.integers(200_000, 390_000, tiles, np.int32),
        "x_px": (rows % 4 * 512).astype(np.uint16), "y_px": np.zeros(tiles, np.uint16), "width_px": edges,
        "height_px": edges, "photo": digests.repeat(TILES_PER_PHOTO),
    }  # fmt: skip
    return pa.table(planned, schema=PLANNED), pa.table({name: found[name] for name in FOUND.names}, schema=FOUND)


def make(folder: str, tiles: int, answer: Any) -> None:
    """Publish a simulated generation; put the seconds of making, building, publishing, and the peak, into `answer`."""
    began_s = time.monotonic()
    planned, found = simulate(tiles)
    simulated_s = time.monotonic()
    before_mb, before_s = _status_mb("VmRSS"), time.process_time()
    tables = build_index(planned, found)
    built_s, build_cpu_s = time.monotonic(), time.process_time() - before_s
    tars = [f"train-{number:012x}.tar" for number in range(-(-planned.num_rows // PHOTOS_PER_TAR))]
    splits = {split: {"shards": tars if split == SPLITS[0] else []} for split in SPLITS}
    classes = [f"maker-model-{number}" for number in range(CLASSES)]
    content = {"format": FORMAT, "classes": classes, "splits": splits, "failures": [], "folds": FOLDS}
    publish_tables(open_store(folder), GENERATION, tables, content, {})
    ended_s = time.monotonic()
    answer.put((simulated_s - began_s, build_cpu_s, ended_s - built_s, _status_mb("VmHWM") - before_mb))


def first_sample(folder: str, answer: Any) -> None:
    """Put the seconds until the place of the first sample is known, and until all of the first batch, into `answer`."""
    began_s = time.monotonic()
    index, order = _order(open_store(folder), "balanced")
    _places(index, order, np.arange(1))
    first_s = time.monotonic() - began_s
    _places(index, order, np.arange(BATCH))
    answer.put((first_s, time.monotonic() - began_s))


def speeds(folder: str, answer: Any) -> None:
    """Put the microseconds of CPU a sample, in blocks of 1,024 (their median, and the fastest), into `answer`."""
    store, found = open_store(folder), {}
    rng = np.random.default_rng(0)
    samplings: tuple[Sampling, ...] = ("balanced", "natural")
    for sampling in samplings:
        _, order = _order(store, sampling)
        starts = rng.integers(0, 50 * order.epoch, 100)
        for start in starts:  # the map's pages come into memory
            order.rows(np.arange(start, start + BLOCK))
        times_s = []
        for start in starts:
            began_s = time.process_time()
            order.rows(np.arange(start, start + BLOCK))
            times_s.append(time.process_time() - began_s)
        found[sampling] = float(np.median(times_s)) / BLOCK * 1e6
        found[f"{sampling}, fastest block"] = min(times_s) / BLOCK * 1e6
    began_s = time.process_time()
    for number in range(2000):
        generator(1, number, "crop")
    found["generator"] = (time.process_time() - began_s) / 2000 * 1e6
    answer.put(found)


def loader(sent: bytes, number: int, loaders: int, ready: Any, answers: Any, done: Any) -> None:
    """Find the places of many batches as a loader does; then say how large this process is, while all others live."""
    before_mb = _private_mb()
    order: Order = pickle.loads(sent)
    index = order.selection.index
    assert isinstance(index, Index)
    for batch in range(BATCHES):
        _places(index, order, np.arange(BATCH) + (batch * loaders + number) * BATCH)
    ready.wait()
    beside_mb, map_mb = _pss_mb()
    answers.put((beside_mb, map_mb, _private_mb() - before_mb))
    done.wait()


def measure_loaders(folder: str, loaders: int) -> tuple[float, float, float, int]:
    """Return PSS beside the map and of it, the growth (MB, of all loaders together), and the bytes pickled."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["shards.order", "shards.reader", "benchmarks.shards.index"])
    _, order = _order(open_store(folder), "balanced")
    sent = pickle.dumps(order)
    ready, done, answers = context.Barrier(loaders), context.Event(), context.Queue()
    processes = [
        context.Process(target=loader, args=(sent, number, loaders, ready, answers, done)) for number in range(loaders)
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=300) for _ in processes]
    done.set()
    for process in processes:
        process.join()
    beside, mapped, added = (sum(column) for column in zip(*found, strict=True))
    return beside, mapped, added, len(sent)


def measure(folder: Path, tiles: int) -> Measured:
    """Make a generation and measure everything."""
    simulate_s, build_s, publish_s, peak_mb = in_process(make, str(folder), tiles)
    files = list((folder / "shards" / GENERATION).glob("*.arrow"))
    first_s = {}
    for file in files:
        _forget_pages(file)
    first_s["cold"], first_s["cold, batch of 256"] = in_process(first_sample, str(folder))
    first_s["warm"], first_s["warm, batch of 256"] = in_process(first_sample, str(folder))
    us_a_sample = in_process(speeds, str(folder))
    found = {loaders: measure_loaders(str(folder), loaders) for loaders in LOADERS}
    return Measured(
        tiles, simulate_s, build_s, publish_s, peak_mb, sum(file.stat().st_size for file in files) / MB, first_s,
        found[LOADERS[0]][3], us_a_sample, {n: each[0] for n, each in found.items()},
        {n: each[2] for n, each in found.items()}, {n: each[1] for n, each in found.items()},
    )  # fmt: skip


def in_process(work: Any, *arguments: Any) -> Any:
    """Return what `work` answers in a new process, which has imported this module."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=work, args=(*arguments, answer))
    process.start()
    try:
        return answer.get(timeout=1800)
    finally:
        process.join()


def _order(store: Store, sampling: Sampling) -> tuple[Index, Order]:
    index = read_index(store, GENERATION)
    return index, Order(index.selection("train", least_px=CROP_PX), 1, sampling)


def _places(index: Index, order: Order, numbers: Any) -> list[tuple[str, int, int]]:
    rows = order.rows(numbers)
    columns = (index.tiles[name][rows].tolist() for name in ("tar", "offset_bytes", "length_bytes"))
    return [(index.tars[tar], start, length) for tar, start, length in zip(*columns, strict=True)]


def _forget_pages(file: Path) -> None:
    handle = os.open(file, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def _status_mb(name: str) -> float:
    text = Path("/proc/self/status").read_text()
    return int(re.findall(rf"{name}:\s+(\d+) kB", text)[0]) * 1024 / MB


def _pss_mb() -> tuple[float, float]:
    """Return this process's share of pages beside the index and of the index."""
    beside = mapped = 0
    is_index = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            is_index = line.endswith(".arrow")
        elif line.startswith("Pss:"):
            kb = int(line.split()[1])
            beside, mapped = (beside, mapped + kb) if is_index else (beside + kb, mapped)
    return beside * 1024 / MB, mapped * 1024 / MB


def _private_mb() -> float:
    """Return the private pages of this process that are no file's: what it alone costs."""
    private = sum(map(int, re.findall(r"Private_Dirty:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text())))
    return private * 1024 / MB


def report(all_measured: list[Measured]) -> Iterator[str]:
    """Yield the lines of the table."""
    rows: list[tuple[str, list[str]]] = [
        ("photographs", [f"{one.tiles // TILES_PER_PHOTO:,}" for one in all_measured]),
        ("the index's files, MB", [f"{one.file_mb:,.0f}" for one in all_measured]),
        ("build the tables, s of CPU", [f"{one.build_s:.1f}" for one in all_measured]),
        ("  memory at its peak, MB", [f"{one.build_peak_mb:,.0f}" for one in all_measured]),
        ("write and publish them, s", [f"{one.publish_s:.1f}" for one in all_measured]),
    ]
    rows += [(f"first sample, {name}, s", [f"{one.first_s[name]:.3f}" for one in all_measured]) for name in
             ("cold", "cold, batch of 256", "warm", "warm, batch of 256")]  # fmt: skip
    rows += [("sent to a loader, bytes pickled", [f"{one.pickled_bytes:,}" for one in all_measured])]
    for loaders in LOADERS:
        rows += [
            (
                f"{loaders} loaders: PSS beside the map, MB",
                [f"{one.beside_map_mb[loaders]:.0f}" for one in all_measured],
            ),
            ("  of it added by the index, MB", [f"{one.added_mb[loaders]:.0f}" for one in all_measured]),
            ("  pages of the map, MB", [f"{one.map_mb[loaders]:.0f}" for one in all_measured]),
        ]
    rows += [(f"{name}, us of CPU a sample", [f"{one.us_a_sample[name]:.2f}" for one in all_measured]) for name in
             ("balanced", "balanced, fastest block", "natural", "natural, fastest block", "generator")]  # fmt: skip
    yield f"{'tiles':42}" + "".join(f"{one.tiles:>14,}" for one in all_measured)
    for name, values in rows:
        yield f"{name:42}" + "".join(f"{value:>14}" for value in values)


def plot(all_measured: list[Measured]) -> str:
    """Return an SVG: seconds to the first sample and memory of the loaders, for each size."""
    panels = [
        ("seconds to the first sample, cold", [one.first_s["cold"] for one in all_measured], 1.0),
        ("MB beside the map, 1 loader", [one.beside_map_mb[1] for one in all_measured], 200.0),
        ("MB beside the map, 8 loaders", [one.beside_map_mb[8] for one in all_measured], 200.0),
    ]
    parts = []
    for panel, (title, values, target) in enumerate(panels):
        left, highest = 20 + 230 * panel, 1.15 * max(*values, target)
        parts.append(f'<text x="{left}" y="20" font-weight="bold">{title}</text>')
        for place, (one, value) in enumerate(zip(all_measured, values, strict=True)):
            height = 160 * value / highest
            x = left + 200 * place // len(values)
            parts.append(f'<rect x="{x}" y="{200 - height:.1f}" width="40" height="{height:.1f}" fill="#4477aa"/>')
            parts.append(f'<text x="{x}" y="{194 - height:.1f}">{value:.3g}</text>')
            parts.append(f'<text x="{x}" y="216">{one.tiles / 1e6:g} M</text>')
        y = 200 - 160 * target / highest
        parts.append(f'<path d="M{left} {y:.1f}H{left + 200}" stroke="#cc3311" stroke-dasharray="4"/>')
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="720" height="230" font-family="sans-serif" font-size="12">'
    return head + '<rect width="720" height="230" fill="white"/>' + "".join(parts) + "</svg>\n"


@contextmanager
def _folder(wanted: str | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="index-benchmark-", dir=wanted))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure generations of all sizes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, nargs="+", default=[1_000_000, 20_000_000])
    parser.add_argument("--folder", help="where the simulated generations are written, and removed again")
    parser.add_argument("--plot", type=Path, help="SVG file to write")
    arguments = parser.parse_args()
    all_measured = []
    for tiles in arguments.tiles:
        with _folder(arguments.folder) as folder:
            all_measured.append(measure(folder, tiles))
    print("\n".join(report(all_measured)))
    if arguments.plot is not None:
        arguments.plot.write_text(plot(all_measured))


if __name__ == "__main__":
    main()
