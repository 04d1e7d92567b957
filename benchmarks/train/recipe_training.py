"""Recipe training: trains settings once on one process and judges them, for the benchmark of recipes.

A training is as long as so many crops, or as many crops as so many CPU seconds allow. How many these are is measured
once for each variant, on the CPU time of a few steps: of each phase of a training whose stages are unfrozen one after
the other, since a step costs more the more stages learn.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from corpus.errors import ConfigurationError
from corpus.sections import Training
from corpus.storage import Store, open_store
from shards.index import Index, read_index
from train.data.answers import CHALLENGE, judge
from train.data.batches import TrainingBatches
from train.evaluation.held_out import least_px
from train.fit.loop import seed_of, train_epochs
from train.model.checkpoints import TrainingState, first_state, load_checkpoint, save_checkpoint
from train.model.fine_tuning import frozen_in
from train.model.network import build_network, compile_network

CPU = torch.device("cpu")
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


@dataclass(frozen=True)
class Bench:
    """What all trainings of a comparison have in common."""

    out: Path
    store: Store
    """With the shards."""
    generation: str
    data: str
    """8 hex digits of all that decides what is trained on and judged."""
    photos: int
    """Most photographs to judge; 0: all."""
    crops: int | None
    seconds: float | None
    """CPU seconds of a training, where its crops are not given."""

    @property
    def length(self) -> str:
        """How long its trainings are, as names of files say it."""
        return f"{self.seconds:g}s" if self.seconds else f"{self.crops}crops"

    @property
    def checkpoints(self) -> Store:
        """The store of unfinished trainings."""
        return open_store(str(self.out / "checkpoints"))

    def path(self, variant: Variant, seed: int, fold: int | None) -> Path:
        """Return the file of one training's result."""
        place = f"seed{seed}-fold{'x' if fold is None else fold}"
        return self.out / "results" / f"{variant.digest}-{self.data}-{self.length}-{place}.json"

    def index(self, fold: int | None) -> Index:
        """Return the index, with a fold held out where one is given."""
        index = read_index(self.store, self.generation)
        return index if fold is None else index.holding_out(fold)


def trained(bench: Bench, variant: Variant, seed: int, fold: int | None) -> dict[str, Any]:
    """Train and judge once; returns the content of the result's file."""
    settings = variant.settings(seed, fold)
    index = bench.index(fold)
    note = ""
    try:
        build_network(settings, len(index.classes))
    except ConfigurationError as error:
        if "train.pretrained" not in str(error):
            raise
        note = "without published weights, which cannot be fetched here"
        settings = settings.model_copy(update={"pretrained": False})
    settings = of_length(settings, bench.crops or crops_in(bench, index, settings, variant))
    name = bench.path(variant, seed, fold).stem
    state, spent = train(bench.store, index, settings, bench.checkpoints, name)
    photo_rows = index.selection("test", least_px=least_px(settings)).spread(bench.photos)
    answers = judge(
        state.average, CPU, bench.store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops
    )
    bench.checkpoints.remove(name)
    return {
        "variant": variant.name, "seed": seed, "fold": fold, "note": note, "crops": state.samples_done, **spent,
        "loss": state.history[-1]["loss"], "train": settings.model_dump(), "generation": index.generation,
        "photos": list(answers.photos), "labels": answers.labels.tolist(), "devices": list(answers.devices),
        "conditions": list(answers.conditions), "right": answers.right().astype(int).tolist(),
    }  # fmt: skip


def train(
    store: Store, index: Index, settings: Training, checkpoints: Store, name: str
) -> tuple[TrainingState, dict[str, float]]:
    """Train to the end, from the last checkpoint on where there is one.

    Returns the state and the seconds of the CPU and of the clock that its steps took, in this process and in those that
    wrote its checkpoints: these seconds stand beside each checkpoint. Steps after the last one are lost with a process
    that was stopped, and their seconds too.
    """
    began = time.process_time(), time.monotonic()
    state = started(index, settings)
    load_checkpoint(checkpoints, f"{name}/state", state)
    compile_network(state.network, settings)
    known = f"{name}/{state.samples_done}.json"
    before = checkpoints.read_json(known) if checkpoints.exists(known) else {"cpu_s": 0.0, "wall_s": 0.0}

    def spent() -> dict[str, float]:
        now = time.process_time(), time.monotonic()
        return {key: round(before[key] + now[place] - began[place], 1) for place, key in enumerate(("cpu_s", "wall_s"))}

    def save() -> None:
        checkpoints.publish_json(f"{name}/{state.samples_done}.json", spent())
        save_checkpoint(checkpoints, f"{name}/state", state)

    left = (settings.epochs - state.epochs_done) * settings.steps_per_epoch - state.steps_done
    batches = TrainingBatches(store, index, settings)(state.samples_done, left * settings.accumulate)
    train_epochs(
        state, settings, CPU, batches=batches, validate=lambda _: {}, after_epoch=lambda _: save(), within_epoch=save
    )
    return state, spent()


