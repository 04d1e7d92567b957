"""Benchmark: crops a CPU second from the same tiles, ours against webdataset, libjpeg, Ray Data and MosaicML streaming.

    python -m benchmarks.shards.reader PHOTOS [--crops 2000] [--rounds 3] [--tiles 400] [--restart-mcus 8]
        [--folder FOLDER] [--kinds]

PHOTOS: a folder of originals. They are packed as the product packs them: tiles of 1024 px with a restart marker every
8 MCUs (`--restart-mcus`). Each way reads crops at random places of tiles in random order, in batches of 16, with two
loader processes (PyTorch's; Ray's own), and gives uint8 arrays. CPU is that of all processes, after a warm-up of a
tenth of the crops. Loaders of the restart index keep freed memory, as those of a training do; the others run as their
users run them.
Pixels are those of libjpeg's accurate DCT and interpolated chroma everywhere. The ways:

    restart index     shards.reader: the bytes and the decoding of the segments that a crop needs, checksums checked
    webdataset        whole tars streamed, shuffled; simplejpeg decodes the whole tile
    partial decode    the same, but libjpeg decodes the rectangle alone (crop_scanline, skip_scanlines)
    Ray Data          read_webdataset, map_batches with simplejpeg, whole tile
    MosaicML          the tiles in its own format (MDS), StreamingDataset with shuffling; simplejpeg, whole tile

The last two are left out with a reason where they cannot be imported. Rounds take turns and the best of each way
counts: other work on the machine makes all slower, none faster.

At the end come raw rates: tiles a CPU second that one process reads whole and does not decode, by `TileReader.stream`
with and without a look at checksums, and by webdataset. `--kinds` measures only what each manipulation costs.
"""

import argparse
import itertools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
import webdataset as wds
from torch.utils.data import DataLoader, Dataset, IterableDataset

from benchmarks.shards.packing import digest_of, pack, photos_below
from benchmarks.shards.partial_decode import decode_partly
from benchmarks.shards.reader_peers import mosaic_batches, mosaic_write, ray_batches, tree_cpu_s
from corpus.sections import Shards
from corpus.storage import Store, open_store
from shards.index import Index
from shards.order import Order, batches_of, generator
from shards.reader import Region, Tile, TileReader
from train.data.crops import Geometry, plan_crop, to_tensor
from train.data.loading import keep_freed_memory, use_one_opencv_thread
from train.data.manipulations import MANIPULATIONS

GENERATION = "0001-reader"
LOADERS, BATCH, SEED = 2, 16, 7


