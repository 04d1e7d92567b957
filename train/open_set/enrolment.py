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
from train.model.refusal import OpenSet, named, own_threshold
from train.model.scores import Floats, Numbers, Prototypes, softmax
from train.open_set.figures import DRAWS
from train.open_set.photographs import Photographs

PHOTOS = (1, 2, 5, 10, 20, 50)
"""Numbers of photographs that a camera is enrolled from."""
DEVICES = (1, 2, 4)
NONE = -1
"""The answer that a photograph is none of these."""
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

    A photograph is named by the likeliest camera, unless it is refused as none of these. `recall`: share of the
    photographs asked about that get the enrolled camera's name, the mean over cameras, with its interval by device.
    `refused`: share of them that is refused. `known_kept`: of the known photographs that were named right before, the
    share that still is. `known_taken`: share of the known photographs that get the enrolled camera's name.
    `others_taken`: share of the photographs of the other unknown cameras that get it; None where there are none.
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
    refused: Floats
    """Of each of them, the share of draws in which it was none of these."""
    mine: Numbers
    """Places of these photographs among all that are asked about."""
    kept: Floats
    """Of each known photograph that was named right before, the share of draws in which it still was; else NaN."""
    taken: Floats
    """Of each known photograph, the share of draws in which it got the camera's name."""
    others: Floats
    """The same of each photograph of the other unknown cameras."""


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
    asked, others = trial.asked.of(mine), trial.asked.of(_others(trial, mine))
    labels = known.labels(trial.classes)
    before = _answers(trial, trial.prototypes, [], known) == labels
    number = len(trial.classes)
    draws = []
    for repeat in range(REPEATS):
        drawn = drawn_photographs(of_device, photos, devices, repeat)
        if len(drawn) < photos:
            return None
        names = [offered.devices[row] for row in drawn]
        embeddings = offered.embeddings[np.array(drawn), 0]
        prototypes = trial.prototypes.joined(embeddings, names)
        thresholds = [own_threshold(trial.open_set, trial.prototypes, embeddings, names)]
        of_asked, of_known, of_others = (
            _answers(trial, prototypes, thresholds, photographs) for photographs in (asked, known, others)
        )
        kept = np.where(before, of_known == labels, np.nan)
        draws.append((of_asked == number, of_asked == NONE, kept, of_known == number, of_others == number))
    hits, refused, still, taken, others_taken = (np.mean(each, axis=0) for each in zip(*draws, strict=True))
    return _Enrolment(camera, hits, refused, mine, still, taken, others_taken)


def drawn_photographs(of_device: dict[str, list[int]], photos: int, devices: int, repeat: int) -> list[int]:
    """Return up to `photos` photographs of some devices drawn at random, of each device about as many."""
    rng = np.random.default_rng([photos, devices, repeat])
    names = sorted(of_device)
    chosen = [names[place] for place in rng.permutation(len(names))[:devices].tolist()]
    queues = [rng.permutation(of_device[name]).tolist() for name in chosen]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    return turns[:photos]


def _answers(trial: Trial, prototypes: Prototypes, thresholds: Sequence[float], photos: Photographs) -> Numbers:
    """Return the number of the camera that each photograph is named by, NONE where it is none of these."""
    if not len(photos):
        return np.empty(0, np.int64)
    log_shares, logits, embeddings = photos.under(0)
    found = named(trial.open_set, prototypes, thresholds, softmax(log_shares / trial.temperature), logits, embeddings)
    return np.where(found.refused, NONE, found.answers)


def _others(trial: Trial, mine: Numbers) -> Numbers:
    """Return the places of the photographs asked about that are of other cameras."""
    return np.setdiff1d(np.arange(len(trial.asked)), mine)


def _row(photos: int, devices: int, found: Sequence[_Enrolment], trial: Trial) -> dict[str, Any]:
    mine = np.concatenate([one.mine for one in found])
    weights = np.concatenate([np.full(len(one.mine), len(mine) / len(found) / len(one.mine)) for one in found])
    labels = np.repeat(np.arange(len(found)), [len(one.mine) for one in found])
    names = [trial.asked.devices[place] for place in mine.tolist()]
    hits, refused = (np.concatenate(each) for each in zip(*((one.hits, one.refused) for one in found), strict=True))
    kept, taken = (np.mean(each, axis=0) for each in zip(*((one.kept, one.taken) for one in found), strict=True))
    known, was_right = trial.known, ~np.isnan(kept)
    cameras = known.labels(trial.classes)
    rightly = [device for device, own in zip(known.devices, was_right.tolist(), strict=True) if own]
    others = np.concatenate([one.others for one in found])
    places = [_others(trial, one.mine) for one in found]
    taken_for = np.repeat(np.arange(len(found)), [len(each) for each in places])
    of_others = [trial.asked.devices[place] for place in np.concatenate(places).tolist()]
    shares = {
        "recall": (hits * weights, names, labels),
        "refused": (refused * weights, names, labels),
        "known_kept": (kept[was_right], rightly, cameras[was_right]),
        "known_taken": (taken, known.devices, cameras),
        "others_taken": (others, of_others, taken_for),
    }
    figures: dict[str, Any] = {}
    for name, (values, of_device, of_class) in shares.items():
        figures[name] = float(values.mean()) if len(values) else None
        found_interval = or_none(intervals(values, of_device, of_class, DRAWS)[0]) if len(values) else None
        figures["interval" if name == "recall" else f"{name}_interval"] = found_interval
    return {
        "photos": photos,
        "devices": devices,
        "cameras": len(found),
        **figures,
        "by_camera": {one.camera: float(one.hits.mean()) for one in found},
    }
