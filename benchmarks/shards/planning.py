"""Benchmark: CPU time of planning and indexing the shards of a refresh, by what changed and by all photographs.

    python -m benchmarks.shards.planning [--photos 100000 400000]

A generation of so many made-up photographs of four tiles is followed by one with 2,740 new ones and ten changes in
other files of its table. Nothing is cut: tars are empty, their tables and entries are whole. Printed are the seconds of
CPU of both ways, whose indexes must be equal, and the size of the index.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from corpus.records import SPLITS, photo_digest
from corpus.sections import Shards
from corpus.storage import Store, open_store
from corpus.storage.parts import FOLDER as TABLES
from corpus.storage.parts import NAMED
from curation.generations import batches_of
from curation.publishing.carried_shards import PLANNED, shard_changes
from shards.entries import POOL, TILES, ShardEntry, entry_json, entry_path, table_bytes, table_path
from shards.index import Folds, previous_plans, publish_index
from shards.plan import ShardPlan, plan_shards

CLASSES = tuple(f"camera {number:02d}" for number in range(40))
SETTINGS, FOLDS, NEW, CHANGED, PART = Shards(), 5, 2_740, 10, 1_000
SCHEMA = pa.schema(
    [
        (name, {"kept": pa.bool_(), "quality_factor": pa.int32(), "fold": pa.int32()}.get(name, pa.string()))
        for name in PLANNED
    ]
)


def row(number: int, chance: random.Random) -> dict[str, Any]:
    """Return a made-up row of a generation's table."""
    return {
        "photo": f"flickr:{number}", "version": "0123456789", "kept": True, "camera": chance.choice(CLASSES),
        "group": f"{chance.getrandbits(64):016x}", "split": chance.choices(SPLITS, (8, 1, 1))[0],
        "original": f"originals/flickr/{number:09d}.jpg", "sha256": hashlib.sha256(b"%d" % number).hexdigest(),
        "quality_factor": chance.randrange(85, 100), "fold": number % FOLDS,
    }  # fmt: skip


def publish(store: Store, generation: str, parts: list[list[dict[str, Any]]]) -> None:
    """Publish the table of a generation in files, as refreshes do."""
    files = []
    for rows in parts:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink)
        data = sink.getvalue().to_pybytes()
        files.append(f"{TABLES}/{hashlib.sha256(data).hexdigest()[:24]}.parquet")
        if not store.exists(files[-1]):
            store.publish(files[-1], data)
    store.publish_json(f"curated/{generation}/{NAMED}", {"files": files})


def packed(store: Store, plan: ShardPlan) -> ShardEntry:
    """Return the entry of a plan, with an empty tar and a whole table."""
    tiles = SETTINGS.tiles_per_photo
    rows = len(plan.photos) * tiles
    columns: dict[str, Any] = {
        "photo": [photo.photo for photo in plan.photos for _ in range(tiles)],
        "tile": np.tile(np.arange(tiles), len(plan.photos)),
        "label": np.repeat([photo.label for photo in plan.photos], tiles), "length_bytes": np.full(rows, 90_000),
        "offset_bytes": 90_000 * np.arange(rows), "header": [b""] * rows, "segment_bytes": [[]] * rows,
        "checksums": [[]] * rows,
    }  # fmt: skip
    columns |= {name: np.full(rows, 512) for name in TILES.names if name not in columns}
    table = pa.table([pa.array(columns[field.name]).cast(field.type) for field in TILES], TILES)
    entry = ShardEntry(plan, rows, (), 1, "", 0, "")
    store.publish(f"{POOL}/{plan.name}", b" ")
    store.publish(table_path(plan.name), table_bytes(table))
    store.publish_json(entry_path(plan.name), entry_json(entry))
    return entry


def measured(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and its seconds of CPU."""
    began_s = time.process_time()
    found = work()
    return found, time.process_time() - began_s


def kept_rows(store: Store, generation: str) -> list[dict[str, Any]]:
    """Return the kept rows of a generation."""
    return [row for batch in batches_of(store, generation, PLANNED) for row in batch.filter(batch["kept"]).to_pylist()]


def folds_of(rows: list[dict[str, Any]]) -> Folds:
    """Return the folds of all rows."""
    return Folds(FOLDS, {photo_digest(row["photo"], row["version"]): row["fold"] for row in rows})


def compared(store: Store, photos: int) -> bool:
    """Print both times for a refresh of so many photographs; return whether both indexes are equal."""
    chance, first, second = random.Random(1), "0001-aa", "0002-aa"
    rows = [row(number, chance) for number in range(photos)]
    parts = [rows[at : at + PART] for at in range(0, photos, PART)]
    publish(store, first, parts)
    entries = [packed(store, plan) for plan in plan_shards(rows, SETTINGS, CLASSES)]
    publish_index(store, first, CLASSES, entries, folds_of(rows))
    del entries
    for rows in chance.sample(parts, min(CHANGED, len(parts))):
        rows[0] = {**rows[0], "group": "another"}
    parts.append([row(photos + number, chance) for number in range(NEW)])
    publish(store, second, parts)
    told, changes_s = measured(lambda: shard_changes(store, second, CLASSES, SETTINGS, FOLDS, store.entries(POOL)))
    made = [packed(store, plan) for plan in told.new]
    index, index_s = measured(
        lambda: publish_index(store, second, CLASSES, made, Folds(FOLDS, told.folds), told.carried)
    )
    files = {name: store.read(f"{index.directory}/{name}") for name in store.names(index.directory)}
    store.remove(index.directory)
    kept, table_s = measured(lambda: kept_rows(store, second))
    plans, plans_s = measured(lambda: plan_shards(kept, SETTINGS, CLASSES, previous_plans(store)))
    whole = [ShardEntry(plan, SETTINGS.tiles_per_photo * len(plan.photos), (), 1, "", 0, "") for plan in plans]
    _, whole_s = measured(lambda: publish_index(store, second, CLASSES, whole, folds_of(kept)))
    is_equal = files == {name: store.read(f"{index.directory}/{name}") for name in store.names(index.directory)}
    by_all = table_s + plans_s + whole_s
    print(
        f"{photos:>9,} photographs, {len(told.carried.tars):,} shards stay, {len(told.new)} are new: by what changed "
        f"{changes_s:.2f} s and the index {index_s:.2f} s; by all {table_s + plans_s:.2f} s and {whole_s:.2f} s: "
        f"{by_all / (changes_s + index_s):.1f} times; index {sum(map(len, files.values())) / 1e6:.1f} MB"
        + ("" if is_equal else "; the indexes DIFFER"),
        flush=True,
    )
    return is_equal


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", default=[100_000, 400_000])
    are_equal = []
    for photos in parser.parse_args().photos:
        with tempfile.TemporaryDirectory() as folder:
            are_equal.append(compared(open_store(str(Path(folder) / "store")), photos))
    sys.exit(0 if all(are_equal) else 1)


if __name__ == "__main__":
    main()
