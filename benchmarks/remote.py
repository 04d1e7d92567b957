"""Benchmark: the two readers on an object store behind a slow network, against the same tars on the local disk.

    python benchmarks/remote.py PHOTOS [--tiles 160] [--batches 60] [--loaders 6] [--folder FOLDER]

PHOTOS: a folder of originals, packed as the product packs them (tiles of 1024 px, a restart marker every 8 MCUs).
`benchmarks/slow_network.py` adds 50 ms to every request and caps each connection at 20 MB/s. Behind it is moto_server,
and, where nginx is installed, nginx with the same files: moto spends milliseconds of CPU on a request and closes the
connection after it, so that it is measured rather than the reader. Its own most, without the slow network, is printed.

    tiles       exact reader, whole tiles
    crops       exact reader, random 480 px crops through the restart index
    webdataset  whole tars streamed, a 480 px crop of each tile found by its restart markers

Local rates are of `--local-loaders`, remote ones of `--loaders`: waiting needs processes, decoding needs cores. Time is
that of the clock, after each loader has given some batches; local and remote take turns. Requests and bytes of a crop are counted in the
network, for one reader in this process. Clients, servers and network share the machine's cores.
"""

import argparse
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reader import pack
from benchmarks.slow_network import SlowNetwork
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from shards.order import Order, batches_of, generator
from shards.reader import Region, Tile, TileReader
from shards.remote.ranges import RangeReads
from shards.restarts import decode_rectangle, find_restarts
from shards.streaming import SplitTars, StreamedTile, TarStream, split_tars

GENERATION, BUCKET, SEED = "0001-reader", "bucket", 7
BATCH, CROP_PX = 32, 480
DELAY_MS, MB_PER_S = 50, 20


@dataclass
class Place:
    """Where tars are: a store, and the environment that says how to reach it."""

    store: Store
    environment: dict[str, str] = field(default_factory=dict)

    def enter(self) -> Store:
        """Make this process reach it."""
        os.environ.update(self.environment)
        return self.store


def rectangle(number: int, width_px: int, height_px: int) -> tuple[int, int, int, int]:
    """Return the crop of sample `number`."""
    rng = generator(SEED, number, "crop")
    return int(rng.integers(width_px - CROP_PX + 1)), int(rng.integers(height_px - CROP_PX + 1)), CROP_PX, CROP_PX


class Exact(Dataset[Any]):
    """Whole tiles, or crops, by number."""

    def __init__(self, place: Place, *, whole: bool) -> None:
        self.place, self.whole = place, whole
        self.reader: TileReader | None = None

    def __getitems__(self, numbers: list[int]) -> list[int]:
        if self.reader is None:
            store = self.place.enter()
            self.index = read_index(store, GENERATION)
            self.reader = TileReader(store, self.index)
            self.order = Order(self.index.selection("train", CROP_PX), SEED, "natural")
        rows = self.order.rows(np.array(numbers, np.int64))
        if self.whole:
            return [len(tile.jpeg) for tile in self.reader.tiles(rows) if isinstance(tile, Tile)]
        sizes = zip(self.index.tiles["width_px"][rows], self.index.tiles["height_px"][rows], strict=True)
        wanted = [rectangle(number, *map(int, size)) for number, size in zip(numbers, sizes, strict=True)]
        regions = self.reader.regions(rows, wanted)
        return [region.pixels.nbytes for region in regions if isinstance(region, Region)]


class Streamed(IterableDataset[int]):
    """A crop of each tile of whole tars."""

    def __init__(self, place: Place, tars: SplitTars) -> None:
        self.place, self.tars = place, tars

    def __iter__(self) -> Iterator[int]:
        stream = TarStream(self.place.enter(), self.tars, seed=SEED, shuffle_tiles=64)
        for number, tile in enumerate(stream):
            if isinstance(tile, StreamedTile):
                restarts = find_restarts(tile.jpeg, with_checksums=False)
                wanted = rectangle(number, tile.width_px, tile.height_px)
                yield decode_rectangle(restarts, wanted, tile.jpeg, 0).nbytes


def plain(batch: Any) -> Any:
    """Return a batch as it is."""
    return batch


def rate(dataset: Any, loaders: int, batches: int) -> float:
    """Return samples a second of a DataLoader, after a few batches of each loader."""
    numbers: Any = batches_of(0, BATCH, 0, 1)
    options: dict[str, Any] = {"batch_size": BATCH} if isinstance(dataset, Streamed) else {"batch_sampler": numbers}
    loader: DataLoader[Any] = DataLoader(
        dataset, num_workers=loaders, collate_fn=plain, prefetch_factor=2, multiprocessing_context="forkserver",
        **options,
    )  # fmt: skip
    given = iter(loader)
    for _ in islice(given, 3 * loaders):
        pass
    began_s = time.perf_counter()
    seen = sum(len(batch) for batch in islice(given, batches))
    return seen / (time.perf_counter() - began_s)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def await_port(port: int) -> None:
    """Wait until somebody listens there."""
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on port {port}")


def files_of(store: Store, index: Index) -> list[str]:
    """Return the paths of a generation's files in a store."""
    root = Path(store.path("."))
    wanted = [*root.glob("shards/tars/*"), *root.glob(f"shards/{GENERATION}/*")]
    return sorted(str(path.relative_to(root)) for path in wanted if path.is_file())


