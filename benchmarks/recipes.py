"""Benchmark: settings of a training compared at equal CPU time or equal crops, with seeds, paired by device.

    python benchmarks/recipes.py DATA (--seconds 600 | --crops 78000) [--recipes modern,kaggle-2018,small]
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
the CPU time of a few steps, and kept, so a variant's schedule is the same for all seeds. What a training really took
stands in the table. `--crops`: as many crops for all. One thread makes crops and trains, without loaders.

Each finished training is one JSON file in FOLDER/results, with what was answered for each photograph; what is there is
not trained again, so the same command goes on where it stopped (within a training, at its last epoch or 15 minutes).
`--table` prints the table of what is there. W is 0.7 unaltered + 0.3 manipulated. The mean and the standard deviation
are over seeds; the interval is over devices, of each photograph's mean over seeds; differences are to the first
variant, paired by photograph, with their intervals over devices. None of them knows of other choices of cameras.
"""

import argparse
import csv
import hashlib
import itertools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from corpus.configuration import override_key
from corpus.errors import ConfigurationError, ShutterprintError
from corpus.recipes import resolved
from corpus.sections import Shards, Training
from corpus.storage import Store, open_store
from shards.index import Folds, Index, latest_generation, publish_index, read_index
from shards.plan import photo_digest, plan_shards
from shards.write import write_shard
from train.data.answers import CHALLENGE, judge
from train.data.batches import TrainingBatches
from train.estimation.bootstrap import intervals, paired
from train.fit.loop import seed_of, train_epochs
from train.model.checkpoints import first_state, load_checkpoint, save_checkpoint
from train.model.network import build_network, compile_network

CPU = torch.device("cpu")
UNALTERED_WEIGHT = 0.7
SHOWN = ("W", "unaltered", "manipulated", "jpeg_70", "scale_0.5", "scale_2")
WARM_UP_STEPS, MEASURED_S = 2, 8.0
"""Steps before the measurement of speed, and the CPU seconds that it takes at least."""


@dataclass(frozen=True)
class Variant:
    """Settings to be compared."""

    name: str
    train: dict[str, Any]
    """Keys of `train` that are given."""

    def settings(self, seed: int, fold: int | None) -> Training:
        """Return the settings of one training, before its length is set."""
        return Training.model_validate({**self.train, "seed": seed, "fold": fold})

    @property
    def digest(self) -> str:
        """8 hex digits of its settings."""
        return hashlib.sha256(json.dumps(self.train, sort_keys=True).encode()).hexdigest()[:8]


def main() -> None:
    """Run the command line."""
    arguments = parsed()
    torch.set_num_threads(arguments.threads)
    out = arguments.out.resolve()
    (out / "results").mkdir(parents=True, exist_ok=True)
    variants = list(variants_of(arguments))
    if arguments.table:
        print_tables(variants, finished(out, variants, arguments))
        return
    store, folds = opened(arguments, out)
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    plan = [(seed, fold, variant) for seed in seeds for fold in folds for variant in variants]
    print(f"{len(variants)} variants × {len(seeds)} seeds × {len(folds)} folds = {len(plan)} trainings", flush=True)
    for number, (seed, fold, variant) in enumerate(plan, start=1):
        path = result_path(out, variant, seed, fold, arguments)
        if not path.exists():
            result = trained(store, variants, variant, seed, fold, out, arguments)
            temporary = path.with_suffix(".tmp")
            temporary.write_text(json.dumps(result))
            temporary.replace(path)
        print(f"[{number}/{len(plan)}] {line_of(json.loads(path.read_text()))}", flush=True)
        if variant == variants[-1] and number < len(plan):
            print_tables(variants, finished(out, variants, arguments))
    print_tables(variants, finished(out, variants, arguments))


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


def opened(arguments: argparse.Namespace, out: Path) -> tuple[Store, list[int | None]]:
    """Return the store with the shards, and the folds to hold out."""
    wanted = arguments.only_folds
    if (arguments.data / "shards").is_dir():
        store = open_store(str(arguments.data))
        return store, [None if wanted in (None, "none") else int(each) for each in (wanted or "none").split(",")]
    store = open_store(str(out / "store"))
    if not store.exists("shards"):
        pack(store, arguments)
    # odd folds are empty: no run chooses an epoch, so nothing is held back to choose by
    every = range(arguments.folds) if wanted is None else map(int, wanted.split(","))
    return store, [2 * fold for fold in every]


