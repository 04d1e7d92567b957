"""Benchmark: the two readers on an object store behind a slow network, against the same tars on the local disk.

    python -m benchmarks.shards.remote PHOTOS [--tiles 160] [--seconds 8] [--readers 8] [--folder FOLDER]

PHOTOS: a folder of originals, packed as the product packs them (tiles of 1024 px, a restart marker every 8 MCUs).
`benchmarks/storage/slow_network.py` adds 50 ms to every request and caps each connection at 20 MB/s. Behind it is
moto_server, and, where nginx is installed, nginx with the same files: moto spends milliseconds of CPU on a request and
closes the connection after it, so that it is measured rather than the reader. Its own most, without the slow network,
is printed.

    tiles       exact reader, whole tiles
    crops       exact reader, random 480 px crops through the restart index
    webdataset  whole tars streamed, a 480 px crop of each tile found by its restart markers

Readers are threads of this process, `--local-readers` for the disk and `--readers` for the object store: decoding needs
cores, waiting needs readers. Rates are of the clock, over windows of `--seconds` in which local and remote take turns.
CPU is this process's, so the ratio of CPU is what the rates come to with enough readers and cores, whatever else the
machine does. Requests and bytes of a crop are counted in the network, for one reader.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.shards.reader import GENERATION, pack_tiles
from benchmarks.storage.slow_network import SlowNetwork
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from shards.order import Order, batches_of, generator
from shards.reader import Region, Tile, TileReader
from shards.remote.ranges import RangeReads
from shards.restarts import decode_rectangle, find_restarts
from shards.streaming import SplitTars, StreamedTile, TarStream, split_tars

BUCKET, SEED = "bucket", 7
BATCH, CROP_PX = 16, 480
SAMPLES_MIN = 200
"""Samples that a window waits for, however long it takes."""
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


def exact(place: Place, reader: int, readers: int, *, whole: bool) -> Iterator[int]:
    """Yield the numbers of samples in this reader's batches, as a rank of so many takes them."""
    store = place.enter()
    index = read_index(store, GENERATION)
    order = Order(index.selection("train", CROP_PX), SEED, "natural")
    with TileReader(store, index) as tiles:
        for numbers in batches_of(0, BATCH, reader, readers):
            rows = order.rows(np.array(numbers, np.int64))
            if whole:
                yield sum(isinstance(tile, Tile) for tile in tiles.tiles(rows))
                continue
            sizes = zip(index.tiles["width_px"][rows], index.tiles["height_px"][rows], strict=True)
            wanted = [rectangle(number, *map(int, size)) for number, size in zip(numbers, sizes, strict=True)]
            yield sum(isinstance(region, Region) for region in tiles.regions(rows, wanted))


def streamed(place: Place, reader: int, readers: int, tars: SplitTars) -> Iterator[int]:
    """Yield 1 for a crop of each tile of whole tars."""
    for number, tile in enumerate(TarStream(place.enter(), tars, seed=SEED, rank=reader, ranks=readers)):
        if isinstance(tile, StreamedTile):
            restarts = find_restarts(tile.jpeg, with_checksums=False)
            decode_rectangle(restarts, rectangle(number, tile.width_px, tile.height_px), tile.jpeg, 0)
            yield 1


class Rate(NamedTuple):
    """Samples a second of the clock and of this process's CPU."""

    clock: float
    cpu: float


def rate(work: Callable[[int, int], Iterator[int]], readers: int, seconds: float) -> Rate:
    """Return the rate of so many readers, after they have worked for a while."""
    seen, stop, faults = [0] * readers, threading.Event(), []

    def run(reader: int) -> None:
        try:
            for count in work(reader, readers):
                seen[reader] += count
                if stop.is_set():
                    return
        except BaseException as error:  # told by the caller
            faults.append(error)
            raise

    threads = [threading.Thread(target=run, args=(reader,)) for reader in range(readers)]
    for thread in threads:
        thread.start()
    while min(seen) == 0 and not faults:
        time.sleep(0.05)
    first, clock_s, cpu_s = sum(seen), time.perf_counter(), time.process_time()
    time.sleep(seconds)
    while sum(seen) - first < SAMPLES_MIN and not faults:
        time.sleep(0.05)
    passed, clock_s, cpu_s = sum(seen) - first, time.perf_counter() - clock_s, time.process_time() - cpu_s
    stop.set()
    for thread in threads:
        thread.join()
    if faults:
        raise SystemExit(f"a reader failed: {faults[0]}")
    return Rate(passed / clock_s, passed / cpu_s)


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


