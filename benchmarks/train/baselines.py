"""Benchmark: the network against the baselines on real photographs of known cameras, sessions disjoint, by folds.

    python -m benchmarks.train.baselines [--photos ../shared/photos] [--folder FOLDER] [--names NAME …]
        [--samples N] [--steps N] [--seed N]

Packs the originals of the collection's cameras that have three sessions or more; a session, shots of one camera less
than half an hour apart, stands for a device and is in one of three folds, which have about as many photographs. Each
fold is held out in turn and both others train, wholly: no epoch is chosen. Few cameras, and one device each: what it
shows is that sessions differ less than cameras do, not that devices do. Prints a line for each method, then each pair's
difference. Skips (exit code 0) where the collection is missing.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.places import COLLECTION
from benchmarks.shards.packing import digest_of, enough_for, groups_of, pack, photos_below
from corpus.sections import Shards, Training
from corpus.storage import open_store
from train.baseline import run_baseline
from train.data.answers import read_answers
from train.evaluation.comparison import compare

FOLDS = 3
GENERATION = "0001-originals"
NAMES = ("majority", "residual-statistics", "constrained-cnn", "network")
TILES = Shards(tile_px=1024, tiles_per_photo=4, shard_photos=50)
SMALL = {
    "network": "shutter_small", "front": "residual", "outer_crop_px": 256, "crop_px": 112, "batch": 24, "epochs": 6,
    "steps_per_epoch": 200, "learning_rate": 0.003, "warm_up_steps": 60, "average_decay": 0.99, "loaders": 1,
}  # fmt: skip


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=COLLECTION)
    parser.add_argument("--folder", help="folder of the store, kept; default: a temporary one")
    parser.add_argument("--names", nargs="+", default=NAMES)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=SMALL["steps_per_epoch"], help="steps of an epoch")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if not (given.photos / "index.csv").exists():
        print(f"skipped: there is no collection at {given.photos}")
        return 0
    groups = groups_of(given.photos / "index.csv", "session")
    photos = enough_for(photos_below(given.photos / "originals", groups), FOLDS)
    with tempfile.TemporaryDirectory() as temporary:
        digest = digest_of(photos, [FOLDS, TILES.model_dump()])
        store = open_store(str(Path(given.folder or temporary) / f"store-{digest}"))
        pack(store, GENERATION, photos, TILES, FOLDS)
        cameras, sessions = ({getattr(photo, name) for photo in photos} for name in ("camera", "group"))
        print(f"{len(photos)} photographs of {len(cameras)} cameras, {len(sessions)} sessions")
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
