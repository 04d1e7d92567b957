"""Loop: trains a state epoch by epoch; independent of Ray, of files and of where batches come from.

An epoch depends only on the state before it, its position in the sequence of samples included, and on (seed, epoch,
rank, ranks), so a training resumed from a checkpoint by as many ranks ends exactly like one that was never stopped.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice

import numpy as np
import torch
from torch import nn

from corpus.errors import StageError
from corpus.sections import Training
from train.data.samples import Batch
from train.data.skipped import Skipped, Tally, TooManySkippedError
from train.model.checkpoints import Metrics, TrainingState
from train.model.network import mixed_precision
from train.model.optimisation import learning_rate, set_rate, update_average

_GRADIENT_NORM_MAX = 5.0  # usual norms are near 1; a rare outlier among the batches must not undo an epoch


def train_epochs(
    state: TrainingState,
    settings: Training,
    device: torch.device,
    *,
    forward: nn.Module,
    batches: Iterable[Batch],
    validate: Callable[[nn.Module], Metrics],
    after_epoch: Callable[[Metrics], None],
    generation: str = "",
    rank: int = 0,
    ranks: int = 1,
    gather: Callable[[Tally], Sequence[Tally]] = lambda own: [own],
) -> None:
    """Train `state` from its last finished epoch up to `train.epochs`.

    `forward`: the network to call, either `state.network` itself or that wrapped for data parallelism. `batches`: this
    rank's batches from the sample `state.samples_done` on, `train.steps_per_epoch` for each epoch that is left.
    `validate`: returns metrics of the averaged weights. `after_epoch`: receives the epoch's metrics once `state` is
    consistent again; it saves, reports and prints. `gather`: returns what was skipped in an epoch on each rank.
    `generation`: of the shards, for messages. Raises StageError where batches run out, the loss is not finite or too
    many samples are skipped.
    """
    stream = iter(batches)
    while state.epochs_done < settings.epochs:
        epoch = state.epochs_done
        torch.manual_seed(seed_of(settings.seed, epoch, rank))  # for networks that drop paths at random
        before = [Skipped(**each) for each in state.skipped], sum(entry["skipped"] for entry in state.history)
        begun = _Begun(epoch, state.samples_done, Tally(*before), generation, ranks)
        began_s = time.monotonic()
        metrics, own = _train_one(state, settings, device, forward, stream, begun)
        seconds = time.monotonic() - began_s
        samples = ranks * settings.steps_per_epoch * settings.batch
        skipped = Tally(*before)
        for of_rank in gather(own):
            skipped.join(of_rank)
        _check(skipped, begun.samples + samples, generation)
        metrics |= {"seconds": round(seconds, 2)}
        metrics |= {"crops_per_s": round(samples / max(seconds, 1e-9), 1)}
        metrics |= {"samples": begun.samples + samples, "skipped": skipped.samples - before[1]}
        metrics |= validate(state.average)
        state.epochs_done, state.samples_done = epoch + 1, begun.samples + samples
        state.skipped = [asdict(each) for each in skipped.named]
        state.history.append(metrics)
        after_epoch(metrics)


@dataclass(frozen=True)
class _Begun:
    """What an epoch begins with."""

    epoch: int
    samples: int
    """Samples that all ranks have consumed before."""
    skipped: Tally
    """What was skipped before on all ranks, to which this rank adds what it skips."""
    generation: str
    ranks: int


def seed_of(*numbers: int) -> int:
    """Return one 64-bit seed derived from several numbers; other numbers give another seed."""
    words = np.random.SeedSequence([number % 2**32 for number in numbers]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1


def _train_one(
    state: TrainingState,
    settings: Training,
    device: torch.device,
    forward: nn.Module,
    batches: Iterator[Batch],
    begun: _Begun,
) -> tuple[Metrics, Tally]:
    """Train one epoch; returns its metrics and what this rank skipped."""
    forward.train()
    epoch = begun.epoch
    skipped = Tally()
    loss_sum = torch.zeros((), device=device)
    right = torch.zeros((), device=device)
    rate = 0.0
    for number, (crops, labels, damaged) in enumerate(_exactly(batches, settings.steps_per_epoch)):
        step = epoch * settings.steps_per_epoch + number
        if damaged:
            skipped.add(damaged)
            begun.skipped.add(damaged)
            _check(begun.skipped, begun.samples + (number + 1) * begun.ranks * settings.batch, begun.generation)
        rate = learning_rate(step, settings)
        set_rate(state.optimizer, rate)
        crops, labels = crops.to(device, non_blocking=True), labels.to(device, non_blocking=True)
        with mixed_precision(device):
            logits = forward(crops)
        loss = nn.functional.cross_entropy(logits.float(), labels, label_smoothing=settings.label_smoothing)
        state.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(state.network.parameters(), _GRADIENT_NORM_MAX)
        state.optimizer.step()
        if state.average is not state.network:
            update_average(state.average, state.network, step, settings.average_decay)
        loss_sum += loss.detach()  # .item() would make the CPU wait for the GPU at every step
        right += (logits.argmax(1) == labels).sum()
    if not torch.isfinite(loss_sum):
        raise StageError(f"train: the loss is not finite in epoch {epoch + 1}; lower train.learning_rate")
    crops_seen = settings.steps_per_epoch * settings.batch
    metrics = {
        "epoch": epoch + 1,
        "step": (epoch + 1) * settings.steps_per_epoch,
        "learning_rate": rate,
        "loss": loss_sum.item() / settings.steps_per_epoch,
        "accuracy": right.item() / crops_seen,
    }
    return metrics, skipped


def _check(skipped: Tally, seen: int, generation: str) -> None:
    if fault := skipped.fault(seen, "samples", generation):
        raise TooManySkippedError(fault, skipped.named)


def _exactly(batches: Iterator[Batch], steps: int) -> Iterator[Batch]:
    seen = 0
    for batch in islice(batches, steps):
        yield batch
        seen += 1
    if seen < steps:
        raise StageError(f"train: only {seen} batches for an epoch of {steps}; lower train.steps_per_epoch")
