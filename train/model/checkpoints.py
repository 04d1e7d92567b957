"""Checkpoints: the state of a training in, `checkpoints/epoch-NNNN/` out, and the way back; no pickle anywhere.

A checkpoint is `state.safetensors` (weights, their average, the optimizer's moments by parameter name), `state.json`
(epoch and history) and a marker, published last. Kept are the last one and the best one by validation. Refused: a
checkpoint that does not fit the network.
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


@dataclass
class TrainingState:
    """All that a training is between two epochs."""

    network: nn.Module
    average: nn.Module
    """Running average of the network's weights, the one evaluated; the network itself where there is none."""
    optimizer: torch.optim.Optimizer
    epochs_done: int = 0
    history: list[Metrics] = field(default_factory=list)
    """One entry a finished epoch."""

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the finished epoch with the highest `validation_accuracy`, the later one of equals.

        Without validation the last one; 0 before any.
        """
        scores = [(entry.get("validation_accuracy", 0.0), entry["epoch"]) for entry in self.history]
        return max(scores)[1] if scores else 0


def first_state(network: nn.Module, settings: Training) -> TrainingState:
    """Return the state before the first epoch."""
    average = copy.deepcopy(network).requires_grad_(False).eval() if settings.average_decay else network
    return TrainingState(network, average, make_optimizer(network, settings))


def save_checkpoint(store: Store, directory: str, state: TrainingState) -> None:
    """Publish the state as a checkpoint below `directory`, then remove those that are neither last nor best."""
    path = f"{directory}/{_name(state.epochs_done)}"
    store.publish(f"{path}/state.safetensors", to_safetensors(_tensors(state)))
    store.publish_json(f"{path}/state.json", {"epochs_done": state.epochs_done, "history": state.history})
    store.mark_done(path, {"epochs_done": state.epochs_done})
    for name in store.names(directory):
        if name not in (_name(state.epochs_done), _name(state.best_epoch)):
            _remove(store, f"{directory}/{name}")


def load_checkpoint(store: Store, directory: str, state: TrainingState) -> None:
    """Set the state to the last whole checkpoint below `directory`, where there is one.

    Raises StorageError for a checkpoint of another network.
    """
    names = store.done_names(directory)
    if not names:
        return
    path = f"{directory}/{names[-1]}"
    saved = store.read_json(f"{path}/state.json")
    _restore(state, safetensors.torch.load(store.read(f"{path}/state.safetensors")), f"{store.url}: {path}")
    state.epochs_done, state.history = saved["epochs_done"], saved["history"]


def best_weights(store: Store, directory: str, state: TrainingState) -> dict[str, Tensor]:
    """Return the averaged weights of the best epoch's checkpoint, by the names of the network's state."""
    tensors = safetensors.torch.load(store.read(f"{directory}/{_name(state.best_epoch)}/state.safetensors"))
    part = "network." if state.average is state.network else "average."
    return {name.removeprefix(part): tensor for name, tensor in tensors.items() if name.startswith(part)}


def load_weights(network: nn.Module, data: bytes, where: str) -> None:
    """Set a network's weights to those of a safetensors file; raises StorageError where they do not fit it."""
    try:
        network.load_state_dict(safetensors.torch.load(data))
    except (RuntimeError, safetensors.SafetensorError) as error:
        raise StorageError(f"{where} does not fit the network of this run: {error}") from error


def to_safetensors(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as the bytes of a safetensors file; equal tensors give equal bytes."""
    return safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in sorted(tensors.items())}
    )


def _name(epoch: int) -> str:
    return f"epoch-{epoch:04d}"


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"network.{name}": tensor for name, tensor in state.network.state_dict().items()}
    if state.average is not state.network:
        tensors |= {f"average.{name}": tensor for name, tensor in state.average.state_dict().items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
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
            # moments lie as their parameter does; the step's number stays on the CPU
            key: value if value.ndim == 0 else torch.empty_like(parameter).copy_(value)
            for key, value in moments.items()
        }


def _remove(store: Store, path: str) -> None:
    """Remove a checkpoint, its marker first: a half removed one must not look whole."""
    store.remove(path)
