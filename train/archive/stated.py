"""Stated: what a model says of its own figures, checked before any of it is shown.

The figures are those of `evaluation.json`, as JSON. What is not looked at here is not shown.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from corpus.errors import StorageError

Interval = Annotated[list[float], Field(min_length=2, max_length=2)]


class _Stated(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Figure(_Stated):
    value: float | None
    interval: Interval | None = None


class _Camera(_Stated):
    camera: str
    photos: int = 0
    devices: int = 0
    recall: float | None = None
    recall_interval: Interval | None = None
    precision: float | None = None


class _Condition(_Stated):
    auroc: _Figure
    oscr: _Figure
    refused_at_5: _Figure
    refused: _Figure | None = None


class _UnknownCamera(_Stated):
    camera: str


class _Unknown(_Stated):
    photos: int
    devices: int
    cameras: list[_UnknownCamera]
    unaltered: _Condition
    manipulated: _Condition
    auroc_unseen: _Figure | None = None


class _Enrolment(_Stated):
    photos: int
    devices: int
    recall: float
    interval: Interval | None = None
    known_kept: float | None
    others_taken: float | None = None


class _OpenSet(_Stated):
    score: str | None = None
    basis: str = ""
    false_refusals_wanted: float = 0.0
    unknown: _Unknown | None = None
    enrolment: list[_Enrolment] = []
    notes: list[str] = []


class _Error(_Stated):
    uncalibrated: _Figure
    calibrated: _Figure


class _Calibration(_Stated):
    error: _Error | None = None


class _Evaluation(_Stated):
    photos: int | None = None
    devices: int | None = None
    split: str | None = None
    chance: float | None = None
    weighted_accuracy: float | None = None
    weighted_interval: Interval | None = None
    unaltered: float | None = None
    unaltered_interval: Interval | None = None
    manipulated: float | None = None
    manipulated_interval: Interval | None = None
    accuracy: dict[str, float | None] = {}
    accuracy_intervals: dict[str, Interval | None] = {}
    off_grid: dict[str, _Figure] = {}
    cameras: list[_Camera] = []
    notes: list[str] = []
    calibration: _Calibration | None = None
    honesty: dict[str, Any] | None = None
    open_set: _OpenSet | None = None


def check_stated(evaluation: Mapping[str, Any], where: str) -> None:
    """Raise StorageError where figures are not what the card and the commands show: numbers, intervals and texts."""
    try:
        _Evaluation.model_validate(dict(evaluation))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StorageError(
            f"{where}: its evaluation is not one that this version reads: {place}: {first['msg']}"
        ) from (error)
