"""Parts: everything that a trained model consists of, as plain data, and the model that they make.

A run's folder and a file handed on have the same parts, so both give the same model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.errors import ConfigurationError, StorageError
from train.model.checkpoints import read_weights
from train.model.loaded import Enrolled, Model
from train.model.network import CameraNetwork, fill_network, outline_network
from train.open_set.files import read_enrolled, read_open_set, read_prototypes
from train.runs.run import RunConfig

_CROP_PX_MAX = 1024
"""Twice the square that is judged: what is read must not ask for more memory than a machine has."""


@dataclass(frozen=True)
class Parts:
    """A trained model as plain data; `where` is for messages."""

    where: str
    name: str
    """The run's name."""
    config: RunConfig
    weights: bytes
    """safetensors."""
    cameras: tuple[Camera, ...] = ()
    """Catalogue entries of the cameras, where they are known."""
    calibration: Mapping[str, Any] = field(default_factory=dict)
    open_set: Mapping[str, Any] | None = None
    """As JSON."""
    prototypes: bytes | None = None
    """safetensors."""
    enrolled: Sequence[bytes] = ()
    """safetensors, one for each camera, by key."""
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """As the run published it."""


def model_of(parts: Parts) -> Model:
    """Return the model, on the GPU where torch sees one; raises StorageError where the parts do not fit each other."""
    config = parts.config
    if config.train.crop_px > _CROP_PX_MAX:
        raise StorageError(f"{parts.where}: crops of {config.train.crop_px} px are beyond {_CROP_PX_MAX}")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    settings = config.train
    network = _network(parts)
    open_set = prototypes = None
    if parts.open_set is not None and parts.prototypes is not None:
        open_set = read_open_set(parts.open_set, f"{parts.where}: open_set.json")
        where = f"{parts.where}: prototypes.safetensors"
        prototypes = read_prototypes(parts.prototypes, len(config.classes), where)
        if len(prototypes.centre) != network.features:
            raise StorageError(f"{where} has {len(prototypes.centre)} dimensions, the network {network.features}")
    enrolled: list[Enrolled] = []
    for number, data in enumerate(parts.enrolled):
        if prototypes is None:
            raise StorageError(f"{parts.where}: has enrolled cameras but no prototypes; train it anew")
        enrolled.append(read_enrolled(data, len(prototypes.centre), f"{parts.where}: enrolled camera {number + 1}"))
    keys = [*config.classes, *(each.key for each in enrolled)]
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise StorageError(f"{parts.where}: has two cameras of the key {doubled[0]}; remove the enrolled one")
    return Model(
        name=parts.name,
        generation=config.generation,
        network=network.to(device).eval(),
        device=device,
        classes=config.classes,
        settings=settings,
        catalogue=Catalogue(cameras=parts.cameras),
        temperature=temperature_of(parts.calibration, parts.where),
        open_set=open_set,
        prototypes=prototypes,
        enrolled=tuple(enrolled),
    )


def _network(parts: Parts) -> CameraNetwork:
    """Return the network with its weights; a name alone must not ask for the memory of a network of any size."""
    settings, classes = parts.config.train, len(parts.config.classes)
    where = f"{parts.where}: weights.safetensors"
    weights = read_weights(parts.weights, where)
    try:
        return fill_network(outline_network(settings, classes), settings, classes, weights)
    except ConfigurationError as error:
        raise StorageError(f"{parts.where}: its network cannot be built: {error}") from error
    except (RuntimeError, ValueError) as error:
        raise StorageError(f"{where} does not fit the network {settings.network!r}: {error}") from error


def temperature_of(calibration: Mapping[str, Any], where: str) -> float:
    """Return the temperature of a run's calibration, 1 where none was found; raises StorageError for nonsense."""
    value = calibration.get("temperature")
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1e-3 < value < 1e3:
        raise StorageError(f"{where}: calibration.json: temperature {value!r} is no number from 0.001 to 1000")
    return float(value)
