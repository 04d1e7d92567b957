"""Training run: trains a run's network to its end, evaluates it and writes the results into the run's folder.

Runs in one process (`--without-ray`) or in every worker of a Ray Train group, of which rank 0 writes. It continues
from the last whole checkpoint, whichever process wrote that, and writes the run's marker last.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import torch
from torch import nn

from corpus.errors import ConfigurationError
from corpus.events import say
from corpus.leases import Lease
from corpus.sections import Training
from shards.index import Index
from train.data.batches import TrainingBatches
from train.data.loading import prepare_loaders
from train.data.skipped import TooManySkippedError
from train.evaluation.held_out import evaluate_network, validation_metrics
from train.evaluation.pages.evaluation import evaluation_page
from train.fit.ledger import keep_ledger
from train.fit.loop import Told, seed_of, train_epochs
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
from train.model.fine_tuning import check_stages
from train.model.network import CameraNetwork, build_network, check_trains, compile_network
from train.runs.one_trainer import check_lease
from train.runs.parent import load_parent, read_parent
from train.runs.progress import SKIPPED, progress_line
from train.runs.run import Run


def carry_out(
    run: Run,
    device: torch.device,
    *,
    rank: int = 0,
    ranks: int = 1,
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network,
    report: Callable[[Metrics], None] = lambda _: None,
    gather: Callable[[Told], Sequence[Told]] = lambda own: [own],
    ledger: str | None = None,
    lease: Lease | None = None,
) -> None:
    """Train a run to its end and evaluate it; each of `ranks` processes calls this.

    `wrap`: makes a module data-parallel. `report`: receives the metrics of each epoch, in every process. `gather`:
    returns what each process tells the others. `ledger`: a folder of this machine for what was used in each step.
    `lease`: the right to train the run, asked for before anything is published. Raises StageError where it is lost.
    """
    check_lease(run, lease)
    config = run.config()
    settings = config.train
    if settings.loaders:
        prepare_loaders(*(["train.data.streamed"] if settings.reader == "webdataset" else []))
    torch.set_num_threads(settings.threads or threads_of(settings.loaders, ranks))
    index = config.index(run.store)
    torch.manual_seed(seed_of(settings.seed))
    # weights to begin with need not be there any more where a checkpoint is
    begins_anew = run.begins_anew
    parent = read_parent(run)
    fetches = begins_anew and (parent is None or parent.run is None)
    network = build_network(settings, len(config.classes), fetch_weights=fetches)
    if begins_anew:
        load_parent(network, run, config.classes)
    network.to(device)
    state = first_state(network, settings)
    load_checkpoint(run.store, run.checkpoints, state)
    compile_network(network, settings)
    batches = TrainingBatches(run.store, index, settings, rank, ranks, device)
    writes = rank == 0
    resumed_in = state.epochs_done + 1 if state.samples_done else 0

    def within_epoch() -> None:
        if writes:
            check_lease(run, lease)
            _publish_skipped(run, state.skipped)
            save_checkpoint(run.store, run.checkpoints, state)

    def after_epoch(metrics: Metrics) -> None:
        if metrics["epoch"] == resumed_in:
            metrics["resumed"] = True  # `metrics` is the history's own entry
        if writes:
            check_lease(run, lease)
            _publish_skipped(run, state.skipped)
            save_checkpoint(run.store, run.checkpoints, state)
            run.store.publish(f"{run.directory}/metrics.jsonl", _json_lines(state.history))
            say(progress_line(metrics, settings), "epoch", **metrics)
        report(metrics)

    def validate(average: nn.Module) -> Metrics:
        return validation_metrics(average, device, run.store, index, settings) if writes else {}

    steps = (settings.epochs - state.epochs_done) * settings.steps_per_epoch - state.steps_done
    try:
        train_epochs(
            state, settings, device, batches=batches(state.samples_done, steps * settings.accumulate),
            validate=validate, after_epoch=after_epoch, within_epoch=within_epoch, wrap=wrap,
            consumed=keep_ledger(ledger, rank, ranks) if ledger else lambda step, batch: None,
            generation=config.generation, rank=rank, ranks=ranks, gather=gather,
        )  # fmt: skip
    except TooManySkippedError as error:
        _publish_skipped(run, [asdict(each) for each in error.skipped])
        raise
    if writes:
        _finish(run, settings, index, state, device, lease)


def check_network(settings: Training, classes: int, fetch_weights: bool = True) -> None:
    """Raise ConfigurationError where the network of the settings cannot be built, or not trained as they say.

    `fetch_weights`: as of `build_network`.
    """
    network = build_network(settings, classes, fetch_weights)
    check_stages(network, settings)
    check_trains(network, settings)


def device_of(settings: Training) -> torch.device:
    """Return the device that this process trains on; raises ConfigurationError for `train.gpus` without a GPU."""
    if settings.gpus and not torch.cuda.is_available():
        raise ConfigurationError("train.gpus: is true, but torch sees no GPU on this machine; set it to false")
    return torch.device("cuda", 0) if settings.gpus else torch.device("cpu")


def score_sentence(run: Run, score: dict[str, Any]) -> str:
    """Return the sentence that sums up a finished run."""
    interval = score.get("weighted_interval")
    told = f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""
    return (
        f"{run.name}: weighted accuracy {score['weighted_accuracy']:.3f}{told} "
        f"(unaltered {score['unaltered']:.3f}, manipulated {score['manipulated']:.3f}) "
        f"on {score['photos']} photographs of split {score['split']}, chance {score['chance']:.3f}"
    )


def threads_of(loaders: int, ranks: int) -> int:
    """Return a worker's number of threads: its share of this machine's cores, less those its loaders keep busy.

    All ranks are taken to be on this machine. Threads wait for each other at every operation, so one thread too many
    costs far more than it brings: on two cores, two threads and one loader make 25 crops/s, one thread and one loader
    220, two threads without a loader 278.
    """
    return max(1, cores_here() // ranks - loaders)


def cores_here() -> int:
    """Return the cores this process may use; all of the machine's where the system cannot say, as on macOS."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _finish(
    run: Run, settings: Training, index: Index, state: TrainingState, device: torch.device, lease: Lease | None
) -> None:
    store = run.store
    check_lease(run, lease)  # whoever has lost the run need not evaluate it
    path, weights = f"{run.directory}/weights.safetensors", to_safetensors(best_weights(store, run.checkpoints, state))
    load_weights(state.average, weights, path)
    held_out = evaluate_network(cast(CameraNetwork, state.average), device, store, index, settings)
    evaluation = {"run": run.name, "epoch": state.best_epoch, **held_out.figures}
    if (parent := read_parent(run)) is not None and parent.run is not None:
        evaluation["parent"] = parent.run
    page = evaluation_page(run.name, evaluation, settings.model_dump(), state.history)
    # the evaluation takes long: all files follow it, so that none of a run that was taken over is replaced
    check_lease(run, lease)
    store.publish(path, weights)
    # again, since a run killed between its last checkpoint and this file reaches this line without another epoch
    store.publish(f"{run.directory}/metrics.jsonl", _json_lines(state.history))
    held_out.publish(store, run.directory)
    store.publish_json(f"{run.directory}/evaluation.json", evaluation)
    store.publish(f"{run.directory}/evaluation.html", page.encode())
    keys = ("split", "photos", "weighted_accuracy", "weighted_interval", "unaltered", "manipulated", "chance")
    check_lease(run, lease)
    store.mark_done(run.directory, {key: evaluation[key] for key in keys})


def _publish_skipped(run: Run, skipped: Sequence[Mapping[str, Any]]) -> None:
    """Publish a line for each tile that was skipped; no file where there is none."""
    if skipped:
        run.store.publish(f"{run.directory}/{SKIPPED}", _json_lines(skipped))


def _json_lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows).encode()
