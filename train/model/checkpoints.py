"""Checkpoints: saves the state of a training as `checkpoints/epoch-NNNN/` and loads it again, without pickle.

A checkpoint is `state.safetensors` (weights, their average, the optimizer's moments by parameter name), `state.json`
(epochs and steps, the position in the sequence of samples, skipped tiles, history, what the unfinished epoch has come
to) and a marker, published last. One within an epoch is `epoch-NNNN-step-NNNNNNNN`, by the epochs that are finished and
the steps since. No random numbers are saved: those of a step are a function of its number. The last checkpoint and the
best by validation are kept. A checkpoint that does not fit the network is refused.
"""

import copy
from dataclasses import dataclass, field
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from corpus.errors import StorageError
from corpus.sections import Training
from corpus.storage import Store
from train.model.optimisation import make_optimizer

Metrics = dict[str, Any]

_TOLD = ("epochs_done", "steps_done", "samples_done", "history", "partial", "skipped")  # what state.json has


@dataclass
class TrainingState:
    """Everything a training consists of between two steps."""

    network: nn.Module
    average: nn.Module
    """Running average of the weights, which is what gets evaluated; the network itself where no average is kept."""
    optimizer: torch.optim.Optimizer
    epochs_done: int = 0
    steps_done: int = 0
    """Steps done in the epoch that is not finished."""
    samples_done: int = 0
    """Samples that all ranks together have consumed: the position in the sequence of samples."""
    history: list[Metrics] = field(default_factory=list)
    """One entry for each finished epoch."""
    partial: dict[str, float] = field(default_factory=dict)
    """What the epoch that is not finished has come to on all ranks (`train.fit.sums.Sums`); empty at its beginning."""
    skipped: list[dict[str, Any]] = field(default_factory=list)
    """Each tile that was skipped on any rank, by its first sample (`train.data.skipped.Skipped`)."""

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the finished epoch with the highest `validation_accuracy`, the latest of equals.

        Without validation it is the last epoch; before any epoch it is 0.
        """
        scores = [(entry.get("validation_accuracy", 0.0), entry["epoch"]) for entry in self.history]
        return max(scores)[1] if scores else 0


def first_state(network: nn.Module, settings: Training) -> TrainingState:
    """Return the state before the first epoch."""
    average = copy.deepcopy(network).requires_grad_(False).eval() if settings.average_decay else network
    return TrainingState(network, average, make_optimizer(network, settings))


def save_checkpoint(store: Store, directory: str, state: TrainingState) -> None:
    """Publish the state as a checkpoint below `directory`, then remove all but the last and the best one."""
    last = _name(state.epochs_done, state.steps_done)
    path = f"{directory}/{last}"
    store.publish(f"{path}/state.safetensors", to_safetensors(_tensors(state)))
    told = {name: getattr(state, name) for name in _TOLD}
    store.publish_json(f"{path}/state.json", told)
    store.mark_done(path, {"epochs_done": state.epochs_done})
    for name in store.names(directory):
        if name not in (last, _name(state.best_epoch)):
            store.remove(f"{directory}/{name}")


def load_checkpoint(store: Store, directory: str, state: TrainingState) -> None:
    """Set the state to the last whole checkpoint below `directory`, if there is one.

    Raises StorageError for a checkpoint of another network.
    """
    names = store.done_names(directory)
    if not names:
        return
    path = f"{directory}/{names[-1]}"
    saved = store.read_json(f"{path}/state.json")
    _restore(state, safetensors.torch.load(store.read(f"{path}/state.safetensors")), f"{store.url}: {path}")
    for name in _TOLD:
        setattr(state, name, saved[name])


def best_weights(store: Store, directory: str, state: TrainingState) -> dict[str, Tensor]:
    """Return the averaged weights of the best epoch's checkpoint, by their names in the network's state."""
    tensors = safetensors.torch.load(store.read(f"{directory}/{_name(state.best_epoch)}/state.safetensors"))
    part = "network." if state.average is state.network else "average."
    return {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}


def kept_weights(store: Store, directory: str) -> dict[str, dict[str, Tensor]]:
    """Return the averaged weights of each checkpoint that is kept below `directory`, by its name."""
    found = {}
    for name in store.done_names(directory):
        tensors = safetensors.torch.load(store.read(f"{directory}/{name}/state.safetensors"))
        part = "average." if any(each.startswith("average.") for each in tensors) else "network."
        found[name] = {each.removeprefix(part): tensor for each, tensor in tensors.items() if each.startswith(part)}
    return found


def load_weights(network: nn.Module, data: bytes, where: str) -> None:
    """Set a network's weights to those of a safetensors file; raises StorageError where they do not fit it."""
    try:
        network.load_state_dict(read_weights(data, where))
    except RuntimeError as error:
        raise StorageError(f"{where} does not fit the network of this run: {error}") from error


def read_weights(data: bytes, where: str) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name; raises StorageError where it is none."""
    try:
        return safetensors.torch.load(data)
    except (RuntimeError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise StorageError(f"{where} is no safetensors file that fits a network: {error}") from error


def to_safetensors(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a safetensors file; equal tensors give equal bytes."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(tensors.items())}
    )


def _name(epochs: int, steps: int = 0) -> str:
    """Return the name of a checkpoint; names sort as checkpoints follow each other."""
    return f"epoch-{epochs:04d}" + (f"-step-{steps:08d}" if steps else "")


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    if state.average is not state.network:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            if value is not None:  # SGD without momentum has none
                tensors[f"optimizer.{name}.{key}"] = value
    return tensors


def _restore(state: TrainingState, tensors: dict[str, Tensor], where: str) -> None:
    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    try:
        state.network.load_state_dict(part("network."))
        if state.average is not state.network:
            state.average.load_state_dict(part("average."))
    except RuntimeError as error:
        raise StorageError(f"{where} does not fit the network of this run: {error}") from error
    for name, parameter in state.network.named_parameters():
        moments = part(f"optimizer.{name}.")
        state.optimizer.state[parameter] = {
            # moments have their parameter's device and memory layout; the step's number stays on the CPU
            key: value if value.ndim == 0 else torch.empty_like(parameter).copy_(value)
            for key, value in moments.items()
        }
