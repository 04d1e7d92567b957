"""Figures: computes the figures of `evaluation.json` from answers, each with its 95 % interval by device.

The score is the challenge's: 0.7 × accuracy on unaltered photographs + 0.3 × accuracy on manipulated ones, the latter
the mean over the eight manipulations. A figure is `{"value", "interval"}`; the interval is None where there are not two
devices to tell how devices differ (`train.estimation.bootstrap`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError
from train.data.answers import UNALTERED, Answers
from train.estimation.bootstrap import Resamples, balanced_mean, or_none, resamples
from train.estimation.calibration import (
    calibration_gaps,
    error_by_chance,
    expected_calibration_error,
    reliability,
)
from train.estimation.permutation import chance_of

UNALTERED_WEIGHT, MANIPULATED_WEIGHT = 0.7, 0.3
PLAIN, CHANGED, WEIGHTED = "unaltered", "manipulated", "weighted"
SCORES = (PLAIN, CHANGED, WEIGHTED)
TOP = (2, 3, 5)

Figure = dict[str, Any]
Floats = npt.NDArray[np.float64]


def figures(answers: Answers, classes: Sequence[str], temperature: float = 1.0) -> dict[str, Any]:
    """Return the figures of an evaluation under the challenge's conditions.

    `accuracy`: by condition. `chance`: the accuracy of always answering the commonest camera. `permuted`: the weighted
    accuracy where the labels of devices are permuted. `cameras`: recall and
    precision of each camera, None where the denominator is 0. `confusion`: photographs by true and answered camera,
    unaltered and manipulated. `temperature` is that of `calibration`. Raises StageError for answers for no photographs.
    """
    photos = len(answers.photos)
    if not photos and answers.skipped:
        first = min(answers.skipped)
        raise StageError(
            f"evaluation: the tiles of all {len(answers.skipped)} photographs to evaluate on are damaged, the first is "
            f"{first.key} in {first.tar}: {first.what}; "
            "python -m shards.verify names all that is damaged and how to mend it"
        )
    if not photos:
        raise StageError("evaluation: there are no photographs to evaluate on; crawl more devices, then curate again")
    drawn = resamples(answers.devices, answers.labels)
    right = answers.right()
    by_condition = means(right, drawn)
    plain, changed, weighted = means(scores(right, answers.conditions), drawn)
    answered = answers.log_probabilities().argmax(axis=2)
    confusion = {
        name: _confusion(answers.labels, answered[:, places], len(classes))
        for name, places in _places(answers.conditions).items()
    }
    return {
        "photos": photos,
        "devices": drawn.counts.shape[1],
        "accuracy": {name: each["value"] for name, each in zip(answers.conditions, by_condition, strict=True)},
        "accuracy_intervals": {
            name: each["interval"] for name, each in zip(answers.conditions, by_condition, strict=True)
        },
        "unaltered": plain["value"],
        "unaltered_interval": plain["interval"],
        "manipulated": changed["value"],
        "manipulated_interval": changed["interval"],
        "weighted_accuracy": weighted["value"],
        "weighted_interval": weighted["interval"],
        "chance": int(np.bincount(answers.labels).max()) / photos,
        "permuted": permuted(answers, answered, len(classes)),
        "top_k": _top(answers, drawn, len(classes)),
        "balanced": balanced(answers, right, drawn),
        "macro": _macro(answers, answered, drawn, len(classes)),
        "cameras": _cameras(answers, classes, answered, drawn),
        "by_device": by_device(answers, classes, right),
        "confusion": {name: matrix.tolist() for name, matrix in confusion.items()},
        "votes": votes(answers, drawn),
        "calibration": calibration(answers, drawn, temperature),
        "single_device_cameras": [classes[label] for label in drawn.single],
    }


def scores(right: npt.NDArray[Any], conditions: Sequence[str]) -> Floats:
    """Return each photograph's share right, N × SCORES, from N × conditions: their means are the scores."""
    places = _places(conditions)
    plain = right[:, places[PLAIN]].mean(axis=1)
    changed = right[:, places[CHANGED]].mean(axis=1) if places[CHANGED] else np.full(len(right), np.nan)
    weighted = UNALTERED_WEIGHT * plain + MANIPULATED_WEIGHT * changed
    return np.column_stack([plain, changed, weighted])


def score_figures(answers: Answers) -> dict[str, Figure]:
    """Return the scores, each with its interval; empty for answers for no photographs."""
    if not answers.photos:
        return {}
    values = scores(answers.right(), answers.conditions)
    return dict(zip(SCORES, means(values, resamples(answers.devices, answers.labels)), strict=True))


