"""Figures: how well photographs of unknown cameras are told from those of known ones, with intervals by device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from train.estimation.bootstrap import Resamples, or_none, resamples, statistic_intervals
from train.estimation.calibration import calibration_gaps
from train.estimation.ranking import auroc, oscr, refused_at
from train.model.refusal import FALSE_REFUSALS, Refusal
from train.model.scores import SCORES, Floats, Numbers, Prototypes
from train.open_set.choosing import scores_of
from train.open_set.photographs import Photographs

DRAWS = 1000
CONDITIONS = ("unaltered", "manipulated")
"""Conditions of the photographs here: as they are, and after one of the eight manipulations in turn."""


def known_figures(refusal: Refusal, prototypes: Prototypes, known: Photographs) -> dict[str, Any]:
    """Return which share of the known cameras' photographs is falsely refused, by condition."""
    refused = [scores_of(refusal.score, known, prototypes, place) < refusal.threshold for place, _ in _conditions()]
    values = np.stack(refused, axis=1).astype(np.float64)
    found = statistic_intervals(lambda rows: values[rows].mean(axis=0), known.devices, _numbers(known.cameras), DRAWS)
    return {
        name: {"refused": float(values[:, place].mean()), "interval": or_none(found[place])}
        for place, name in _conditions()
    }


def unknown_figures(
    classes: Sequence[str],
    refusal: Refusal,
    prototypes: Prototypes,
    known: Photographs,
    unknown: Photographs,
    makers_score: str,
) -> dict[str, Any]:
    """Return AUROC, OSCR and shares refused of unknown cameras' photographs, by condition and by camera.

    `refused_at_5`: the share refused where 5 % of the known test photographs are; `refused`: at the threshold that was
    found on validation. `scores`: the AUROC of every score, so that logits and distances can be compared.
    """
    both = Measured(classes, refusal, prototypes, known, unknown)
    by_score = [(scores_of(score, known, prototypes), scores_of(score, unknown, prototypes)) for score in SCORES]
    error, error_interval = both.calibration_error()
    return {
        "photos": len(unknown),
        "devices": len(set(zip(unknown.cameras, unknown.devices, strict=True))),
        "cameras": _by_camera(both, classes, makers_score),
        **{name: both.figures(place) for place, name in _conditions()},
        "scores": {score: auroc(*values) for score, values in zip(SCORES, by_score, strict=True)},
        "score_intervals": dict(zip(SCORES, _auroc_intervals(known, unknown, by_score), strict=True)),
        "calibration_error": error,
        "calibration_error_interval": error_interval,
    }


class Measured:
    """Known and unknown test photographs under one score."""

    def __init__(
        self, classes: Sequence[str], refusal: Refusal, prototypes: Prototypes, known: Photographs, unknown: Photographs
    ) -> None:
        self.refusal, self.known, self.unknown = refusal, known, unknown
        self._right = [known.log_shares[:, place].argmax(axis=1) == known.labels(classes) for place, _ in _conditions()]
        self.scores = [
            (scores_of(refusal.score, known, prototypes, place), scores_of(refusal.score, unknown, prototypes, place))
            for place, _ in _conditions()
        ]

    def figures(self, place: int) -> dict[str, Any]:
        """Return the figures under one condition, each as a value with its interval."""
        known, unknown = self.scores[place]
        right = self._right[place]
        number = len(known)
        both = np.concatenate([known, unknown])

        def values(rows: Numbers) -> Floats:
            of_known, of_unknown = rows[rows < number], both[rows[rows >= number]]
            refused = float((of_unknown < self.refusal.threshold).mean()) if len(of_unknown) else float("nan")
            scores = both[of_known]
            return np.array(
                [
                    auroc(scores, of_unknown),
                    oscr(scores, right[of_known], of_unknown),
                    refused_at(scores, of_unknown, FALSE_REFUSALS),
                    refused,
                ]
            )

        cameras = (*self.known.cameras, *self.unknown.cameras)
        devices = (*self.known.devices, *self.unknown.devices)
        return _with_intervals(("auroc", "oscr", "refused_at_5", "refused"), values, devices, _numbers(cameras))

    def calibration_error(self) -> tuple[float, tuple[float, float] | None]:
        """Return the expected calibration error of "none of these" with its interval, both kinds weighing alike."""
        known, unknown = self.scores[0]
        none = np.array([self.refusal.probability(score) for score in np.concatenate([known, unknown]).tolist()])
        is_unknown = np.arange(len(none)) >= len(known)
        gaps = calibration_gaps(np.stack([1 - none, none], axis=1), is_unknown.astype(np.int64))
        value = sum(0.5 * gaps[own].mean(axis=0) for own in (is_unknown, ~is_unknown) if own.any())
        drawn = _resamples(self.known, self.unknown)
        draws = sum(
            0.5 * drawn.sums(gaps * own[:, None]) / drawn.sums(own) for own in (is_unknown, ~is_unknown) if own.any()
        )
        error = float(np.abs(value).sum())
        return error, or_none(drawn.distance_interval(error, np.abs(draws).sum(axis=1)))