def pack(store: Store, arguments: argparse.Namespace) -> None:
    """Pack a folder of photographs as one generation whose groups lie in even folds."""
    group_of = groups_of(arguments)
    by_camera: dict[str, dict[str, list[Path]]] = {}
    for file in sorted(arguments.data.rglob("*")):
        parts = file.relative_to(arguments.data).parts
        if file.suffix.lower() in (".jpg", ".jpeg") and len(parts) > 1:
            own = parts[1] if len(parts) > 2 else file.name
            by_camera.setdefault(parts[0], {}).setdefault(group_of.get(file.resolve(), own), []).append(file)
    few = [camera for camera, groups in by_camera.items() if len(groups) < arguments.folds]
    for camera in few:
        print(f"{camera} is left out: it has {len(by_camera.pop(camera))} groups, fewer than {arguments.folds} folds")
    if len(by_camera) < 2:
        raise SystemExit(f"{arguments.data}: two cameras with {arguments.folds} groups each are needed")
    rows, folds = [], {}
    for camera, groups in by_camera.items():
        filled: Counter[int] = Counter(dict.fromkeys(range(arguments.folds), 0))
        for group, files in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
            fold = min(filled, key=lambda each: (filled[each], each))
            filled[fold] += len(files)
            for file in files:
                row = row_of(store, camera, f"{camera}|{group}", file, arguments.data)
                rows.append(row)
                folds[photo_digest(row["photo"], row["version"])] = 2 * fold
        sizes = ", ".join(str(filled[fold]) for fold in sorted(filled))
        print(f"{camera}: {len(groups)} groups, photographs in folds: {sizes}", flush=True)
    settings, cameras = Shards(tile_px=arguments.tile_px), tuple(sorted(by_camera))
    entries = [write_shard(store, plan, settings) for plan in plan_shards(rows, settings, cameras)]
    publish_index(store, "0001-recipes", cameras, entries, Folds(2 * arguments.folds, folds))


def groups_of(arguments: argparse.Namespace) -> dict[Path, str]:
    """Return the group of each file that the CSV file of `--groups` names."""
    if arguments.groups is None:
        return {}
    path, _, column = arguments.groups.rpartition(":")
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {(Path(path).parent / row["file"]).resolve(): row[column] for row in csv.DictReader(file)}


def row_of(store: Store, camera: str, group: str, file: Path, root: Path) -> dict[str, Any]:
    """Publish one original and return its row of a generation."""
    data = file.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    original = f"originals/folder/{digest[:20]}.jpg"
    store.publish(original, data)
    return {
        "photo": f"folder:{file.relative_to(root)}", "version": digest[:10], "kept": True, "camera": camera,
        "split": "train", "group": group, "original": original, "sha256": digest, "quality_factor": None,
    }  # fmt: skip


def trained(
    store: Store,
    variants: Sequence[Variant],
    variant: Variant,
    seed: int,
    fold: int | None,
    out: Path,
    arguments: argparse.Namespace,
) -> dict[str, Any]:
    """Train and judge once."""
    settings = variant.settings(seed, fold)
    index = index_of(store, fold)
    note = ""
    try:
        build_network(settings, len(index.classes))
    except ConfigurationError as error:
        if "train.pretrained" not in str(error):
            raise
        note = "without published weights, which cannot be fetched here"
        settings = settings.model_copy(update={"pretrained": False})
    crops = arguments.crops or crops_in(arguments.seconds, store, index, settings, variant, out)
    settings = of_length(settings, crops)
    checkpoints = open_store(str(out / "checkpoints"))
    directory = result_path(out, variant, seed, fold, arguments).stem
    began_s, cpu_s = time.monotonic(), time.process_time()
    history, state = train(store, index, settings, checkpoints, directory)
    took = {"cpu_s": round(time.process_time() - cpu_s, 1), "wall_s": round(time.monotonic() - began_s, 1)}
    least_px = max(each.settings(0, fold).outer_crop_px for each in variants)
    photo_rows = index.selection("test", least_px=least_px).spread(arguments.photos)
    answers = judge(
        state.average, CPU, store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops
    )
    checkpoints.remove(directory)
    return {
        "variant": variant.name, "seed": seed, "fold": fold, "note": note, "crops": state.samples_done, **took,
        "loss": history[-1]["loss"], "train": settings.model_dump(), "generation": index.generation,
        "photos": list(answers.photos), "labels": answers.labels.tolist(), "devices": list(answers.devices),
        "conditions": list(answers.conditions), "right": answers.right().astype(int).tolist(),
    }  # fmt: skip


