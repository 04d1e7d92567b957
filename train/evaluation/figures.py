"""Figures: computes all figures of `evaluation.json` from a table of probabilities.

The score is the challenge's: 0.7 × accuracy on unaltered photographs + 0.3 × accuracy on manipulated ones, the latter
the mean over the eight manipulations.
"""

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError
from train.evaluation.probabilities import UNALTERED, ProbabilityTable

UNALTERED_WEIGHT, MANIPULATED_WEIGHT = 0.7, 0.3
_Z_95 = 1.959964  # two-sided 95 % of the normal distribution


def figures(table: ProbabilityTable, classes: Sequence[str]) -> dict[str, Any]:
    """Return all figures of an evaluation.

    `accuracy`: by condition. `weighted_accuracy` and `unaltered`: each with its 95 % interval, which takes photographs
    as independent though those of one device are so only in part. `chance`: the accuracy of always answering the
    commonest camera. `cameras`: recall and precision of each camera, None where the denominator is 0. `confusion`:
    photographs by true and answered camera, unaltered and manipulated. Raises StageError for a table without
    photographs.
    """
    photos = len(table.photos)
    if not photos and table.skipped:
        first = min(table.skipped)
        raise StageError(
            f"evaluation: the tiles of all {len(table.skipped)} photographs to evaluate on are damaged, the first is "
            f"{first.key} in {first.tar}: {first.what}; "
            "python -m shards.verify names all that is damaged and how to mend it"
        )
    if not photos:
        raise StageError("evaluation: there are no photographs to evaluate on; crawl more devices, then curate again")
    answers = table.probabilities.argmax(axis=2)
    right = answers == table.labels[:, None]
    accuracy = dict(zip(table.conditions, right.mean(axis=0).tolist(), strict=True))
    manipulations = [condition for condition in table.conditions if condition != UNALTERED]
    unaltered = accuracy[UNALTERED]
    manipulated = float(np.mean([accuracy[condition] for condition in manipulations]))
    weighted = UNALTERED_WEIGHT * unaltered + MANIPULATED_WEIGHT * manipulated
    plain = table.conditions.index(UNALTERED)
    others = [place for place in range(len(table.conditions)) if place != plain]
    confusion = confusion_matrix(table.labels, answers[:, plain], len(classes))
    by_condition = [confusion_matrix(table.labels, answers[:, place], len(classes)) for place in others]
    manipulated_confusion = np.sum(by_condition, axis=0)
    return {
        "photos": photos,
        "devices": len(set(table.devices)),
        "accuracy": accuracy,
        "unaltered": unaltered,
        "unaltered_interval": wilson_interval(unaltered, photos),
        "manipulated": manipulated,
        "weighted_accuracy": weighted,
        "weighted_interval": wilson_interval(weighted, photos),
        "chance": int(np.bincount(table.labels).max()) / photos,
        "cameras": _cameras(table, classes, confusion, right[:, others]),
        "confusion": {"unaltered": confusion.tolist(), "manipulated": manipulated_confusion.tolist()},
    }


def confusion_matrix(
    labels: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int
) -> npt.NDArray[np.int64]:
    """Return how often photographs of each true camera (row) got each answer (column)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, answers), 1)
    return matrix


def wilson_interval(share: float, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share of `trials` independent trials (Wilson, JASA 22, 1927).

    Also valid, if slightly wide, for the mean of scores within 0..1: their variance is at most share × (1 − share).
    """
    z2 = _Z_95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z_95 / (1 + z2 / trials) * sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _cameras(
    table: ProbabilityTable,
    classes: Sequence[str],
    confusion: npt.NDArray[np.int64],
    right_manipulated: npt.NDArray[np.bool_],
) -> list[dict[str, Any]]:
    rows = []
    for label, camera in enumerate(classes):
        own = table.labels == label
        hits, photos, answered = int(confusion[label, label]), int(own.sum()), int(confusion[:, label].sum())
        devices = {device for device, mine in zip(table.devices, own, strict=True) if mine}
        rows.append(
            {
                "camera": camera,
                "photos": photos,
                "devices": len(devices),
                "recall": hits / photos if photos else None,
                "precision": hits / answered if answered else None,
                "recall_manipulated": float(right_manipulated[own].mean()) if photos else None,
            }
        )
    return rows
