"""Comparison: paired differences between two sides, each one run or several, on the photographs that both have judged.

Several runs of a side are its seeds, whose mean is compared, or its folds, which judge other photographs each. The same
photographs under the same conditions are on both sides, and devices are drawn within cameras, so that what makes a
device hard weighs on both alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError
from train.data.answers import Answers
from train.estimation.bootstrap import resamples
from train.evaluation.figures import SCORES, figure, means, scores

SCATTER = 0.05
"""A difference of single runs that the scatter of their seeds alone can make: one recipe with three seeds gave standard
deviations of the weighted accuracy up to .035."""


@dataclass(frozen=True, eq=False)
class Side:
    """What one side got right of each photograph, on average over its runs."""

    photos: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    devices: tuple[str, ...]
    values: npt.NDArray[np.float64]
    """Photographs × (SCORES, conditions)."""
    weighted: tuple[float, ...]
    """The weighted accuracy of each run."""
    runs_of_photo: int
    """By how many runs each photograph was judged, at least: one where runs are folds."""
    is_shared: bool
    """Whether all runs judged the same photographs, so that they differ by themselves alone."""


def side_of(runs: Sequence[Answers], conditions: Sequence[str]) -> Side:
    """Return one side; raises StageError where its runs disagree on the camera of a photograph."""
    sums: dict[str, list[npt.NDArray[np.float64]]] = {}
    told: dict[str, tuple[int, str]] = {}
    weighted = []
    for answers in runs:
        right = answers.under(*conditions).right()
        values = np.column_stack([scores(right, conditions), right])
        weighted.append(float(values[:, SCORES.index("weighted")].mean()))
        for row, photo in enumerate(answers.photos):
            known = (int(answers.labels[row]), answers.devices[row])
            if told.setdefault(photo, known)[0] != known[0]:
                raise StageError(f"photo {photo} has two labels; the runs are of generations with other classes")
            sums.setdefault(photo, []).append(values[row])
    photos = tuple(told)
    return Side(
        photos,
        np.array([told[photo][0] for photo in photos], np.int64),
        tuple(told[photo][1] for photo in photos),
        np.stack([np.mean(sums[photo], axis=0) for photo in photos]) if photos else np.zeros((0, 0)),
        tuple(weighted),
        min(map(len, sums.values()), default=0),
        all(len(values) == len(runs) for values in sums.values()),
    )


def compare(first: Sequence[Answers], second: Sequence[Answers]) -> dict[str, Any]:
    """Return the scores of both sides and the differences, second less first, with their intervals.

    Raises StageError where the sides know other numbers of cameras, or share no photographs or not the unaltered
    condition.
    """
    cameras = [answers.logits.shape[-1] for answers in (*first, *second)]
    if len(set(cameras)) > 1:
        raise StageError(
            f"the runs know {' and '.join(map(str, sorted(set(cameras))))} cameras, so their chances differ; compare "
            "runs of one generation and of the same train.held_out_cameras"
        )
    conditions = [name for name in first[0].conditions if all(name in each.conditions for each in (*first, *second))]
    if "unaltered" not in conditions:
        raise StageError("the runs were judged under other conditions: they share no unaltered photographs")
    one, other = side_of(first, conditions), side_of(second, conditions)
    place = {photo: row for row, photo in enumerate(other.photos)}
    rows = np.array([row for row, photo in enumerate(one.photos) if photo in place], np.int64)
    if not len(rows):
        raise StageError("the runs have judged no photograph in common: compare runs of one generation and split")
    partners = np.array([place[one.photos[row]] for row in rows], np.int64)
    labels, devices = one.labels[rows], [one.devices[row] for row in rows]
    if (labels != other.labels[partners]).any():
        raise StageError("the runs disagree on which camera a photograph is of; compare runs of one generation")
    drawn = resamples(devices, labels)
    values = one.values[rows], other.values[partners]
    both = [means(each, drawn) for each in values]
    differences = means(values[1] - values[0], drawn)
    names = (*SCORES, *(name for name in conditions if name not in SCORES))
    columns = [*range(len(SCORES)), *(len(SCORES) + conditions.index(name) for name in names[len(SCORES) :])]
    weights = SCORES.index("weighted")
    by_camera = []
    for label in np.unique(labels).tolist():
        own = labels == label
        alone = resamples([device for device, mine in zip(devices, own, strict=True) if mine], labels[own])
        difference = (values[1] - values[0])[own, weights]
        by_camera.append(
            {
                "label": label,
                "photos": int(own.sum()),
                "devices": alone.counts.shape[1],
                "difference": figure(float(difference.mean()), alone.interval(alone.means(difference))[0]),
            }
        )
    return {
        "photos": len(rows),
        "devices": drawn.counts.shape[1],
        "left_out": len(one.photos) + len(other.photos) - 2 * len(rows),
        "single_device_labels": list(drawn.single),
        "figures": [
            {"figure": name, "first": both[0][column], "second": both[1][column], "difference": differences[column]}
            for name, column in zip(names, columns, strict=True)
        ],
        "by_camera": by_camera,
        "runs": [_scatter(one), _scatter(other)],
    }


def notes_of(compared: Mapping[str, Any]) -> list[str]:
    """Return what a reader of a comparison must know."""
    notes = []
    if compared["left_out"]:
        notes.append(f"{compared['left_out']} photographs were judged by one side alone and are left out.")
    if compared["devices"] < 2:
        notes.append("All photographs are by one device, so no interval can be given.")
    elif compared["single_device_labels"]:
        notes.append(
            f"{len(compared['single_device_labels'])} cameras have one device; in the intervals they were drawn "
            "together, which makes these wide."
        )
    if any(side["runs_of_photo"] == 1 for side in compared["runs"]):
        notes.append(
            "A side has a single run of each photograph. Runs that differ in their seed alone scatter, so a difference "
            f"below {SCATTER:.2f} says little: give several seeds a side, separated by commas."
        )
    return notes


def _scatter(side: Side) -> dict[str, Any]:
    """Return the weighted accuracy of each run, and their scatter where they judged the same photographs."""
    weighted = list(side.weighted)
    scatters = side.is_shared and len(weighted) > 1
    return {
        "weighted": weighted,
        "runs_of_photo": side.runs_of_photo,
        "standard_deviation": float(np.std(weighted, ddof=1)) if scatters else None,
    }