def train(
    store: Store, index: Index, settings: Training, checkpoints: Store | None = None, directory: str = ""
) -> tuple[list[dict[str, Any]], Any]:
    """Train to the end, from the last checkpoint on where there is one; returns the history and the state."""
    torch.manual_seed(seed_of(settings.seed))
    network = build_network(settings, len(index.classes))
    state = first_state(network, settings)
    if checkpoints is not None:
        load_checkpoint(checkpoints, directory, state)
    compile_network(network, settings)

    def save() -> None:
        if checkpoints is not None:
            save_checkpoint(checkpoints, directory, state)

    steps = settings.epochs * settings.steps_per_epoch - state.epochs_done * settings.steps_per_epoch - state.steps_done
    train_epochs(
        state, settings, CPU, batches=TrainingBatches(store, index, settings)(state.samples_done, steps),
        validate=lambda _: {}, after_epoch=lambda _: save(), within_epoch=save,
    )  # fmt: skip
    return state.history, state


def crops_in(seconds: float, store: Store, index: Index, settings: Training, variant: Variant, out: Path) -> int:
    """Return how many crops a variant learns from in so many CPU seconds, as was measured once."""
    path = out / "results" / f"speed-{variant.digest}.json"
    if not path.exists():
        steps, cpu_s = WARM_UP_STEPS, 0.0
        while cpu_s < MEASURED_S:
            began_s = time.process_time()
            train(store, index, settings.model_copy(update={"epochs": 1, "steps_per_epoch": WARM_UP_STEPS}))
            ready_s = time.process_time()
            more = {"epochs": 1, "steps_per_epoch": WARM_UP_STEPS + steps}
            train(store, index, settings.model_copy(update=more))
            cpu_s = (time.process_time() - ready_s) - (ready_s - began_s)  # building and warming up cancel out
            steps = min(4 * steps, max(steps + 1, round(steps * 1.5 * MEASURED_S / max(cpu_s, 0.1))))
            speed = (more["steps_per_epoch"] - WARM_UP_STEPS) * settings.batch / max(cpu_s, 1e-3)
        path.write_text(json.dumps({"variant": variant.name, "crops_per_cpu_s": round(speed, 2)}))
        print(f"{variant.name}: {speed:.1f} crops a CPU second", flush=True)
    return int(seconds * float(json.loads(path.read_text())["crops_per_cpu_s"]))


def of_length(settings: Training, crops: int) -> Training:
    """Return the settings of a training of about so many crops; epochs and warm-up keep their shares of it."""
    steps = max(1, round(crops / settings.batch))
    epochs = min(settings.epochs, steps)
    if not settings.frozen_stages:
        epochs = 1 if steps < 200 else min(epochs, 10)  # an epoch is a checkpoint and nothing else
    share = steps / (settings.epochs * settings.steps_per_epoch)
    warm_up_steps = round(settings.warm_up_steps * min(1.0, share))
    changes = {"epochs": epochs, "steps_per_epoch": max(1, round(steps / epochs)), "warm_up_steps": warm_up_steps}
    return settings.model_copy(update=changes)


def index_of(store: Store, fold: int | None) -> Index:
    """Return the newest index, with a fold held out where one is given."""
    index = read_index(store, latest_generation(store))
    return index if fold is None else index.holding_out(fold)


def result_path(out: Path, variant: Variant, seed: int, fold: int | None, arguments: argparse.Namespace) -> Path:
    """Return the file of one training's result."""
    length = f"{arguments.seconds:g}s" if arguments.seconds else f"{arguments.crops}crops"
    return out / "results" / f"{variant.digest}-{length}-seed{seed}-fold{'x' if fold is None else fold}.json"


def finished(out: Path, variants: Sequence[Variant], arguments: argparse.Namespace) -> dict[str, list[dict[str, Any]]]:
    """Return what is there of each variant, by its name."""
    length = f"{arguments.seconds:g}s" if arguments.seconds else f"{arguments.crops}crops"
    return {
        variant.name: [
            json.loads(path.read_text())
            for path in sorted((out / "results").glob(f"{variant.digest}-{length}-seed*.json"))
        ]
        for variant in variants
    }


def figures_of(result: Mapping[str, Any]) -> dict[str, npt.NDArray[np.float64]]:
    """Return the values of each photograph of one training whose means are the figures of the table."""
    right = np.array(result["right"], np.float64)
    by_condition = dict(zip(result["conditions"], right.T, strict=True))
    manipulated = right[:, 1:].mean(axis=1)
    weighted = UNALTERED_WEIGHT * by_condition["unaltered"] + (1 - UNALTERED_WEIGHT) * manipulated
    return {"W": weighted, "manipulated": manipulated, **by_condition}


