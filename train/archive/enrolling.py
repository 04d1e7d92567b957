"""Enrolling: makes an enrolled camera of the crops of its photographs, and says how far it can be told from the others.

The network stays as it is. What is kept are the mean embeddings of the photographs, from which the camera's prototypes
are made when a model is loaded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from corpus.errors import StageError
from train.model.loaded import Enrolled, Model, crop_answers, photo_answers
from train.model.scores import Floats
from train.open_set.files import ENROLLED_PHOTOS_MAX, is_key, is_shown

PHOTOS_MIN = 3
PHOTOS_ADVISED = 10
"""Fewer photographs are taken, but a note says that more are better."""
_TRIED_MAX = 50


@dataclass(frozen=True)
class Check:
    """What a model says of the photographs of a camera that was just enrolled, each with the others enrolled alone."""

    tried: int
    named: int
    """How many get the camera's name."""
    nearest: str | None
    """The camera that most of the others get."""


def enrolled_of(
    model: Model, key: str, name: str, maker: str | None, crops: Sequence[Tensor], devices: Sequence[str]
) -> Enrolled:
    """Return a camera enrolled from the crops of its photographs: one tensor uint8 N×3×H×W and one device for each.

    `maker`: as EXIF has it; one that no file may hold is left out. Raises StageError for a key that is none or that the
    network knows, for a name that cannot be shown, for a model without prototypes, and for too few or too many
    photographs.
    """
    if not is_shown(name):
        raise StageError(f"--name {name}: is too long, or has characters that are not seen")
    if not is_key(key):
        raise StageError(f"{key}: is no camera's key: lower-case words joined by '-', such as iphone-6")
    if key in model.classes:
        raise StageError(f"{key}: the network of {model.name} was trained on this camera; there is nothing to enrol")
    if model.prototypes is None or model.open_set is None:
        raise StageError(
            f"{model.name}: has no prototypes to set a new camera beside: it was trained by an earlier version or "
            "without validation photographs; train anew"
        )
    if not PHOTOS_MIN <= len(crops) <= ENROLLED_PHOTOS_MAX:
        raise StageError(
            f"{key}: {len(crops)} readable photographs; {PHOTOS_MIN} to {ENROLLED_PHOTOS_MAX} are taken, and "
            f"{PHOTOS_ADVISED} to 50 advised"
        )
    counts = [len(each) for each in crops]
    batches = crop_answers(model.network, model.device, torch.cat(list(crops)), model.settings.batch)
    embeddings = photo_answers(*batches, counts)[2]
    maker = maker if maker is not None and is_shown(maker) else None
    return Enrolled(key, name, maker, np.asarray(embeddings, np.float32).astype(np.float64), tuple(devices))


def with_enrolled(model: Model, camera: Enrolled) -> Model:
    """Return the model with one camera more, in place of one of the same key."""
    return replace(model, enrolled=(*(each for each in model.enrolled if each.key != camera.key), camera))


def check(model: Model, camera: Enrolled, crops: Sequence[Tensor]) -> Check:
    """Return what the model says of the camera's own photographs, each left out of the enrolment in its turn."""
    number = min(len(crops), _TRIED_MAX)
    answers = []
    for place in range(number):
        others = np.arange(len(crops)) != place
        rest = replace(camera, embeddings=_rows(camera.embeddings, others), devices=_names(camera.devices, others))
        answers.append(with_enrolled(model, rest).judge(crops[place]).likeliest)
    wrong = [answer for answer in answers if answer != camera.key]
    return Check(number, number - len(wrong), max(sorted(set(wrong)), key=wrong.count) if wrong else None)


def _rows(array: Floats, mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    rows: Floats = array[mask]
    return rows


def _names(names: Sequence[str], mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[str, ...]:
    return tuple(name for name, is_kept in zip(names, mask.tolist(), strict=True) if is_kept)
