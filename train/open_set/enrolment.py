"""Enrolment measured: adds held-out cameras from a few of their photographs, and asks how well others are then named.

A held-out camera is enrolled alone beside the network's cameras, from n training photographs of d of its devices, in
several draws; the photographs asked about are by its other devices, those of the test split, and all test
photographs of the known cameras, which must keep their names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from train.estimation.bootstrap import intervals, or_none
from train.model.loaded import OpenSet, joined_shares
from train.model.scores import Floats, Numbers, Prototypes, evidence, softmax
from train.open_set.figures import DRAWS
from train.open_set.photographs import Photographs

PHOTOS = (1, 2, 5, 10, 20, 50)
"""Numbers of photographs that a camera is enrolled from."""
DEVICES = (1, 2, 4)
REPEATS = 5
"""Draws of the photographs that a camera is enrolled from."""


@dataclass(frozen=True, eq=False)
class Trial:
    """What cameras are enrolled in, from what, and who is asked."""

    classes: Sequence[str]
    open_set: OpenSet
    prototypes: Prototypes
    temperature: float
    offered: Photographs
    """Photographs of unknown cameras to enrol from."""
    asked: Photographs
    """Photographs of the same cameras by other devices."""
    known: Photographs
    """Test photographs of the network's own cameras."""


def enrolment_figures(trial: Trial) -> list[dict[str, Any]]:
    """Return a row for each number of photographs and of devices that any camera can be enrolled from.

    `recall`: share of the photographs asked about that get the enrolled camera's name, the mean over cameras, with its
    interval by device. `known_kept`: of the known photographs that were named right before, the share that still is.
    `known_taken`: share of the known photographs that get the enrolled camera's name.
    """
    rows = []
    for devices in DEVICES:
        for photos in PHOTOS:
            tried = [_enrolled(trial, camera, photos, devices) for camera in sorted(set(trial.asked.cameras))]
            found = [one for one in tried if one is not None]
            if found:
                rows.append(_row(photos, devices, found, trial))
    return rows


@dataclass(frozen=True, eq=False)
class _Enrolment:
    """What naming was like with one camera enrolled, the mean over several draws."""

    camera: str
    hits: Floats
    """Of each photograph asked about, the share of draws in which it got the camera's name."""
    mine: Numbers
    """Places of these photographs among all that are asked about."""
    kept: Floats
    """Of each known photograph that was named right before, the share of draws in which it still was; else NaN."""
    taken: Floats
    """Of each known photograph, the share of draws in which it got the camera's name."""


def _enrolled(trial: Trial, camera: str, photos: int, devices: int) -> _Enrolment | None:
    """Return how one camera fared; None where it has not so many photographs or devices to enrol from."""
    offered, known = trial.offered, trial.known
    mine = np.flatnonzero([each == camera for each in trial.asked.cameras])
    of_device: dict[str, list[int]] = {}
    for place, (own, device) in enumerate(zip(offered.cameras, offered.devices, strict=True)):
        if own == camera:
            of_device.setdefault(device, []).append(place)
    if len(of_device) < devices or photos < devices or not len(mine):
        return None
    hits, kept, taken = [], [], []
    labels = known.labels(trial.classes)
    before = known.log_shares[:, 0].argmax(axis=1) == labels
    number = len(trial.classes)
    for repeat in range(REPEATS):
        drawn = drawn_photographs(of_device, photos, devices, repeat)
        if len(drawn) < photos:
            return None
        names = [offered.devices[row] for row in drawn]
        prototypes = trial.prototypes.joined(offered.embeddings[np.array(drawn), 0], names)
        answers = _answers(trial, prototypes, known)
        hits.append(_answers(trial, prototypes, trial.asked.of(mine)) == number)
        kept.append(np.where(before, answers == labels, np.nan))
        taken.append(answers == number)
    return _Enrolment(camera, np.mean(hits, axis=0), mine, np.mean(kept, axis=0), np.mean(taken, axis=0))


def drawn_photographs(of_device: dict[str, list[int]], photos: int, devices: int, repeat: int) -> list[int]:
    """Return up to `photos` photographs of some devices drawn at random, of each device about as many."""
    rng = np.random.default_rng([photos, devices, repeat])
    names = sorted(of_device)
    chosen = [names[place] for place in rng.permutation(len(names))[:devices].tolist()]
    queues = [rng.permutation(of_device[name]).tolist() for name in chosen]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    return turns[:photos]


def _answers(trial: Trial, prototypes: Prototypes, photos: Photographs) -> Numbers:
    log_shares, logits, embeddings = photos.under(0)
    matrix = evidence(trial.open_set.prototypes.score, logits, embeddings, prototypes)
    near = softmax(matrix * trial.open_set.scale)
    answers: Numbers = joined_shares(softmax(log_shares / trial.temperature), near).argmax(axis=1)
    return answers


def _row(photos: int, devices: int, found: Sequence[_Enrolment], trial: Trial) -> dict[str, Any]:
    mine = np.concatenate([one.mine for one in found])
    hits = np.concatenate([one.hits for one in found])
    weights = np.concatenate([np.full(len(one.mine), len(mine) / len(found) / len(one.mine)) for one in found])
    labels = np.repeat(np.arange(len(found)), [len(one.mine) for one in found])
    names = [trial.asked.devices[place] for place in mine.tolist()]
    kept, taken = (np.mean(shares, axis=0) for shares in zip(*((one.kept, one.taken) for one in found), strict=True))
    known, was_right = trial.known, ~np.isnan(kept)
    cameras = known.labels(trial.classes)
    rightly = [device for device, own in zip(known.devices, was_right.tolist(), strict=True) if own]
    return {
        "photos": photos,
        "devices": devices,
        "cameras": len(found),
        "recall": float((hits * weights).mean()),
        "interval": or_none(intervals(hits * weights, names, labels, DRAWS)[0]),
        "known_kept": float(kept[was_right].mean()) if was_right.any() else 0.0,
        "known_kept_interval": or_none(intervals(kept[was_right], rightly, cameras[was_right], DRAWS)[0])
        if was_right.any()
        else None,
        "known_taken": float(taken.mean()),
        "known_taken_interval": or_none(intervals(taken, known.devices, cameras, DRAWS)[0]),
        "by_camera": {one.camera: float(one.hits.mean()) for one in found},
    }
