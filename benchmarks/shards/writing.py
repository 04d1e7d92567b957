"""Benchmark: how shards are written: killed at random moments, refreshed every night, several photographs at once.

    python -m benchmarks.shards.writing kills [--kills 30] [--seed 1]
    python -m benchmarks.shards.writing refreshes [--photos 1000] [--refreshes 10]
    python -m benchmarks.shards.writing rate [--originals FOLDER]

`kills`: a process writes twelve shards and their index and is killed with SIGKILL at random moments; the same command
continues. When it ends before all kills are used, it begins again with an empty store. All files must be those of a
writer left alone. `refreshes`: each adds 1 % of photographs; the table tells how many bytes are new. `rate`: CPU and
wall seconds a photograph, and memory, by `shards.photos_at_once`, each in a process of its own. Exit code 1: a target
was missed.
"""

import argparse
import hashlib
import io
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.places import REPOSITORY
from benchmarks.targets import Target, at_least, at_most, no_fault, print_targets
from corpus.records import photo_digest
from corpus.sections import Shards
from corpus.storage import TEMPORARY_PREFIX, Store
from shards.index import Folds, previous_plans, publish_index
from shards.plan import plan_shards
from shards.write import write_shard

CLASSES = ("a", "b", "c")
SPLITS = ("train",) * 7 + ("test",) * 2 + ("validation",)
KILLED = Shards(tile_px=512, tiles_per_photo=4, shard_photos=5)
POLL_S = 0.001
PROGRAM = (sys.executable, "-m", "benchmarks.shards.writing")


def add_photos(store: Store, rows: list[dict[str, Any]], number: int, size_px: tuple[int, int]) -> None:
    """Put photographs of noise into a store, with the rows that curation would judge them to be."""
    for serial in range(len(rows), len(rows) + number):
        generator = np.random.default_rng(serial)
        coarse = Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        picture = np.asarray(coarse.resize(size_px)) * 0.9 + generator.integers(0, 25, (*size_px[::-1], 3))
        stream = io.BytesIO()
        Image.fromarray(picture.astype(np.uint8)).save(stream, "JPEG", quality=95)
        add_original(store, rows, stream.getvalue())


def add_original(store: Store, rows: list[dict[str, Any]], data: bytes) -> None:
    """Put one original into a store, with its row."""
    serial = len(rows)
    original = f"originals/folder/{serial:06d}.jpg"
    store.publish(original, data)
    rows.append({
        "photo": f"folder:{serial}", "version": "0123456789", "kept": True, "camera": CLASSES[serial % 3],
        "split": SPLITS[serial % 10], "group": f"device-{serial % 30}", "original": original,
        "sha256": hashlib.sha256(data).hexdigest(), "quality_factor": 95,
    })  # fmt: skip


def write(store: Store, rows: list[dict[str, Any]], settings: Shards, generation: str = "0001-aa") -> None:
    """Write the shards and the index of a generation, as curation does on its workers."""
    plans = plan_shards(rows, settings, CLASSES, previous_plans(store))
    entries = [write_shard(store, plan, settings) for plan in plans]
    folds = Folds(5, {photo_digest(row["photo"], row["version"]): n % 5 for n, row in enumerate(rows)})
    publish_index(store, generation, CLASSES, entries, folds)


def files_of(store: Store) -> dict[str, str]:
    """Return the digest of each file of the shards, without what killed writers have left under temporary names."""
    root = Path(store.path("shards"))
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(TEMPORARY_PREFIX)
    }


def writer(store: Store, rows: Path, settings: Shards) -> "subprocess.Popen[bytes]":
    """Start this program to write the shards of a store in a process of its own."""
    return subprocess.Popen([*PROGRAM, "write", store.url, str(rows), settings.model_dump_json()], cwd=REPOSITORY)


def kills(work: Path, number: int, chance: random.Random) -> list[Target]:
    """Kill writers until all kills are used; return the targets."""
    originals = Store(str(work / "whole"))
    rows: list[dict[str, Any]] = []
    add_photos(originals, rows, 60, (1600, 1200))
    told = work / "rows.json"
    told.write_text(json.dumps(rows))
    began_s = time.monotonic()
    if writer(originals, told, KILLED).wait() != 0:
        return [no_fault("the writer left alone ends well", "it failed")]
    alone_s, wanted = time.monotonic() - began_s, files_of(originals)
    print(f"left alone: {alone_s:.1f} s, {len(wanted)} files", flush=True)
    done = ended = left = during_index = 0
    wrong = None
    while done < number and wrong is None:
        store = Store(str(work / f"killed-{ended}"))
        shutil.copytree(originals.path("originals"), store.path("originals"))
        is_whole = False
        while not is_whole:
            process = writer(store, told, KILLED)
            before = len(files_of(store))
            if done < number:
                wait_for_files(process, store, before + chance.randint(0, 8))
                time.sleep(chance.uniform(0, 0.2))
                process.send_signal(signal.SIGKILL)
            is_whole = process.wait() == 0
            if not is_whole and process.returncode != -signal.SIGKILL:
                return [no_fault("writers end well or are killed", f"exit code {process.returncode}")]
            done += not is_whole
            left += any(Path(store.path("shards")).rglob(f"{TEMPORARY_PREFIX}*"))
            during_index += not is_whole and bool(store.names("shards/0001-aa"))
            half = {path: sha256 for path, sha256 in files_of(store).items() if wanted.get(path) != sha256}
            if half:
                wrong = f"{len(half)} files are not those of a writer left alone: {min(half)}"
                break
        ended += 1
        if wrong is None and files_of(store) != wanted:
            wrong = "files are missing"
        shutil.rmtree(store.path("."))
    print(f"{done} kills; shards were written from the beginning {ended} times; "
          f"{left} kills left a file under a temporary name, {during_index} met the index")  # fmt: skip
    return [
        no_fault("after every kill each file is whole or not there; at the end all are, byte for byte", wrong),
        at_least("kills", done, number),
    ]


