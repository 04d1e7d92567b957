"""Training run: a run's folder in; checkpoints, metrics, final weights and the evaluation in it out.

Called in one process (`--without-ray`) or in every worker of a Ray Train group; the first one writes. Goes on from the
last whole checkpoint, whoever wrote it, and leaves the marker last.
"""

import json
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from corpus.receipts import publish_receipt
from corpus.sections import Training
from shards.index import Index, read_index
from train.data.batches import TrainingBatches, choose_photos
from train.data.crops import geometry_of
from train.evaluation.figures import MANIPULATED_WEIGHT, UNALTERED_WEIGHT, figures
from train.evaluation.page import evaluation_page
from train.evaluation.probabilities import ONE_OF_THEM, probability_table
from train.fit.loop import seed_of, train_epochs
from train.fit.runs import Run, RunConfig
from train.model.checkpoints import (
    Metrics,
    TrainingState,
    best_weights,
    first_state,
    load_checkpoint,
    load_weights,
    save_checkpoint,
    to_safetensors,
)
from train.model.network import build_network

VALIDATION_PHOTOS_MAX = 1000
"""Photographs looked at after each epoch: enough to choose by, at most minutes of work."""


def carry_out(
    run: Run,
    device: torch.device,
    *,
    rank: int = 0,
    ranks: int = 1,
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,
    report: Callable[[Metrics], None] = lambda _: None,
) -> None:
    """Train a run to its end and evaluate it; every one of `ranks` processes calls this.

    `wrap`: makes a network data-parallel. `report`: is given the metrics of each epoch, in every process.
    """
    config = run.config()
    settings = config.train
    torch.set_num_threads(settings.threads or threads_of(settings.loaders, ranks))
    index = read_index(run.store, config.generation)
    torch.manual_seed(seed_of(settings.seed))
    network = build_network(settings, len(config.classes)).to(device)
    state = first_state(network, settings)
    load_checkpoint(run.store, run.checkpoints, state)
    batches = TrainingBatches(run.store, index, settings, rank, ranks)
    writes = rank == 0
    resumed_after = state.epochs_done

    def after_epoch(metrics: Metrics) -> None:
        if resumed_after and metrics["epoch"] == resumed_after + 1:
            metrics["resumed"] = True  # the entry of the history itself
        if writes:
            save_checkpoint(run.store, run.checkpoints, state)
            run.store.publish(f"{run.directory}/metrics.jsonl", _json_lines(state.history))
            print(progress_line(metrics, settings), flush=True)
        report(metrics)

    def validate(average: nn.Module) -> Metrics:
        return _validation(run, index, settings, average, device) if writes else {}

    forward = wrap(network)
    train_epochs(
        state,
        settings,
        device,
        forward=forward,
        batches_of=batches,
        validate=validate,
        after_epoch=after_epoch,
        rank=rank,
        ranks=ranks,
    )
    if writes:
        _finish(run, config, index, state, batches.check(), device)


def score_sentence(run: Run, score: dict[str, Any]) -> str:
    """Return the sentence of a finished run."""
    return (
        f"{run.name}: weighted accuracy {score['weighted_accuracy']:.3f} "
        f"(unaltered {score['unaltered']:.3f}, manipulated {score['manipulated']:.3f}) "
        f"on {score['photos']} photographs of split {score['split']}, chance {score['chance']:.3f}"
    )


def publish_score(run: Run, score: dict[str, Any]) -> None:
    """Publish the receipt of the stage, which says that it succeeded."""
    publish_receipt(run.store, "train", {"run": run.name, **score})


