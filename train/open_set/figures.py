"""Figures: how well photographs of unknown cameras are told from those of known ones, with intervals by device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from train.estimation.bootstrap import or_none, statistic_intervals
from train.estimation.calibration import calibration_gaps
from train.estimation.ranking import auroc, oscr, refused_at
from train.model.loaded import Refusal
from train.model.scores import SCORES, Floats, Numbers, Prototypes
from train.open_set.choosing import FALSE_REFUSALS, scores_of
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
    return {
        "photos": len(unknown),
        "devices": len(set(zip(unknown.cameras, unknown.devices, strict=True))),
        "cameras": _by_camera(both, classes, makers_score),
        **{name: both.figures(place) for place, name in _conditions()},
        "scores": {
            score: auroc(scores_of(score, known, prototypes), scores_of(score, unknown, prototypes)) for score in SCORES
        },
        "calibration_error": both.calibration_error(),
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

    def calibration_error(self) -> float:
        """Return the expected calibration error of "none of these", known and unknown photographs weighing alike."""
        known, unknown = self.scores[0]
        none = np.array([self.refusal.probability(score) for score in np.concatenate([known, unknown]).tolist()])
        is_unknown = np.arange(len(none)) >= len(known)
        weights = np.where(is_unknown, 0.5 / max(len(unknown), 1), 0.5 / max(len(known), 1))
        gaps = calibration_gaps(np.stack([1 - none, none], axis=1), is_unknown.astype(np.int64))
        return float(np.abs((gaps * weights[:, None]).sum(axis=0)).sum())


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
                "refused": float((unknown[mine] < both.refusal.threshold).mean()),
                "nearest": classes[int(named.argmax())],
                "nearest_share": float(named.max() / named.sum()),
            }
        )
    return rows


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