def wait_for_files(process: "subprocess.Popen[bytes]", store: Store, number: int) -> None:
    """Wait until the shards have so many files, or the writer has ended."""
    root = Path(store.path("shards"))
    while process.poll() is None and sum(path.is_file() for path in root.rglob("*")) < number:
        time.sleep(POLL_S)


def refreshes(work: Path, photos: int, nights: int) -> list[Target]:
    """Write a generation, then refresh it; return the targets."""
    store, rows = Store(str(work / "data")), list[dict[str, Any]]()
    settings = Shards(tile_px=128, tiles_per_photo=4, shard_photos=max(photos // 20, 1))
    add_photos(store, rows, photos, (320, 240))
    write(store, rows, settings)
    pool = Path(store.path("shards/tars"))
    seen: set[Path] = set()
    print(f"{photos} photographs, {settings.shard_photos} in a shard\n")
    print(f"{'refresh':<10}{'photos':>8}{'shards':>8}{'MB':>8}{'new MB':>9}{'share':>9}")
    shares = []
    for night in range(nights + 1):
        if night:
            add_photos(store, rows, photos // 100, (320, 240))
            write(store, rows, settings, f"{night + 1:04d}-aa")
        new = {path for path in pool.iterdir() if path not in seen}
        seen |= new
        current = [store.size_bytes(f"shards/tars/{plan.name}") for plan in previous_plans(store)]
        new_bytes = sum(path.stat().st_size for path in new)
        shares.append(new_bytes / sum(current))
        print(f"{night or 'first':<10}{len(rows):>8}{len(current):>8}{sum(current) / 1e6:>8.1f}"
              f"{new_bytes / 1e6:>9.2f}{shares[-1]:>9.2%}")  # fmt: skip
    return [at_most("new bytes in a refresh of 1 % (tars, tables, entries), %", 100 * max(shares[1:]), 1.5)]


def rate(work: Path, folder: Path | None) -> list[Target]:
    """Measure writing with several numbers of photographs at once; return no target."""
    store, rows = Store(str(work / "data")), list[dict[str, Any]]()
    if folder is None:
        add_photos(store, rows, 24, (4032, 3024))
    else:
        for path in sorted(folder.rglob("*.jpg"))[:100]:
            add_original(store, rows, path.read_bytes())
    for row in rows:
        row["split"] = "train"
    told = work / "rows.json"
    told.write_text(json.dumps(rows))
    megabytes = sum(store.size_bytes(row["original"]) for row in rows) / 1e6
    print(f"{len(rows)} originals of {megabytes / len(rows):.1f} MB\n")
    print(f"{'at once':<9}{'CPU ms':>8}{'wall ms':>9}{'peak MB':>9}")
    digests = set()
    for at_once in (1, 2, 4):
        settings = Shards(photos_at_once=at_once)
        store.remove("shards")
        program = [*PROGRAM, "write", store.url, str(told), settings.model_dump_json(), "--measured"]
        cpu_s, wall_s, peak_mb = json.loads(
            subprocess.run(program, capture_output=True, check=True, cwd=REPOSITORY).stdout
        )
        print(f"{at_once:<9}{1e3 * cpu_s / len(rows):>8.0f}{1e3 * wall_s / len(rows):>9.0f}{peak_mb:>9.0f}", flush=True)
        digests.add(json.dumps(files_of(store), sort_keys=True))
    return [at_most("different results", len(digests), 1)]


def write_here(url: str, told: Path, settings: str, *, is_measured: bool) -> None:
    """Write the shards of a store, and print CPU seconds, wall seconds and peak MB if asked for."""
    from forensics.coefficients import decode_kernel, encode_kernel  # noqa: F401 - compiled or read from the cache

    began_s, cpu_s = time.monotonic(), time.process_time()
    write(Store(url), json.loads(told.read_text()), Shards.model_validate_json(settings))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if is_measured:
        print(json.dumps([time.process_time() - cpu_s, time.monotonic() - began_s, peak_mb]))


def main() -> None:
    """Run one measurement, print its table and targets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    measured = parser.add_subparsers(dest="measured", required=True)
    killed = measured.add_parser("kills")
    killed.add_argument("--kills", type=int, default=30)
    killed.add_argument("--seed", type=int, default=1, help="seed of the kills' random moments")
    refreshed = measured.add_parser("refreshes")
    refreshed.add_argument("--photos", type=int, default=1000)
    refreshed.add_argument("--refreshes", type=int, default=10)
    rated = measured.add_parser("rate")
    rated.add_argument("--originals", type=Path, help="folder of photographs; default: 24 of noise, 12 megapixels")
    written = measured.add_parser("write")
    written.add_argument("url")
    written.add_argument("rows", type=Path)
    written.add_argument("settings")
    written.add_argument("--measured", dest="is_measured", action="store_true")
    given = parser.parse_args()
    if given.measured == "write":
        write_here(given.url, given.rows, given.settings, is_measured=given.is_measured)
        return
    with tempfile.TemporaryDirectory(prefix="writing-benchmark-") as temporary:
        work = Path(temporary)
        if given.measured == "kills":
            targets = kills(work, given.kills, random.Random(given.seed))
        elif given.measured == "refreshes":
            targets = refreshes(work, given.photos, given.refreshes)
        else:
            targets = rate(work, given.originals)
    if not print_targets(targets):
        sys.exit(1)


if __name__ == "__main__":
    main()
