"""Files: open set, prototypes and enrolled cameras as JSON and safetensors, and back, every number checked.

`open_set.json` and `prototypes.safetensors` belong to a run; each enrolled camera is a safetensors file of its own,
whose header says what it is.
"""

import json
import re
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError

from corpus.errors import StorageError
from corpus.text import escaped
from train.model.loaded import Enrolled
from train.model.refusal import OpenSet
from train.model.scores import SCORES, Prototypes

OPEN_SET, PROTOTYPES = "open_set.json", "prototypes.safetensors"
FORMAT = 1
KEY = r"[a-z0-9]+(-[a-z0-9]+)*"
"""What a camera's key looks like, as in the catalogue."""
KEY_LENGTH_MAX = 64
ENROLLED_PHOTOS_MAX = 1000
_TEXT_LENGTH_MAX = 200
_OPEN_SET: TypeAdapter[OpenSet] = TypeAdapter(OpenSet)


def open_set_json(open_set: OpenSet) -> dict[str, Any]:
    """Return an open set as plain JSON."""
    return {"format": FORMAT, **_OPEN_SET.dump_python(open_set, mode="json")}


def read_open_set(value: Any, where: str) -> OpenSet:
    """Return an open set of JSON as `open_set_json` has it; raises StorageError for anything else."""
    try:
        if value["format"] != FORMAT:
            raise StorageError(f"{where} has format {value['format']!r}; this version reads {FORMAT}")
        open_set = _OPEN_SET.validate_python(value)
    except (KeyError, TypeError, ValidationError) as error:
        raise StorageError(f"{where} is no open set of a run: {error}") from error
    numbers = [open_set.scale]
    for refusal in (open_set.network, open_set.prototypes):
        numbers += [refusal.threshold, refusal.slope, refusal.offset]
        if refusal.score not in SCORES:
            raise StorageError(f"{where} names the score {refusal.score!r}; this version knows {', '.join(SCORES)}")
    if not np.isfinite(numbers).all():
        raise StorageError(f"{where} has numbers that are not finite")
    counts = [
        count
        for counted in (open_set.confusion, open_set.nearest)
        for row in counted.values()
        for count in row.values()
    ]
    if min(counts, default=0) < 0:
        raise StorageError(f"{where} has counts of photographs below 0")
    return open_set


def prototypes_bytes(prototypes: Prototypes) -> bytes:
    """Return prototypes as the bytes of a safetensors file; equal ones give equal bytes."""
    floats = {name: getattr(prototypes, name) for name in ("centre", "projection", "means", "weights")}
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array, np.float32)) for name, array in floats.items()}
    return safetensors.torch.save(tensors | {"cameras": torch.from_numpy(prototypes.cameras.astype(np.int64))})


def read_prototypes(data: bytes, classes: int, where: str) -> Prototypes:
    """Return the prototypes of a network of so many classes; raises StorageError where they are not."""
    tensors = _tensors(data, where)
    try:
        centre, projection, means, weights = (
            tensors[name].double().numpy() for name in ("centre", "projection", "means", "weights")
        )
        cameras = tensors["cameras"].numpy()
    except KeyError as error:
        raise StorageError(f"{where} lacks {error}") from error
    except TypeError as error:  # NumPy has no numbers of that kind
        raise StorageError(f"{where} holds no prototypes: {error}") from error
    size, rows = centre.shape[0] if centre.ndim == 1 else -1, cameras.size
    shapes = projection.shape == (size, size) and means.shape == (rows, size) and weights.shape == (rows,)
    if not shapes or cameras.ndim != 1 or cameras.dtype != np.int64 or not rows:
        raise StorageError(f"{where} holds no prototypes: its arrays do not fit each other")
    if cameras.min() < 0 or cameras.max() >= classes or not all(map(_is_finite, (centre, projection, means, weights))):
        raise StorageError(f"{where} holds no prototypes of these {classes} cameras")
    return Prototypes(centre, projection, means, cameras, weights, classes)


def enrolled_bytes(camera: Enrolled) -> bytes:
    """Return an enrolled camera as the bytes of a safetensors file; equal ones give equal bytes."""
    told = {"format": FORMAT, "key": camera.key, "name": camera.name, "maker": camera.maker, "devices": camera.devices}
    embeddings = torch.from_numpy(np.ascontiguousarray(camera.embeddings, np.float32))
    # one text alone, since several have no fixed order
    return safetensors.torch.save({"embeddings": embeddings}, {"enrolled": json.dumps(told, sort_keys=True)})


def read_enrolled(data: bytes, dimension: int, where: str) -> Enrolled:
    """Return an enrolled camera of embeddings of a dimension; raises StorageError where it is none."""
    tensors = _tensors(data, where)
    try:
        length = int.from_bytes(data[:8], "little")
        told = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["enrolled"])
        embeddings = tensors["embeddings"].double().numpy()
        key, name, maker, devices = told["key"], told["name"], told["maker"], tuple(told["devices"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"{where} is no enrolled camera: {error!r}") from error
    if told.get("format") != FORMAT:
        raise StorageError(f"{where} has format {told.get('format')!r}; this version reads {FORMAT}")
    texts = (key, name, *devices) if maker is None else (key, name, maker, *devices)
    if not all(isinstance(text, str) and is_shown(text) for text in texts) or not is_key(key):
        raise StorageError(f"{where} is no enrolled camera: its texts are none, or have characters that are not seen")
    if embeddings.ndim != 2 or embeddings.shape[1] != dimension or len(embeddings) != len(devices) or not len(devices):
        raise StorageError(f"{where} was enrolled in another network: its embeddings do not fit")
    if not _is_finite(embeddings) or len(embeddings) > ENROLLED_PHOTOS_MAX:
        raise StorageError(f"{where} is no enrolled camera: its embeddings are too many or not finite")
    return Enrolled(key, name, maker, embeddings, devices)


def is_key(key: str) -> bool:
    """Whether a text is a camera's key."""
    return len(key) <= KEY_LENGTH_MAX and re.fullmatch(KEY, key) is not None


def is_shown(text: str) -> bool:
    """Whether a text is short and has no character that is not seen or steers a terminal: a name to print."""
    return len(text) <= _TEXT_LENGTH_MAX and escaped(text) == text


def _tensors(data: bytes, where: str) -> dict[str, torch.Tensor]:
    try:
        tensors: dict[str, torch.Tensor] = safetensors.torch.load(data)
    except (safetensors.SafetensorError, RuntimeError, ValueError, KeyError) as error:
        raise StorageError(f"{where} is no safetensors file: {error}") from error
    return tensors


def _is_finite(array: Any) -> bool:
    return bool(np.isfinite(array).all())
