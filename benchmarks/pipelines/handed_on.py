"""The demo's data set handed on as a list: is it the same when another machine makes it again, with all and with 95 %?

`python -m benchmarks.pipelines.handed_on DEMO WORK`: DEMO is the folder of a finished `make demo` (read alone), WORK
one for two empty stores. The demo's photo site serves the demo's uploads where they were served. Each store is filled
by the list alone, with the demo's configuration; the second time GONE of the kept photographs have been deleted at the
site.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq

from corpus.cameras.catalogue import read_catalogue
from corpus.configuration import read_configuration
from corpus.storage import Store
from corpus.storage.parts import photos_table
from corpus.strict_yaml import parse_yaml, yaml_text
from curation.generations import latest_generation
from demo.local_configuration import CAMERAS
from demo.photo_site.server.site import PhotoSite
from shards.index import read_index

GONE = 0.05
VERDICT = ("photo", "version", "kept", "reasons", "has_side", "split", "fold")
OF_KEPT = ("camera", "group", "sha256", "quality_factor")


def main() -> None:
    """Run both, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path)
    parser.add_argument("work", type=Path)
    given = parser.parse_args()
    demo, work = given.demo.resolve(), given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    file = configured(demo, work, demo / "store", "demo.yaml")
    there = read_configuration(file).store
    manifest = work / "demo.parquet"
    print(timed("export", ["-m", "curation.manifest", "--config", str(file), "latest", "-o", str(manifest)]))
    first = manifest.read_bytes()
    command(["-m", "curation.manifest", "--config", str(file), "latest", "-o", str(manifest)])
    print(
        f"exported twice: {'the same bytes' if first == manifest.read_bytes() else 'OTHER BYTES'}, {len(first):,} bytes"
    )
    rows = pq.read_table(manifest).to_pylist()
    kept = [row for row in rows if row["kept"]]
    print(f"{len(rows)} photographs, {len(kept)} kept, {len(first) / len(rows):.0f} bytes each\n")
    port = urlsplit(kept[0]["url"]).port or 0
    with PhotoSite(demo / "uploads", read_catalogue(CAMERAS), port=port) as site:
        again(demo, work / "all", manifest, there, rows, [], site)
        some = random.Random(0).sample(kept, round(GONE * len(kept)))
        for row in some:
            site.delete(row["photo"].partition(":")[2])
        again(demo, work / "rest", manifest, there, rows, [row["photo"] for row in some], site)


def again(
    demo: Path, folder: Path, manifest: Path, there: Store, rows: list[dict[str, Any]], gone: list[str], site: PhotoSite
) -> None:
    """Fill an empty store by the list and print how it compares with the demo's."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    print(f"--- {len(gone)} of the kept photographs gone")
    file = configured(demo, folder, folder / "store", "pipelines.yaml")
    before = len(site.requests)
    crawl = ["-m", "scrapy", "crawl", "manifest", "-a", f"config={file}", "-a", f"file={manifest}"]
    print(timed("crawl", crawl, show=r"here; gone|missing|complete"))
    requests = len(site.requests) - before
    print(f"{requests} requests, {site.peak_parallel_requests} at once at most")
    print(timed("curate", ["-m", "curation.run", "--config", str(file)]))
    here = read_configuration(file).store
    said = {name: table(store) for name, store in (("there", there), ("here", here))}
    same, different = 0, []
    for photo, row in said["there"].items():
        if photo in gone:
            continue
        if row == said["here"].get(photo):
            same += 1
        else:
            different.append(photo)
    reasons = sorted({str(said["here"][photo]["reasons"]) for photo in gone})
    print(f"verdicts, splits and folds: {same} of {len(rows) - len(gone)} the same, different: {different[:5]}")
    if gone:
        print(f"the {len(gone)} that are gone: {', '.join(reasons)}")
    tars = {name: digests(store) for name, store in (("there", there), ("here", here))}
    equal = sum(tars["here"].get(name) == digest for name, digest in tars["there"].items())
    print(
        f"files of shards (tars, their tables, the index's tables): {equal} of {len(tars['there'])} the same to the bit"
    )
    tiles = {name: members(store) for name, store in (("there", there), ("here", here))}
    wrong = [name for name, digest in tiles["here"].items() if tiles["there"].get(name) != digest]
    print(f"files in tars: {len(tiles['here'])} of {len(tiles['there'])} are here, {len(wrong)} of them different")
    compare = ["-m", "curation.manifest", "--config", str(file), "latest", "--compare", str(manifest)]
    print(timed("compare", compare), flush=True)


def configured(demo: Path, folder: Path, store: Path, name: str) -> Path:
    """Write the demo's configuration with another store; return its path."""
    tree: Any = parse_yaml((demo / "pipelines.yaml").read_text())
    tree["storage"], tree["catalogue"] = str(store), str(CAMERAS)
    tree["crawl"]["limits_folder"] = str(folder / "limits")
    file = folder / name
    file.write_text(yaml_text(tree))
    return file


def table(store: Store) -> dict[str, dict[str, Any]]:
    """Return what the newest generation says of each photo, as far as a list hands it on."""
    found = {}
    for row in photos_table(store, f"curated/{latest_generation(store)}", [*VERDICT, *OF_KEPT]).to_pylist():
        found[row["photo"]] = row if row["kept"] else {name: row[name] for name in VERDICT}
    return found


def digests(store: Store) -> dict[str, str]:
    """Return the SHA-256 of the tars of the newest generation, of their tables, and of its index's tables."""
    generation = latest_generation(store)
    names = {f"index/{name}": f"shards/{generation}/{name}" for name in ("groups.arrow", "photos.arrow", "tiles.arrow")}
    for tar in read_index(store, str(generation)).tars:
        names |= {tar: f"shards/tars/{tar}", f"{tar}.arrow": f"shards/tars/{tar}.arrow"}
    return {name: hashlib.sha256(store.read(path)).hexdigest() for name, path in names.items()}


def members(store: Store) -> dict[str, str]:
    """Return the SHA-256 of each file in the tars of the newest generation."""
    found = {}
    for tar in read_index(store, str(latest_generation(store))).tars:
        with tarfile.open(store.path(f"shards/tars/{tar}")) as opened:
            for member in opened.getmembers():
                data = opened.extractfile(member)
                found[member.name] = hashlib.sha256(data.read() if data else b"").hexdigest()
    return found


def timed(what: str, arguments: list[str], show: str = "") -> str:
    """Run a command of Python and return what it says, after its time."""
    began_s = time.monotonic()
    said = command(arguments)
    took_s = time.monotonic() - began_s
    lines = [line for line in said.splitlines() if not show or any(word in line for word in show.split("|"))]
    return "\n".join([f"{what}: {took_s:.0f} s", *(f"  {line}" for line in lines)])


def command(arguments: list[str]) -> str:
    """Run a command of Python to its end and return its output; ends this program where it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        raise SystemExit(f"{json.dumps(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return ran.stdout + ran.stderr if "scrapy" in arguments else ran.stdout


if __name__ == "__main__":
    main()
