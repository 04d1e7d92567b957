"""Benchmark: settings of a training compared at equal CPU time or equal crops, with seeds, paired by device.

    python -m benchmarks.train.recipes DATA (--seconds 600 | --crops 78000) [--recipes modern,kaggle-2018,small]
        [--vary train.flips=none,d4 …] [--set train.front=rgb …] [--seeds 3] [--folds 3] [--only-folds 0,1]
        [--groups index.csv:session] [--photos 60] [--threads 1] [--out FOLDER] [--table]

DATA: a storage with shards (its newest generation), or a folder of photographs, `CAMERA/…/file.jpg`. Those are packed
as the product packs them. Photographs of one group (a column of a CSV file beside them with a column `file`; else the
folder below the camera's; else the file itself) are in one fold, and a camera with fewer groups than folds is left out,
by name. Every fold is held out once; all others train.

Variants are all combinations of `--recipes` and `--vary`; `--set` holds for all of them. Each is trained with each seed
on each fold, the variants in turn, and judged as the challenge judges: unaltered and under its eight manipulations,
`train.test_crops` crops of the central 512 px. The last weights count (their average, where one is kept): nothing is
chosen by validation. Epochs and warm-up keep their shares of the training, however short it is.

`--seconds`: CPU seconds of a training, data included. How many crops these are is measured once for each variant, on
the CPU time of a few steps of each phase (while so many stages are frozen), and kept, so a variant's schedule is the
same for all seeds. What a training really took stands in the table. `--crops`: as many crops for all. One thread makes
crops and trains, without loaders.

Each finished training is one JSON file in FOLDER/results, with what was answered for each photograph; what is there is
not trained again, so the same command goes on where it stopped (within a training, at its last epoch or 15 minutes).
Other photographs, groups, folds, tiles or numbers of photographs to judge are other files. `--table` prints the tables
of what is there; files of an earlier version, which do not say on which data, are shown with a note. All rows are of
the photographs that all variants have judged. W is 0.7 unaltered + 0.3 manipulated. The mean and the standard deviation
are over seeds; the interval is over devices, of each photograph's mean over seeds; differences are to the first
variant, paired by photograph, with their intervals over devices. None of them knows of other choices of cameras.
"""

import argparse
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.shards.packing import digest_of, enough_for, groups_of, pack, photos_below
from benchmarks.train.recipe_tables import finished, line_of, tables
from benchmarks.train.recipe_training import Bench, Variant, trained, write_whole
from corpus.configuration import override_key
from corpus.errors import ShutterprintError
from corpus.sections import Shards, Training
from corpus.sections.recipes import resolved
from corpus.storage import open_store
from shards.index import latest_generation

GENERATION = "0001-recipes"


def main() -> None:
    """Run the command line."""
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    (arguments.out / "results").mkdir(parents=True, exist_ok=True)
    variants = list(variants_of(arguments))
    bench = bench_of(arguments)
    if arguments.table:
        print("\n".join(tables(finished(bench, variants, unnamed=True))))
        return
    seeds, folds = range(arguments.first_seed, arguments.first_seed + arguments.seeds), folds_of(arguments)
    plan = [(seed, fold, variant) for seed in seeds for fold in folds for variant in variants]
    print(f"{len(variants)} variants × {len(seeds)} seeds × {len(folds)} folds = {len(plan)} trainings", flush=True)
    for number, (seed, fold, variant) in enumerate(plan, start=1):
        path = bench.path(variant, seed, fold)
        if not path.exists():
            write_whole(path, trained(bench, variant, seed, fold))
        print(f"[{number}/{len(plan)}] {line_of(json.loads(path.read_text()))}", flush=True)
        if variant == variants[-1]:
            print("\n".join(tables(finished(bench, variants))), flush=True)


def parsed() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--seconds", type=float, help="CPU seconds of a training")
    length.add_argument("--crops", type=int, help="crops of a training")
    parser.add_argument("--recipes", default="", help="names, with commas between")
    parser.add_argument("--vary", action="append", default=[], metavar="train.KEY=A,B")
    parser.add_argument("--set", action="append", default=[], dest="fixed", metavar="train.KEY=VALUE")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--folds", type=int, default=3, help="of photographs; a storage has its own")
    parser.add_argument("--only-folds", help="numbers, with commas between; of a storage: `none` is its splits")
    parser.add_argument("--groups", help="FILE.csv:COLUMN beside the photographs")
    parser.add_argument("--tile-px", type=int, default=1024, help="of photographs")
    parser.add_argument("--photos", type=int, default=0, help="most photographs to judge; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("recipes-benchmark"))
    parser.add_argument("--table", action="store_true", help="train nothing, print what is there")
    return parser.parse_args()


def variants_of(arguments: argparse.Namespace) -> Iterator[Variant]:
    """Yield the combinations of recipes and varied keys."""
    recipes = [name for name in arguments.recipes.split(",") if name]
    choices = [[f"train.recipe={name}" for name in recipes]] if recipes else []
    for each in arguments.vary:
        key, _, values = each.partition("=")
        choices.append([f"{key}={value}" for value in values.split(",")])
    for chosen in itertools.product(*choices):
        tree: dict[str, Any] = {"train": {"recipe": None}}
        for override in (*chosen, *arguments.fixed):
            if not override.startswith("train."):
                raise SystemExit(f"{override}: only keys of train are compared, such as train.flips=none,d4")
            tree = override_key(tree, override)
        train = resolved(tree, "--set")["train"]
        Training.model_validate(train)
        shown = " ".join(each.removeprefix("train.").removeprefix("recipe=") for each in chosen)
        yield Variant(shown or "as set", {**train, "loaders": 0, "threads": arguments.threads})


def bench_of(arguments: argparse.Namespace) -> Bench:
    """Return what all trainings have in common; packs photographs unless that is done or only tables are wanted."""
    out, data = arguments.out.resolve(), arguments.data
    common = {"photos": arguments.photos, "crops": arguments.crops, "seconds": arguments.seconds}
    if is_storage(data):
        store = open_store(str(data))
        generation = latest_generation(store)
        digest = digest_of([], [store.url, generation, arguments.photos])
        return Bench(out, store, generation, digest, **common)
    table, _, column = (arguments.groups or "").rpartition(":")
    photos = enough_for(photos_below(data, groups_of(Path(table), column) if column else None), arguments.folds)
    settings = Shards(tile_px=arguments.tile_px)
    packing = [arguments.folds, settings.model_dump()]
    store = open_store(str(out / f"store-{digest_of(photos, packing)}"))
    if not arguments.table:
        pack(store, GENERATION, photos, settings, arguments.folds)
    return Bench(out, store, GENERATION, digest_of(photos, [*packing, arguments.photos]), **common)


def is_storage(data: Path) -> bool:
    """Return whether a folder is a storage with shards, and not a folder of photographs."""
    return (data / "shards").is_dir()


def folds_of(arguments: argparse.Namespace) -> list[int | None]:
    """Return the product's folds to hold out, None for its splits; those of photographs are the even ones."""
    wanted = arguments.only_folds
    if is_storage(arguments.data):
        return [None if wanted in (None, "none") else int(each) for each in (wanted or "none").split(",")]
    numbers = range(arguments.folds) if wanted is None else [int(each) for each in wanted.split(",")]
    return [2 * fold for fold in numbers]


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    except ShutterprintError as error:
        raise SystemExit(str(error)) from error