def pack_tiles(photos: Path, folder: Path, tiles: int, restart_mcus: int = 8) -> tuple[Store, Index]:
    """Pack about so many tiles of the originals in `photos`; return their store, below `folder`, and their index.

    What was packed there before of the same files in the same way is used again.
    """
    settings = Shards(tile_px=1024, tiles_per_photo=4, shard_photos=8, restart_mcus=restart_mcus)
    wanted = photos_below(photos)[: -(-tiles // settings.tiles_per_photo)]
    store = open_store(str(folder / f"store-{digest_of(wanted, settings.model_dump())}"))
    return store, pack(store, GENERATION, wanted, settings)


class Ours(Dataset[np.ndarray]):
    """Crops by number through the restart index; `__getitems__` gives a batch."""

    def __init__(self, store: Store, index: Index, geometry: Geometry) -> None:
        self.store, self.index, self.geometry = store, index, geometry
        self.order = Order(index.selection("train", geometry.outer_px), SEED, "natural")
        self.reader: TileReader | None = None

    def __getitems__(self, numbers: list[int]) -> list[np.ndarray]:
        if self.reader is None:
            use_one_opencv_thread()
            keep_freed_memory()
            self.reader = TileReader(self.store, self.index)
        rows = self.order.rows(np.array(numbers, np.int64))
        sizes = zip(self.index.tiles["width_px"][rows], self.index.tiles["height_px"][rows], strict=True)
        plans = [
            plan_crop(generator(SEED, number, "crop"), self.geometry, int(width_px), int(height_px))
            for number, (width_px, height_px) in zip(numbers, sizes, strict=True)
        ]
        regions = self.reader.regions(rows, [plan.rectangle for plan in plans])
        crops = []
        for plan, region in zip(plans, regions, strict=True):
            if not isinstance(region, Region):
                raise TypeError(f"a tile is damaged: {region}")
            crops.append(plan.finish(region.pixels))
        return crops


def whole(jpeg: bytes) -> np.ndarray:
    """Return the pixels of a whole tile."""
    picture: np.ndarray = simplejpeg.decode_jpeg(jpeg, "RGB", fastdct=False, fastupsample=False)
    return picture


def crop_of(jpeg: bytes, geometry: Geometry, rng: np.random.Generator, partly: bool = False) -> np.ndarray:
    """Return a random crop of a tile, decoded whole or only where the crop is."""
    width_px, height_px = _size(jpeg)
    plan = plan_crop(rng, geometry, width_px, height_px)
    x_px, y_px, width_px, height_px = plan.rectangle
    if partly:
        return plan.finish(decode_partly(jpeg, *plan.rectangle))
    return plan.finish(whole(jpeg)[y_px : y_px + height_px, x_px : x_px + width_px])


def _size(jpeg: bytes) -> tuple[int, int]:
    height_px, width_px, *_ = simplejpeg.decode_jpeg_header(jpeg)
    return width_px, height_px


class WebDataset(IterableDataset[np.ndarray]):
    """Crops of tars that webdataset streams."""

    def __init__(self, tars: list[str], geometry: Geometry, partly: bool) -> None:
        self.tars, self.geometry, self.partly = tars, geometry, partly

    def __iter__(self) -> Iterator[np.ndarray]:
        use_one_opencv_thread()
        rng = np.random.default_rng(os.getpid())
        stream = wds.WebDataset(
            self.tars, shardshuffle=len(self.tars), nodesplitter=None, workersplitter=wds.split_by_worker, seed=SEED,
            resampled=False, empty_check=False,
        )  # fmt: skip
        for sample in stream.repeat().shuffle(100):
            yield crop_of(sample["jpg"], self.geometry, rng, self.partly)


def our_loader(store: Store, index: Index, geometry: Geometry) -> Iterable[torch.Tensor]:
    """Return endless batches of crops by the restart index."""
    batches: Any = batches_of(0, BATCH, 0, 1)
    return DataLoader(Ours(store, index, geometry), batch_sampler=batches, num_workers=LOADERS, collate_fn=to_tensor)


def webdataset_loader(tars: list[str], geometry: Geometry, partly: bool = False) -> Iterable[torch.Tensor]:
    """Return endless batches of crops by webdataset."""
    return DataLoader(WebDataset(tars, geometry, partly), batch_size=BATCH, num_workers=LOADERS, collate_fn=to_tensor)


def rate(batches: Iterator[Any], crops: int) -> float:
    """Return crops a CPU second of this process and of all below it, after a warm-up of a tenth."""
    seen = 0
    while seen < crops // 10:
        seen += len(next(batches))
    began_s, seen = tree_cpu_s(), 0
    while seen < crops:
        seen += len(next(batches))
    return seen / (tree_cpu_s() - began_s)


def raw_rates(store: Store, index: Index, tars: list[str], tiles: int) -> dict[str, float]:
    """Return tiles a CPU second, not decoded, in one process."""
    order, reader = Order(index.selection("train"), SEED, "natural"), TileReader(store, index)
    rates = {}

    def ours(is_checked: bool) -> int:
        answers = reader.stream(order.rows(np.arange(tiles)), is_checked=is_checked)
        return sum(isinstance(answer, Tile) for answer in answers)

    def theirs() -> int:
        stream = wds.WebDataset(tars, shardshuffle=len(tars), nodesplitter=None, seed=SEED).repeat().shuffle(100)
        return sum(1 for _ in itertools.islice(stream, tiles))

    ways: dict[str, Callable[[], int]] = {
        "ours, checked": lambda: ours(True), "ours": lambda: ours(False), "webdataset": theirs,
    }  # fmt: skip
    for name, way in ways.items():
        best = 0.0
        for _ in range(3):
            began_s = time.process_time()
            best = max(best, way() / (time.process_time() - began_s))
        rates[name] = best
    return rates


def kinds_ms(store: Store, index: Index) -> dict[str, tuple[float, float]]:
    """Return the CPU milliseconds of decoding and of finishing a 480 px crop, by manipulation, in one process."""
    reader, order = TileReader(store, index), Order(index.selection("train", 960), SEED, "natural")
    result = {}
    use_one_opencv_thread()
    for name in ("plain", *MANIPULATIONS):
        manipulation = MANIPULATIONS.get(name)
        edge_px = 480 if manipulation is None else min(manipulation.window_px(480), 960)
        rng, spent = np.random.default_rng(0), []
        for number in range(120):
            rows = order.rows(np.array([number]))
            x_px, y_px = (
                int(rng.integers(index.tiles[edge][rows][0] - edge_px + 1)) for edge in ("width_px", "height_px")
            )
            times = [time.process_time()]
            (region,) = reader.regions(rows, [(x_px, y_px, edge_px, edge_px)])
            times.append(time.process_time())
            if manipulation is not None:
                manipulation.crop(region.pixels, 2, 2, 480) if edge_px > 480 else manipulation.apply(region.pixels)
            times.append(time.process_time())
            spent.append(np.diff(times))
        result[name] = tuple(float(value) * 1000 for value in np.median(spent, axis=0))
    return result


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--crops", type=int, default=2000, help="crops of each way and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tiles", type=int, default=400)
    parser.add_argument("--restart-mcus", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="keep the packed tiles here and use them again")
    parser.add_argument("--kinds", action="store_true", help="only the cost of each manipulation")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="reader-"))
    store, index = pack_tiles(arguments.photos, folder, arguments.tiles, arguments.restart_mcus)
    tars = [store.path(f"shards/tars/{tar}") for tar in index.tars]
    counts = index.selection("train")
    size_bytes = sum(Path(tar).stat().st_size for tar in tars)
    print(f"{counts.tiles} tiles of {counts.photos} photographs, {size_bytes / counts.tiles / 1000:.0f} kB each")
    for name, (decoding_ms, finishing_ms) in kinds_ms(store, index).items():
        print(f"480 px {name:<10} reading and decoding {decoding_ms:5.2f} ms, manipulating {finishing_ms:5.2f} ms")
    if not arguments.kinds:
        measure(arguments.crops, arguments.rounds, store, index, tars, Path(store.path("mds")))
    if arguments.folder is None:
        shutil.rmtree(folder)


