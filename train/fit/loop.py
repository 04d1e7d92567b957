"""Loop: trains a state step by step and epoch by epoch; independent of Ray, of files and of where batches come from.

A step depends only on the state before it and on (seed, its number, rank, ranks): its samples are the next ones of the
sequence, and random numbers, such as those of paths that are dropped, are seeded anew for each step. So a training
resumed from a checkpoint, also from one within an epoch, sees the samples of one that was never stopped. On the CPU of
one machine, in a single process with as many threads, it ends with the same weights, to the bit; kernels of a GPU, and
sums of gradients over several ranks, may round differently each time.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from corpus.errors import StageError
from corpus.sections import Training
from train.data.samples import Batch
from train.data.skipped import Skipped, Tally, TooManySkippedError
from train.fit.feed import Feed
from train.fit.sums import Sums
from train.model.checkpoints import Metrics, TrainingState
from train.model.fine_tuning import prepare_epoch
from train.model.loss import training_loss
from train.model.network import CameraNetwork
from train.model.optimisation import learning_rate, set_rate, update_average

ASKED_EVERY = 20
"""Steps after which it is asked whether the loss is still a number, and several ranks ask each other whether a
checkpoint within the epoch is due."""

_GRADIENT_NORM_MAX = 5.0  # usual norms are near 1; a rare outlier among the batches must not undo an epoch


class Told(NamedTuple):
    """What ranks tell each other."""

    sums: Sums = Sums()
    skipped: Tally = Tally()
    """Never changed once it is sent."""
    is_due: bool = False
    """Whether a checkpoint within the epoch is due."""
    is_finite: bool = True
    """Whether the loss was a number when it was last looked at."""


def train_epochs(
    state: TrainingState,
    settings: Training,
    device: torch.device,
    *,
    batches: Iterable[Batch],
    validate: Callable[[nn.Module], Metrics],
    after_epoch: Callable[[Metrics], None],
    within_epoch: Callable[[], None] = lambda: None,
    wrap: Callable[[nn.Module], nn.Module] = lambda module: module,
    consumed: Callable[[int, Batch], None] = lambda step, batch: None,
    generation: str = "",
    rank: int = 0,
    ranks: int = 1,
    gather: Callable[[Told], Sequence[Told]] = lambda own: [own],
) -> None:
    """Train `state` from where it stands up to `train.epochs`.

    `batches`: this rank's batches from the sample `state.samples_done` on, as many as there are left to train.
    `validate`: returns metrics of the averaged weights. `after_epoch`: receives the epoch's metrics once `state` is
    consistent again; it saves, reports and prints. `within_epoch`: saves, every `train.checkpoint_minutes`. `wrap`:
    makes a module data-parallel. `consumed`: is told the step and each batch that was used in it. `generation`: of the
    shards, for messages. `gather`: returns what is told on each rank; all ranks call it at the same steps. Raises
    StageError where batches run out, the loss is not finite or too many samples are skipped.
    """
    feed = Feed(batches, device)
    epoch = _Epoch(state, settings, device, wrap, consumed, generation, rank, ranks, gather)
    while state.epochs_done < settings.epochs:
        metrics = epoch.train(feed, within_epoch) | validate(state.average)
        state.epochs_done, state.steps_done, state.partial = state.epochs_done + 1, 0, {}
        state.history.append(metrics)
        after_epoch(metrics)


def seed_of(*numbers: int) -> int:
    """Return one 64-bit seed derived from several numbers; other numbers give another seed."""
    words = np.random.SeedSequence([number % 2**32 for number in numbers]).generate_state(2)
    return int(words[0]) << 31 | int(words[1]) >> 1


class _Epoch:
    """Trains epochs of a state, each from the step that the state is at."""

    def __init__(
        self,
        state: TrainingState,
        settings: Training,
        device: torch.device,
        wrap: Callable[[nn.Module], nn.Module],
        consumed: Callable[[int, Batch], None],
        generation: str,
        rank: int,
        ranks: int,
        gather: Callable[[Told], Sequence[Told]],
    ) -> None:
        self.state, self.settings, self.device = state, settings, device
        self.consumed, self.generation, self.rank, self.ranks, self.gather = consumed, generation, rank, ranks, gather
        self.wrap, self.forward = wrap, wrap(state.network)
        self.samples_of_step = ranks * settings.accumulate * settings.batch
        self.watched = _Watched(device)
        self._begin_stretch()
        self.saved_s = time.monotonic()

    def train(self, feed: Feed, within_epoch: Callable[[], None]) -> Metrics:
        """Train to the end of the epoch and return its metrics."""
        state, settings = self.state, self.settings
        self.forward.train()
        if isinstance(state.network, CameraNetwork) and prepare_epoch(state.network, state.epochs_done, settings):
            self.forward = self.wrap(state.network)
        first, rate = state.epochs_done * settings.steps_per_epoch, 0.0
        self._begin_stretch()
        for number in range(state.steps_done, settings.steps_per_epoch):
            rate = self._step(feed, first + number)
            if number + 1 < settings.steps_per_epoch and self._is_due(number):
                self._share(feed, number + 1)
                within_epoch()
                self.saved_s = time.monotonic()
                self._begin_stretch()
        self._share(feed, settings.steps_per_epoch)
        self.saved_s = time.monotonic()
        sums = Sums(**state.partial)  # type: ignore[arg-type]  # JSON keeps integers as they are
        seconds = max(sums.seconds, 1e-9)
        return {
            "epoch": state.epochs_done + 1,
            "step": first + settings.steps_per_epoch,
            "learning_rate": rate,
            "loss": sums.loss / sums.batches,
            "accuracy": sums.right / sums.crops,
            "seconds": round(sums.seconds, 2),
            "crops_per_s": round(sums.crops / seconds, 1),
            "data_wait": round(sums.waited_s / seconds, 4),
            "samples": state.samples_done,
            "skipped": sums.skipped,
        }

    def _step(self, feed: Feed, step: int) -> float:
        """Train one step and return its learning rate; asks the device for no number, which would make it idle."""
        state, settings = self.state, self.settings
        torch.manual_seed(seed_of(settings.seed, step, self.rank))
        rate = learning_rate(step, settings)
        set_rate(state.optimizer, rate)
        state.optimizer.zero_grad(set_to_none=True)
        for place in range(settings.accumulate):
            batch = feed.next()
            if batch is None:
                raise StageError(
                    f"train: only {step % settings.steps_per_epoch} steps for an epoch of {settings.steps_per_epoch}; "
                    "lower train.steps_per_epoch"
                )
            if batch.skipped:
                self.skipped.add(batch.skipped)
                self.known.add(batch.skipped)
                samples = state.samples_done + (step % settings.steps_per_epoch - state.steps_done + 1) * (
                    self.samples_of_step
                )
                _check(self.known, samples, self.generation)
            with nullcontext() if place + 1 == settings.accumulate else _apart(self.forward):
                outcome = training_loss(self.forward, batch.crops, batch.labels, batch.manipulated, settings)
                (outcome.loss / settings.accumulate).backward()  # type: ignore[no-untyped-call]
            self.loss += outcome.loss.detach()
            self.right += (outcome.logits.argmax(1) == batch.labels).sum()
            self.consumed(step, batch)
        nn.utils.clip_grad_norm_(state.network.parameters(), _GRADIENT_NORM_MAX)
        state.optimizer.step()
        if state.average is not state.network:
            update_average(state.average, state.network, step, settings.average_decay)
        return rate

    def _is_due(self, number: int) -> bool:
        """Return whether a checkpoint is due after a step of the epoch; all ranks answer alike.

        Raises StageError, on all ranks, where the loss is not finite.
        """
        minutes, is_asked = self.settings.checkpoint_minutes, (number + 1) % ASKED_EVERY == 0
        is_due = bool(minutes) and time.monotonic() - self.saved_s >= 60 * minutes
        if not is_asked:
            return is_due and self.ranks == 1
        told = self.gather(Told(is_due=is_due, is_finite=self.watched.is_finite(self.loss)))
        self._check_finite(all(each.is_finite for each in told))
        return any(each.is_due for each in told)

    def _check_finite(self, is_finite: bool) -> None:
        if not is_finite:  # told by all ranks alike, so that none waits for another one
            raise StageError(
                f"train: the loss is not finite in epoch {self.state.epochs_done + 1}; lower train.learning_rate"
            )

    def _begin_stretch(self) -> None:
        """Begin to count anew; what was counted before stands in the state."""
        state = self.state
        self.began_s = time.monotonic()
        self.skipped = Tally()
        samples = sum(entry["skipped"] for entry in state.history) + int(state.partial.get("skipped", 0))
        self.known = Tally([Skipped(**each) for each in state.skipped], samples)
        # float64: sums of float32 numbers are exact in it, so that they do not depend on where a training was stopped
        self.loss = torch.zeros((), dtype=torch.float64, device=self.device)
        self.right = torch.zeros((), dtype=torch.int64, device=self.device)

    def _share(self, feed: Feed, steps: int) -> None:
        """Bring the state, on all ranks, to what it is after so many steps of the epoch."""
        state, settings = self.state, self.settings
        batches = (steps - state.steps_done) * settings.accumulate
        loss, right = float(self.loss.item()), int(self.right.item())
        own = Sums(
            batches, batches * settings.batch, loss, right, self.skipped.samples, time.monotonic() - self.began_s,
            feed.waited_s(),
        )  # fmt: skip
        told = self.gather(Told(own, self.skipped))
        sums = Sums(**state.partial).then([each.sums for each in told])  # type: ignore[arg-type]
        self._check_finite(math.isfinite(sums.loss))
        known = Tally([Skipped(**each) for each in state.skipped])
        for each in told:
            known.join(each.skipped)
        known.samples += self.known.samples - self.skipped.samples
        state.samples_done += (steps - state.steps_done) * self.samples_of_step
        _check(known, state.samples_done, self.generation)
        state.partial = sums.as_dict()
        state.skipped = [asdict(each) for each in known.named]
        state.steps_done = steps


class _Watched:
    """A number of the device that is looked at now and then; a GPU is not made to wait for it."""

    def __init__(self, device: torch.device) -> None:
        self._is_gpu = device.type == "cuda"
        self._here = torch.zeros((), dtype=torch.float64, pin_memory=self._is_gpu)
        self._value = self._here.numpy()  # the same memory
        self._copied: torch.cuda.Event | None = None

    def is_finite(self, number: torch.Tensor) -> bool:
        """Return whether the number is finite: on a CPU now, on a GPU when this was last asked."""
        if self._copied is not None:
            self._copied.synchronize()  # long since done
        was_finite = math.isfinite(float(self._value))
        self._here.copy_(number, non_blocking=True)
        if not self._is_gpu:
            return math.isfinite(float(self._value))
        self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._copied.record()
        return was_finite


def _apart(module: nn.Module) -> AbstractContextManager[None]:
    """Return the context in which gradients are added up on each rank alone."""
    return module.no_sync() if isinstance(module, DistributedDataParallel) else nullcontext()


def _check(skipped: Tally, seen: int, generation: str) -> None:
    if fault := skipped.fault(seen, "samples", generation):
        raise TooManySkippedError(fault, skipped.named)