def traffic_of_crops(network: SlowNetwork, place: Place, batches: int = 10) -> str:
    """Return requests and bytes of one crop, the tars' tables being here."""
    for _ in islice(exact(place, 0, 1, whole=False), batches):
        pass
    network.traffic()
    crops = sum(islice(exact(place, 0, 1, whole=False), batches))
    passed = network.traffic()
    return f"{passed.requests / crops:.2f} requests and {passed.received_bytes / crops / 1000:.1f} kB a crop"


def measure(name: str, port: int, local: Place, tars: SplitTars, asked: argparse.Namespace) -> None:
    """Print the rates on one server."""
    with SlowNetwork("127.0.0.1", port, DELAY_MS, MB_PER_S) as network:
        remote = Place(open_store(f"s3://{BUCKET}/data"), reach(network.port))
        print(f"\n{name}: {server_most(port, remote, tars):.0f} range requests a second without the slow network")
        print(f"exact reader: {traffic_of_crops(network, remote)}", flush=True)
        ways: dict[str, Callable[[Place], Callable[[int, int], Iterator[int]]]] = {
            "crops": lambda place: partial(exact, place, whole=False),
            "webdataset": lambda place: partial(streamed, place, tars=tars),
            "tiles": lambda place: partial(exact, place, whole=True),
        }
        for way in asked.ways:
            work = ways[way]
            here, there = [], []
            for _ in range(asked.rounds):
                here.append(rate(work(local), asked.local_readers, asked.seconds))
                network.traffic()
                there.append(rate(work(remote), asked.readers, asked.seconds))
                passed = network.traffic()
            ratios = sorted(far.clock / near.clock for near, far in zip(here, there, strict=True))
            print(
                f"{way:<11} local {median(one.clock for one in here):6.0f} a second, "
                f"remote {median(one.clock for one in there):6.0f}, ratio {median(ratios):.2f} "
                f"({ratios[0]:.2f} to {ratios[-1]:.2f}); a CPU second {median(one.cpu for one in here):6.0f} and "
                f"{median(one.cpu for one in there):6.0f}, ratio "
                f"{median(far.cpu / near.cpu for near, far in zip(here, there, strict=True)):.2f}; "
                f"last round: {passed.connections} connections, {passed.requests} requests, "
                f"{passed.received_bytes / 1e6:.0f} MB", flush=True,
            )  # fmt: skip


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--tiles", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--readers", type=int, default=8, help="threads that read the object store")
    parser.add_argument("--local-readers", type=int, default=2, help="threads that read the disk")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep the packed tiles here and use them again")
    parser.add_argument("--servers", nargs="+", default=["nginx", "moto"], choices=["nginx", "moto"])
    parser.add_argument("--ways", nargs="+", default=["crops", "webdataset", "tiles"])
    asked = parser.parse_args()
    folder = (asked.folder or Path(tempfile.mkdtemp(prefix="remote-"))).resolve()
    store, index = pack_tiles(asked.photos, folder, asked.tiles)
    tars = split_tars(store, GENERATION, "train")
    sizes = [store.size_bytes(path) for path in tars.paths]
    print(
        f"{sum(tars.tiles)} tiles in {len(sizes)} tars, {sum(sizes) / sum(tars.tiles) / 1000:.0f} kB of tar a tile; "
        f"{DELAY_MS} ms, {MB_PER_S} MB/s a connection; {asked.readers} remote and "
        f"{asked.local_readers} local readers, {os.cpu_count()} cores"
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