def threads_of(loaders: int, ranks: int) -> int:
    """Return a worker's threads: its share of the cores (all ranks on this machine), less those its loaders keep busy.

    Threads wait for each other at every operation, so one core too few costs far more than it is worth: on two
    cores, two threads and one loader make 25 crops/s, one and one 220, two without a loader 278.
    """
    return max(1, cores_here() // ranks - loaders)


def cores_here() -> int:
    """Return the cores this process may use; all of the machine's where the system, as macOS, cannot say."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _validation(run: Run, index: Index, settings: Training, average: nn.Module, device: torch.device) -> Metrics:
    most = min(settings.test_photos or VALIDATION_PHOTOS_MAX, VALIDATION_PHOTOS_MAX)
    photos = choose_photos(index, "validation", geometry_of(settings), most).photos
    if not photos:
        return {}
    table = probability_table(
        average, device, run.store, index, "validation", photos, settings, conditions=ONE_OF_THEM, crops=1
    )
    unaltered, manipulated = (table.probabilities.argmax(axis=2) == table.labels[:, None]).mean(axis=0).tolist()
    return {"validation_accuracy": UNALTERED_WEIGHT * unaltered + MANIPULATED_WEIGHT * manipulated}


def _finish(
    run: Run, config: RunConfig, index: Index, state: TrainingState, notes: Sequence[str], device: torch.device
) -> None:
    store, settings = run.store, config.train
    weights = to_safetensors(best_weights(store, run.checkpoints, state))
    store.publish(f"{run.directory}/weights.safetensors", weights)
    load_weights(state.average, weights, f"{run.directory}/weights.safetensors")
    split, photos, own_notes = _evaluated_photos(index, settings)
    table = probability_table(state.average, device, store, index, split, photos, settings, crops=settings.test_crops)
    evaluation = {
        "run": run.name,
        "generation": config.generation,
        "split": split,
        "epoch": state.best_epoch,
        "notes": [*notes, *own_notes],
        **figures(table, config.classes),
    }
    page = evaluation_page(run.name, evaluation, settings.model_dump(), state.history)
    # again: a run killed between its last checkpoint and this file comes here without another epoch
    store.publish(f"{run.directory}/metrics.jsonl", _json_lines(state.history))
    store.publish_json(f"{run.directory}/evaluation.json", evaluation)
    store.publish(f"{run.directory}/evaluation.html", page.encode())
    keys = ("split", "photos", "weighted_accuracy", "unaltered", "manipulated", "chance")
    store.mark_done(run.directory, {key: evaluation[key] for key in keys})


def _evaluated_photos(index: Index, settings: Training) -> tuple[str, tuple[str, ...], list[str]]:
    """Return the split to evaluate on, its photographs, and sentences on what is not as it should be."""
    geometry = geometry_of(settings)
    for split in ("test", "validation", "train"):
        chosen = choose_photos(index, split, geometry, settings.test_photos)
        if chosen.photos:
            break
    notes = []
    if split != "test":
        notes.append(
            f"The test split has no photographs of use; these figures are of the {split} split"
            + (", which the network was trained on: they say nothing of new photographs." if split == "train" else
               ", by which the epoch was chosen: they are a little too good.")
        )  # fmt: skip
    if settings.shuffle_labels:
        notes.append("Trained on shuffled labels: anything clearly above chance means that something leaks.")
    if chosen.too_small:
        notes.append(f"{chosen.too_small} photographs of this split have tiles below the outer crop; left out.")
    whole = len(index.photos(split)) - chosen.too_small
    if len(chosen.photos) < whole:
        notes.append(f"Evaluated on {len(chosen.photos)} of {whole} photographs, spread evenly over the cameras.")
    return split, chosen.photos, notes


def _json_lines(history: Sequence[Metrics]) -> bytes:
    return "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in history).encode()


def read_history(run: Run) -> list[Metrics]:
    """Return the metrics of the epochs finished so far."""
    path = f"{run.directory}/metrics.jsonl"
    if not run.store.exists(path):
        return []
    return [json.loads(line) for line in run.store.read(path).decode().splitlines()]


def progress_line(metrics: Metrics, settings: Training) -> str:
    """Return the line a person watches: one an epoch."""
    left_s = (settings.epochs - metrics["epoch"]) * metrics["seconds"]
    validation = metrics.get("validation_accuracy")
    return (
        f"epoch {metrics['epoch']:>3}/{settings.epochs}  loss {metrics['loss']:.3f}  "
        f"accuracy {metrics['accuracy']:.3f}  "
        + (f"validation {validation:.3f}  " if validation is not None else "")
        + f"{metrics['crops_per_s']:,.0f} crops/s  {left_s / 60:.1f} min left"
        + ("  (resumed)" if metrics.get("resumed") else "")
    )