def started(index: Index, settings: Training) -> TrainingState:
    """Return the state before the first step."""
    torch.manual_seed(seed_of(settings.seed))
    return first_state(build_network(settings, len(index.classes)), settings)


def of_length(settings: Training, crops: int) -> Training:
    """Return the settings of a training of about so many crops; epochs and warm-up keep their shares of it."""
    steps = max(1, round(crops / (settings.batch * settings.accumulate)))
    epochs = min(settings.epochs, steps)
    if not settings.frozen_stages:
        epochs = 1 if steps < 200 else min(epochs, 10)  # an epoch is a checkpoint and nothing else
    share = steps / (settings.epochs * settings.steps_per_epoch)
    warm_up_steps = round(settings.warm_up_steps * min(1.0, share))
    changes = {"epochs": epochs, "steps_per_epoch": max(1, round(steps / epochs)), "warm_up_steps": warm_up_steps}
    return settings.model_copy(update=changes)


def phases_of(settings: Training) -> dict[int, float]:
    """Return for how large a share of a training so many of its stages are frozen."""
    frozen = [frozen_in(epoch, settings) for epoch in range(settings.epochs)]
    return {number: frozen.count(number) / len(frozen) for number in dict.fromkeys(frozen)}


def crops_for(seconds: float, shares: Mapping[int, float], speeds: Mapping[int, float]) -> int:
    """Return the crops that take so many CPU seconds: `shares` of all crops by phase, `speeds` in crops a second."""
    return int(seconds / sum(share / speeds[phase] for phase, share in shares.items()))


def crops_in(bench: Bench, index: Index, settings: Training, variant: Variant) -> int:
    """Return how many crops a variant learns from in the CPU seconds of a training, as was measured once."""
    assert bench.seconds is not None
    path = bench.out / "results" / f"speed-{variant.digest}-{bench.data}.json"
    if not path.exists():
        speeds = {frozen: speed(bench.store, index, settings, frozen) for frozen in phases_of(settings)}
        write_whole(path, {"variant": variant.name, "crops_per_cpu_s": speeds})
        told = ", ".join(f"{each:.1f}" for each in speeds.values())
        print(f"{variant.name}: {told} crops a CPU second", flush=True)
    speeds = {int(frozen): each for frozen, each in json.loads(path.read_text())["crops_per_cpu_s"].items()}
    return crops_for(bench.seconds, phases_of(settings), speeds)


def speed(store: Store, index: Index, settings: Training, frozen: int, least_s: float = MEASURED_S) -> float:
    """Return the crops a CPU second of a training with so many frozen stages, measured for `least_s` CPU seconds."""
    settings = settings.model_copy(update={"frozen_stages": frozen, "unfreeze_every_epochs": 0})
    state = started(index, settings)
    compile_network(state.network, settings)
    batches = TrainingBatches(store, index, settings)
    cpu_s, samples, steps = 0.0, 0, WARM_UP_STEPS
    while cpu_s < least_s:
        begun, began_s = state.samples_done, time.process_time()
        is_warm = state.epochs_done > 0
        of_round = settings.model_copy(update={"epochs": state.epochs_done + 1, "steps_per_epoch": steps})
        train_epochs(
            state, of_round, CPU, batches=batches(begun, steps * settings.accumulate),
            validate=lambda _: {}, after_epoch=lambda _: None,
        )  # fmt: skip
        if is_warm:
            cpu_s, samples = cpu_s + time.process_time() - began_s, samples + state.samples_done - begun
            steps *= 2
    return samples / cpu_s


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file as a whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)