def unseen_auroc(
    scores: Mapping[str, str], prototypes: Prototypes, known: Photographs, unknown: Photographs
) -> dict[str, Any]:
    """Return the AUROC of unknown cameras, each by a score that was chosen without it: the mean over them.

    `scores`: of each unknown camera, the name of that score. It is what to expect of a camera that nobody has seen.
    """
    pairs = []
    for camera, score in sorted(scores.items()):
        own = np.array([each == camera for each in unknown.cameras])
        of_unknown = np.where(own, scores_of(score, unknown, prototypes), np.nan)
        pairs.append(np.concatenate([scores_of(score, known, prototypes), of_unknown]))
    number = len(known)

    def mean(rows: Numbers) -> Floats:
        of_known, of_unknown = rows[rows < number], rows[rows >= number]
        own = (each[of_unknown] for each in pairs)
        found = [auroc(each[of_known], mine[~np.isnan(mine)]) for each, mine in zip(pairs, own, strict=True)]
        return np.array([np.mean(found)])

    value = mean(np.arange(number + len(unknown)))[0]
    cameras = _numbers((*known.cameras, *unknown.cameras))
    found = statistic_intervals(mean, (*known.devices, *unknown.devices), cameras, DRAWS)
    return {"value": float(value), "interval": or_none(found[0])}


def _by_camera(both: Measured, classes: Sequence[str], score: str) -> list[dict[str, Any]]:
    """Return figures of each unknown camera, and the known one that its photographs are nearest to."""
    known, unknown = both.scores[0]
    answers = both.unknown.log_shares[:, 0].argmax(axis=1)
    rows = []
    for camera in sorted(set(both.unknown.cameras)):
        mine = np.array([each == camera for each in both.unknown.cameras])
        named = np.bincount(answers[mine], minlength=len(classes))
        rows.append(
            {
                "camera": camera,
                "photos": int(mine.sum()),
                "devices": len({each for each, own in zip(both.unknown.devices, mine, strict=True) if own}),
                "auroc": auroc(known, unknown[mine]),
                "auroc_interval": _auroc_intervals(both.known, both.unknown.of(mine), [(known, unknown[mine])])[0],
                "refused": float((unknown[mine] < both.refusal.threshold).mean()),
                "nearest": classes[int(named.argmax())],
                "nearest_share": float(named.max() / named.sum()),
            }
        )
    return rows


def _auroc_intervals(
    known: Photographs, unknown: Photographs, scores: Sequence[tuple[Floats, Floats]]
) -> list[tuple[float, float] | None]:
    """Return the interval of the AUROC of each pair of scores, of the known and of the unknown photographs."""
    number = len(known)
    both = [np.concatenate(pair) for pair in scores]

    def values(rows: Numbers) -> Floats:
        of_known, of_unknown = rows[rows < number], rows[rows >= number]
        return np.array([auroc(each[of_known], each[of_unknown]) for each in both])

    cameras = _numbers((*known.cameras, *unknown.cameras))
    found = statistic_intervals(values, (*known.devices, *unknown.devices), cameras, DRAWS)
    return [or_none(each) for each in found]


def _resamples(known: Photographs, unknown: Photographs) -> Resamples:
    return resamples((*known.devices, *unknown.devices), _numbers((*known.cameras, *unknown.cameras)), DRAWS)


def _with_intervals(
    names: Sequence[str], values: Callable[[Numbers], Floats], devices: Sequence[str], labels: Numbers
) -> dict[str, Any]:
    whole = values(np.arange(len(devices)))
    found = statistic_intervals(values, devices, labels, DRAWS)
    return {
        name: {"value": float(value), "interval": or_none(interval)}
        for name, value, interval in zip(names, whole.tolist(), found, strict=True)
    }


def _numbers(cameras: Sequence[str]) -> Numbers:
    places: Mapping[str, int] = {camera: place for place, camera in enumerate(sorted(set(cameras)))}
    return np.array([places[camera] for camera in cameras], np.int64)


def _conditions() -> list[tuple[int, str]]:
    return list(enumerate(CONDITIONS))