def reach(port: int) -> dict[str, str]:
    """Return the environment that reaches an S3 on a port of this machine."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip


@contextmanager
def moto(store: Store, index: Index) -> Iterator[int]:
    """Run moto_server with a generation's files; yield its port."""
    port = free_port()
    program = str(Path(sys.executable).with_name("moto_server"))
    server = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await_port(port)
        import boto3

        os.environ.update(reach(port))
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        for path in files_of(store, index):
            client.upload_file(store.path(path), BUCKET, f"data/{path}")
        yield port
    finally:
        server.kill()
        server.wait()


@contextmanager
def nginx(store: Store, folder: Path) -> Iterator[int]:
    """Run nginx over the same files; yield its port."""
    port, own = free_port(), folder / "nginx"
    shutil.rmtree(own, ignore_errors=True)
    (own / "root" / BUCKET).mkdir(parents=True)
    (own / "root" / BUCKET / "data").symlink_to(store.path("."))
    temporary = " ".join(
        f"{kind}_temp_path {own}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = own / "nginx.conf"
    configuration.write_text(
        f"user root; worker_processes 1; daemon off; pid {own}/pid; error_log {own}/errors;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; {temporary}\n"
        f"server {{ listen 127.0.0.1:{port}; root {own}/root; }} }}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([program, "-c", str(configuration)], stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def server_most(port: int, place: Place, tars: SplitTars) -> float:
    """Return range requests of 60 kB a second that a server answers without the slow network."""
    os.environ.update(reach(port))
    reads = RangeReads(place.store)
    rng = np.random.default_rng(SEED)
    wanted = [(tars.paths[rng.integers(len(tars.paths))], int(rng.integers(1 << 20))) for _ in range(200)]
    began_s = time.perf_counter()
    for future in [reads.submit(path, start, start + 60_000) for path, start in wanted]:
        future.result()
    spent_s = time.perf_counter() - began_s
    reads.close()
    return len(wanted) / spent_s


def traffic_of_crops(network: SlowNetwork, place: Place, crops: int = 10 * BATCH) -> str:
    """Return requests and bytes of one crop, the tars' tables being here."""
    exact = Exact(place, whole=False)
    exact.__getitems__(list(range(crops)))
    network.traffic()
    for start in range(0, crops, BATCH):
        assert len(exact.__getitems__(list(range(start, start + BATCH)))) == BATCH
    passed = network.traffic()
    return f"{passed.requests / crops:.2f} requests and {passed.received_bytes / crops / 1000:.1f} kB a crop"


def measure(name: str, port: int, local: Place, tars: SplitTars, asked: argparse.Namespace) -> None:
    """Print the rates on one server."""
    with SlowNetwork("127.0.0.1", port, DELAY_MS, MB_PER_S) as network:
        remote = Place(open_store(f"s3://{BUCKET}/data"), reach(network.port))
        print(f"\n{name}: {server_most(port, remote, tars):.0f} range requests a second without the slow network")
        print(f"exact reader: {traffic_of_crops(network, remote)}", flush=True)
        ways: dict[str, Callable[[Place], Any]] = {
            "crops": lambda place: Exact(place, whole=False),
            "webdataset": lambda place: Streamed(place, tars),
            "tiles": lambda place: Exact(place, whole=True),
        }
        for way, dataset in ways.items():
            rates: dict[str, list[float]] = {"local": [], "remote": []}
            for _ in range(asked.rounds):
                rates["local"].append(rate(dataset(local), asked.local_loaders, asked.batches))
                network.traffic()
                rates["remote"].append(rate(dataset(remote), asked.loaders, asked.batches))
                passed = network.traffic()
            here, there = median(rates["local"]), median(rates["remote"])
            ratios = [b / a for a, b in zip(rates["local"], rates["remote"], strict=True)]
            print(
                f"{way:<11} local {here:7.0f} a second, remote {there:7.0f}: {median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}); {passed.connections} connections, "
                f"{passed.requests} requests, {passed.received_bytes / 1e6:.0f} MB in the last round", flush=True,
            )  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--tiles", type=int, default=160)
    parser.add_argument("--batches", type=int, default=60, help="batches of 32 that are timed in each round")
    parser.add_argument("--loaders", type=int, default=6, help="loader processes of the remote readers")
    parser.add_argument("--local-loaders", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="keep the packed tiles here and use them again")
    parser.add_argument("--servers", nargs="+", default=["nginx", "moto"], choices=["nginx", "moto"])
    asked = parser.parse_args()
    warnings.filterwarnings("ignore", "This DataLoader will create")
    multiprocessing.set_forkserver_preload(
        ["torch.utils.data", "shards.reader", "shards.streaming", "benchmarks.reader"]
    )
    folder = (asked.folder or Path(tempfile.mkdtemp(prefix="remote-"))).resolve()
    store = open_store(str(folder / "store"))
    marker = folder / "packed"
    index = read_index(store, GENERATION) if marker.is_file() else pack(asked.photos, store, asked.tiles)
    marker.touch()
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    tars = split_tars(store, GENERATION, "train")
    sizes = [store.size_bytes(path) for path in tars.paths]
    print(
        f"{sum(tars.tiles)} tiles in {len(sizes)} tars, {sum(sizes) / sum(tars.tiles) / 1000:.0f} kB of tar a tile; "
        f"{DELAY_MS} ms, {MB_PER_S} MB/s a connection; {asked.loaders} remote loaders, {os.cpu_count()} cores"
    )
    with ExitStack() as stack:
        if "nginx" in asked.servers and (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()):
            measure("nginx", stack.enter_context(nginx(store, folder)), Place(store), tars, asked)
        if "moto" in asked.servers:
            measure("moto", stack.enter_context(moto(store, index)), Place(store), tars, asked)
    if asked.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