def means(values: npt.NDArray[Any], drawn: Resamples) -> list[Figure]:
    """Return the mean of each column of N × M values with its interval."""
    return [
        figure(value, interval)
        for value, interval in zip(
            np.asarray(values, np.float64).mean(axis=0).tolist(), drawn.interval(drawn.means(values)), strict=True
        )
    ]


def figure(value: float, interval: Floats) -> Figure:
    """Return a figure as it stands in `evaluation.json`."""
    return {"value": None if np.isnan(value) else value, "interval": or_none(interval)}


def balanced(answers: Answers, right: npt.NDArray[Any], drawn: Resamples) -> dict[str, Figure]:
    """Return the mean over cameras of the share right, by score: every camera counts alike."""
    values = scores(right, answers.conditions)
    found = drawn.interval(drawn.balanced_means(values, answers.labels))
    shares = balanced_mean(values, answers.labels).tolist()
    return {name: figure(value, each) for name, value, each in zip(SCORES, shares, found, strict=True)}


def permuted(answers: Answers, answered: npt.NDArray[Any], classes: int) -> Figure | None:
    """Return the weighted accuracy with the labels of devices permuted, which is chance; None for a single camera.

    `interval`: that 95 % of the permutations lie in. `reached`: the share of them that reach the accuracy.
    """
    right = answered[:, :, None] == np.arange(classes)
    weighted = np.stack(
        [scores(right[..., label], answers.conditions)[:, SCORES.index(WEIGHTED)] for label in range(classes)], axis=1
    )
    found = None if np.isnan(weighted).any() else chance_of(weighted, answers.labels, answers.devices)
    return None if found is None else found._asdict()


def votes(answers: Answers, drawn: Resamples) -> list[dict[str, Any]]:
    """Return the scores when only the first 1, 2, … crops of a photograph vote."""
    most = answers.logits.shape[2]
    return [
        {
            "crops": crops,
            **dict(zip(SCORES, means(scores(answers.right(crops), answers.conditions), drawn), strict=True)),
        }
        for crops in range(1, most + 1)
    ]