def measure(crops: int, rounds: int, store: Store, index: Index, tars: list[str], mds: Path) -> None:
    """Print the rates of all ways."""
    plain = Geometry(480, 480, 0.0, "none", 0.25)
    small = Geometry(112, 112, 0.0, "none", 0.25)
    challenge = Geometry(960, 480, 0.5, "none", 0.25)
    reason = mosaic_write(mds, tars)
    ways: dict[str, Callable[[], Iterable[Any]]] = {}
    for title, geometry in (("480", plain), ("112", small), ("480 manipulated", challenge)):
        ways[f"{title}: restart index"] = lambda of=geometry: our_loader(store, index, of)
        ways[f"{title}: webdataset"] = lambda of=geometry: webdataset_loader(tars, of)
        ways[f"{title}: partial decode"] = lambda of=geometry: webdataset_loader(tars, of, partly=True)
        if reason is None:
            ways[f"{title}: MosaicML"] = lambda of=geometry: mosaic_batches(mds, of, crop_of, LOADERS, BATCH)
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            best[name] = max(best[name], rate(iter(way()), crops))
            print(f"  {name:<32} {best[name]:8.0f}", file=sys.stderr, flush=True)
    print(f"MosaicML streaming: {reason}" if reason else "MosaicML streaming: its tiles are in MDS")
    try:
        with ray_batches(tars, plain, crop_of, LOADERS, BATCH) as batches:
            best["480: Ray Data"] = rate(batches, crops)
    except Exception as error:  # noqa: BLE001  Ray raises plain ones, such as for a head that starts too slowly
        print(f"Ray Data: left out: {error}")
    for title in ("480", "112", "480 manipulated"):
        ours = best[f"{title}: restart index"]
        for name, value in best.items():
            if name.startswith(f"{title}: "):
                print(f"{name:<32} {value:8.0f} crops a CPU second   ours is {ours / value:5.2f} x")
    manipulated, unaltered = best["480 manipulated: restart index"], best["480: restart index"]
    print(f"with manipulations, of the plain rate: {manipulated / unaltered:.2f}")
    raw = raw_rates(store, index, tars, 20_000)
    for name, value in raw.items():
        print(f"raw, {name:<27} {value:8.0f} tiles a CPU second   ours is {raw['ours'] / value:5.2f} x")


if __name__ == "__main__":
    main()