def line_of(result: Mapping[str, Any]) -> str:
    """Return the line of one training."""
    told = "  ".join(f"{name} {figures_of(result)[name].mean():.3f}" for name in SHOWN)
    where = "" if result["fold"] is None else f" fold {result['fold'] // 2}"
    note = f"  ({result['note']})" if result["note"] else ""
    return (
        f"{result['variant']} seed {result['seed']}{where}: {told}  {result['crops']:,} crops, "
        f"CPU {result['cpu_s']:.0f} s, {len(result['photos'])} photographs{note}"
    )


@dataclass(frozen=True)
class Pooled:
    """All folds of a variant together: a row for each photograph."""

    photos: list[str]
    labels: npt.NDArray[np.int64]
    devices: list[str]
    values: dict[str, npt.NDArray[np.float64]]
    """By figure: photographs × seeds."""


def pooled(results: Sequence[Mapping[str, Any]]) -> Pooled:
    """Return the photographs that every seed has judged; those of all folds that every seed has finished."""
    seeds = sorted({result["seed"] for result in results})
    folds = [{result["fold"] for result in results if result["seed"] == seed} for seed in seeds]
    whole = set.intersection(*folds)
    rows: dict[str, tuple[int, str, dict[int, dict[str, float]]]] = {}
    for result in results:
        if result["fold"] in whole:
            values = figures_of(result)
            for row, photo in enumerate(result["photos"]):
                entry = rows.setdefault(photo, (result["labels"][row], result["devices"][row], {}))
                entry[2][result["seed"]] = {name: float(column[row]) for name, column in values.items()}
    names = sorted(photo for photo, entry in rows.items() if len(entry[2]) == len(seeds))
    return Pooled(
        names,
        np.array([rows[name][0] for name in names], np.int64),
        [rows[name][1] for name in names],
        {figure: np.array([[rows[name][2][seed][figure] for seed in seeds] for name in names]) for figure in SHOWN},
    )


def print_tables(variants: Sequence[Variant], results: Mapping[str, list[dict[str, Any]]]) -> None:
    """Print figures of each variant and its differences from the first."""
    of = {variant.name: pooled(results[variant.name]) for variant in variants if results[variant.name]}
    if not of:
        print("nothing is finished yet")
        return
    print(f"\n| variant | photographs | seeds | crops | CPU s | {' | '.join(SHOWN)} | sd of W |")
    print(f"|---|---|---|---|---|{'---|' * (len(SHOWN) + 1)}")
    for name, one in of.items():
        cells = []
        for figure in SHOWN:
            low, high = intervals(one.values[figure].mean(axis=1), one.devices, one.labels)[0]
            cells.append(f"{one.values[figure].mean():.3f} [{low:.2f}, {high:.2f}]")
        by_seed = one.values["W"].mean(axis=0)
        spread = f"{by_seed.std(ddof=1):.3f}" if len(by_seed) > 1 else "–"
        mean = {key: np.mean([result[key] for result in results[name]]) for key in ("crops", "cpu_s")}
        print(
            f"| {name} | {len(one.photos)} | {len(by_seed)} | {mean['crops']:,.0f} | {mean['cpu_s']:.0f} | "
            f"{' | '.join(cells)} | {spread} |"
        )
    first = next(iter(of))
    if len(of) > 1:
        print(
            f"\n| difference from {first}, paired | photographs | {' | '.join(SHOWN)} |\n|---|---|{'---|' * len(SHOWN)}"
        )
    for name, one in of.items():
        if name != first:
            base = of[first]
            both = sorted(set(base.photos) & set(one.photos))
            a, b = ([each.photos.index(photo) for photo in both] for each in (base, one))
            cells = []
            for figure in SHOWN:
                before, after = base.values[figure].mean(axis=1)[a], one.values[figure].mean(axis=1)[b]
                mean, low, high = paired(before, after, [one.devices[row] for row in b], one.labels[b])
                cells.append(f"{mean:+.3f} [{low:+.2f}, {high:+.2f}]")
            print(f"| {name} | {len(both)} | {' | '.join(cells)} |")
    for note in sorted(
        {f"{each['variant']}: {each['note']}" for many in results.values() for each in many if each["note"]}
    ):
        print(f"\n{note}")
    print(flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        main()
    except ShutterprintError as error:
        raise SystemExit(str(error)) from error