def by_device(answers: Answers, classes: Sequence[str], right: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return the scores of each device, which have no interval: its photographs are not independent."""
    values = scores(right, answers.conditions)
    keys = sorted({*zip(answers.labels.tolist(), answers.devices, strict=True)})
    own = {key: [] for key in keys}  # type: dict[tuple[int, str], list[int]]
    for row, key in enumerate(zip(answers.labels.tolist(), answers.devices, strict=True)):
        own[key].append(row)
    return [
        {
            "camera": classes[label],
            "device": device,
            "photos": len(rows),
            **dict(zip(SCORES, values[rows].mean(axis=0).tolist(), strict=True)),
        }
        for (label, device), rows in own.items()
    ]


def calibration(answers: Answers, drawn: Resamples, temperature: float) -> dict[str, Any]:
    """Return the expected calibration error by condition and over all, raw and after the temperature, with the bins.

    `by_chance`: the error, after the temperature, to expect of as many photographs if the probabilities were true.
    """
    raw, mended = answers.probabilities(), answers.probabilities(temperature=temperature)
    rows = {name: [place] for place, name in enumerate(answers.conditions)}
    rows |= {"all": list(range(len(answers.conditions)))}
    by_condition = {}
    for name, places in rows.items():
        by_condition[name] = {
            key: _error(probabilities[:, places], answers.labels, drawn)
            for key, probabilities in (("uncalibrated", raw), ("calibrated", mended))
        } | {"by_chance": error_by_chance(mended[:, places])}
    flat = mended.reshape(-1, mended.shape[-1])
    return {
        "temperature": temperature,
        "error": by_condition.pop("all"),
        "by_condition": by_condition,
        "bins": [each._asdict() for each in reliability(flat, np.repeat(answers.labels, len(answers.conditions)))],
        "bins_uncalibrated": [
            each._asdict()
            for each in reliability(raw.reshape(-1, raw.shape[-1]), np.repeat(answers.labels, len(answers.conditions)))
        ],
    }


def _error(probabilities: Floats, labels: npt.NDArray[Any], drawn: Resamples) -> Figure:
    """Return the calibration error of N × conditions × K probabilities, all conditions of a photograph together."""
    conditions = probabilities.shape[1]
    flat, told = probabilities.reshape(-1, probabilities.shape[-1]), np.repeat(labels, conditions)
    gaps = calibration_gaps(flat, told).reshape(len(labels), conditions, -1).sum(axis=1)
    photos = drawn.sums(np.ones(len(labels)))
    drawn_errors = np.abs(drawn.sums(gaps)).sum(axis=1, keepdims=True) / (photos * conditions)
    value = expected_calibration_error(flat, told)
    return figure(value, drawn.distance_interval(value, drawn_errors))


def _top(answers: Answers, drawn: Resamples, classes: int) -> dict[str, dict[str, Figure]]:
    """Return the shares of photographs whose camera is among the likeliest k, by k and score."""
    values = answers.log_probabilities()
    own = np.take_along_axis(values, answers.labels[:, None, None], axis=2)
    rank = (values >= own).sum(axis=2) - 1  # a camera that is as likely as the true one comes before it
    return {
        str(k): dict(zip(SCORES, means(scores(rank < k, answers.conditions), drawn), strict=True))
        for k in TOP
        if k < classes
    }


def _macro(
    answers: Answers, answered: npt.NDArray[Any], drawn: Resamples, classes: int
) -> dict[str, dict[str, Figure]]:
    """Return precision, recall and F1, each the mean over the cameras with photographs, unaltered and manipulated."""
    result = {}
    for name, places in _places(answers.conditions).items():
        if not places:
            continue
        told, asked = answered[:, places], np.unique(answers.labels)
        hits = np.stack([((told == label) & (answers.labels[:, None] == label)).sum(axis=1) for label in asked], axis=1)
        said = np.stack([(told == label).sum(axis=1) for label in asked], axis=1)
        true = np.stack([(answers.labels == label) * len(places) for label in asked], axis=1)
        drawn_sums = [drawn.sums(each) for each in (hits, said, true)]
        whole = [each.sum(axis=0, keepdims=True).astype(np.float64) for each in (hits, said, true)]
        result[name] = {
            key: figure(float(value[0]), drawn.interval(draws[:, None])[0])
            for key, value, draws in zip(
                ("precision", "recall", "f1"), _precision(*whole), _precision(*drawn_sums), strict=True
            )
        }
    return result


def _precision(hits: Floats, said: Floats, true: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the macro means of draws × cameras; a camera that is never answered has precision 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / true
        precision = np.where(said > 0, hits / said, np.where(true > 0, 0.0, np.nan))
        harmonic = 2 * hits / (said + true)
    known = true > 0
    parts = (np.where(known, each, np.nan) for each in (precision, recall, harmonic))
    first, second, third = (_mean_of_known(each) for each in parts)
    return first, second, third


def _cameras(
    answers: Answers, classes: Sequence[str], answered: npt.NDArray[Any], drawn: Resamples
) -> list[dict[str, Any]]:
    places = _places(answers.conditions)
    plain, changed = answered[:, places[PLAIN][0]], answered[:, places[CHANGED]]
    rows = []
    for label, camera in enumerate(classes):
        own, said = answers.labels == label, plain == label
        photos = int(own.sum())
        hits = float((own & said).sum())
        devices = {device for device, mine in zip(answers.devices, own, strict=True) if mine}
        recall_changed = (changed == label).mean(axis=1) if changed.shape[1] else np.full(len(own), np.nan)
        # a camera's own devices alone say how its recall differs between them
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = drawn.sums(np.column_stack([own & said, own * recall_changed])) / drawn.sums(own)
            precise = drawn.sums(own & said) / drawn.sums(said)
        known = drawn.interval(draws) if len(devices) > 1 else np.full((2, 2), np.nan)
        rows.append(
            {
                "camera": camera,
                "photos": photos,
                "devices": len(devices),
                "recall": hits / photos if photos else None,
                "recall_interval": or_none(known[0]),
                "precision": hits / int(said.sum()) if said.any() else None,
                "precision_interval": or_none(drawn.interval(precise)[0]),
                "recall_manipulated": float(recall_changed[own].mean()) if photos else None,
                "recall_manipulated_interval": or_none(known[1]),
            }
        )
    return rows


def _confusion(labels: npt.NDArray[Any], answered: npt.NDArray[Any], classes: int) -> npt.NDArray[np.int64]:
    """Return how often photographs of each true camera (row) got each answer (column), over all conditions given."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (np.repeat(labels, answered.shape[1]), answered.reshape(-1)), 1)
    return matrix


def _places(conditions: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of the unaltered photographs and those of the manipulated ones."""
    plain = conditions.index(UNALTERED.name)
    return {PLAIN: [plain], CHANGED: [place for place in range(len(conditions)) if place != plain]}


def _mean_of_known(values: Floats) -> Floats:
    """Return the mean of each row's values that are no NaN; NaN where there are none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        result: Floats = np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)
    return result
