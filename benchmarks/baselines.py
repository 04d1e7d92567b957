"""Benchmark: the network against the baselines on real photographs of known cameras, sessions disjoint, by folds.

    python benchmarks/baselines.py [--photos ../shared/photos] [--folder FOLDER] [--names NAME …]
        [--samples N] [--steps N] [--seed N]

Packs the originals of the collection's cameras that have two sessions or more; a session, shots of one camera less than
half an hour apart, stands for a device and is in one fold. Few cameras, and one device each: what it shows is that
sessions differ less than cameras do, not that devices do. Prints a line for each method, then each pair's difference.
Skips (exit code 0) where the collection is missing.
"""

import argparse
import csv
import hashlib
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus.sections import Shards, Training
from corpus.storage import Store, open_store
from shards.index import Folds, publish_index
from shards.plan import photo_digest, plan_shards
from shards.write import write_shard
from train.baseline import run_baseline
from train.data.answers import read_answers
from train.evaluation.comparison import compare

FOLDS = 3
GENERATION = "0001-originals"
NAMES = ("majority", "residual-statistics", "constrained-cnn", "network")
SMALL = {
    "network": "shutter_small", "front": "residual", "outer_crop_px": 256, "crop_px": 112, "batch": 24, "epochs": 6,
    "steps_per_epoch": 200, "learning_rate": 0.003, "warm_up_steps": 60, "average_decay": 0.99, "loaders": 1,
}  # fmt: skip


def pack(store: Store, photos: Path) -> None:
    """Publish a generation of tiles of the originals of cameras with two sessions or more."""
    with (photos / "index.csv").open(newline="", encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if row["kind"] == "original"]
    sessions: dict[str, list[str]] = defaultdict(list)
    for row in listed:
        camera = row["file"].split("/")[1]
        if row["session"] not in sessions[camera]:
            sessions[camera].append(row["session"])
    cameras = tuple(sorted(camera for camera, own in sessions.items() if len(own) > 1))
    rows: list[dict[str, Any]] = []
    folds: dict[str, int] = {}
    for row in listed:
        camera = row["file"].split("/")[1]
        if camera not in cameras:
            continue
        data = (photos / row["file"]).read_bytes()
        name = row["blob"][:12]
        original = f"originals/folder/{name}.jpg"
        store.publish(original, data)
        group = hashlib.sha256(row["session"].encode()).hexdigest()[:12]
        rows.append(
            {
                "photo": f"folder:{name}", "version": "0123456789", "kept": True, "camera": camera, "split": "train",
                "group": group, "original": original, "sha256": hashlib.sha256(data).hexdigest(),
                "quality_factor": None,
            }
        )  # fmt: skip
        folds[photo_digest(f"folder:{name}", "0123456789")] = sorted(sessions[camera]).index(row["session"]) % FOLDS
    settings = Shards(tile_px=1024, tiles_per_photo=4, shard_photos=50)
    entries = [write_shard(store, plan, settings) for plan in plan_shards(rows, settings, cameras)]
    publish_index(store, GENERATION, cameras, entries, Folds(FOLDS, folds))
    print(f"{len(rows)} photographs of {len(cameras)} cameras, {len({row['group'] for row in rows})} sessions")


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "photos")
    parser.add_argument("--folder", help="folder of the store, kept; default: a temporary one")
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=SMALL["steps_per_epoch"], help="steps of an epoch")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if not (given.photos / "index.csv").exists():
        print(f"skipped: there is no collection at {given.photos}")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        store = open_store(given.folder or temporary)
        if store.done(f"shards/{GENERATION}") is None:
            pack(store, given.photos)
        settings = Training.model_validate({**SMALL, "steps_per_epoch": given.steps, "seed": given.seed})
        answers = {}
        for name in given.names:
            result = run_baseline(store, settings, name, folds=True, samples=given.samples)
            print(result.line, flush=True)
            answers[name] = read_answers(store, result.folder)
        last = given.names[-1]
        for name in given.names[:-1]:
            for row in compare([answers[name]], [answers[last]])["figures"]:
                print(f"{last} − {name}, {row['figure']}: {row['difference']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
