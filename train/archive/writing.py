"""Writing: puts the parts of a model into one file to hand on, with its card.

Members are stored uncompressed and without times, so equal parts give equal bytes, and the file's SHA-256 names them.
What only concerns the machine that trained (its cache folder, its processes, the file its weights began with) stays
behind.
"""

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from corpus.errors import StorageError
from corpus.storage import json_bytes, open_store
from train.archive.card import model_card
from train.archive.parts import Parts
from train.archive.reading import CARD, FORMAT, MODEL, PROTOTYPES, WEIGHTS, of_no_machine, shown
from train.archive.stated import check_stated

_MADE_AT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can say
_KEPT_FIGURES = (
    "run", "epoch", "generation", "split", "photos", "devices", "chance", "weighted_accuracy", "weighted_interval",
    "unaltered", "unaltered_interval", "manipulated", "manipulated_interval", "accuracy", "accuracy_intervals",
    "cameras", "notes", "calibration", "open_set", "honesty", "off_grid",
)  # fmt: skip


def write_archive(parts: Parts, target: Path) -> str:
    """Write a model into a file, whole or not at all, and return the file's SHA-256."""
    data = archive_bytes(parts)
    open_store(str(target.resolve().parent)).publish(target.name, data)
    return hashlib.sha256(data).hexdigest()


def archive_bytes(parts: Parts) -> bytes:
    """Return a model as the bytes of a file to hand on; equal parts give equal bytes.

    Raises StorageError for cameras whose names no file may hold, and for figures that are none.
    """
    check_stated(parts.evaluation, parts.where)
    try:
        shown(parts.cameras)
    except ValueError as error:
        raise StorageError(f"{parts.where}: {error}; mend its entry in the catalogue") from error
    members = {WEIGHTS: parts.weights}
    if parts.prototypes is not None:
        members[PROTOTYPES] = parts.prototypes
    members |= {f"enrolled/{key}.safetensors": data for key, data in zip(keys_of(parts), parts.enrolled, strict=True)}
    members[CARD] = model_card(parts).encode()
    told = _told(parts) | {"sha256": {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}}
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((MODEL, json_bytes(told)), *sorted(members.items())):
            info = zipfile.ZipInfo(name, _MADE_AT)
            info.external_attr = 0o644 << 16
            info.create_system = 3  # Unix, whatever the machine
            archive.writestr(info, data)
    return sink.getvalue()


def _told(parts: Parts) -> dict[str, Any]:
    config = parts.config
    return {
        "kind": "shutterprint model",
        "format": FORMAT,
        "run": parts.name,
        "generation": config.generation,
        "classes": list(config.classes),
        "train": of_no_machine(config.train).model_dump(mode="json"),
        "catalogue": [camera.model_dump(mode="json") for camera in parts.cameras],
        "calibration": dict(parts.calibration),
        "open_set": None if parts.open_set is None else dict(parts.open_set),
        "evaluation": {key: parts.evaluation[key] for key in _KEPT_FIGURES if key in parts.evaluation},
    }


def keys_of(parts: Parts) -> list[str]:
    """Return the keys of the enrolled cameras."""
    keys = []
    for data in parts.enrolled:
        length = int.from_bytes(data[:8], "little")
        keys.append(str(json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["enrolled"])["key"]))
    return keys
