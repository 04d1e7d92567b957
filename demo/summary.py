"""Summary: the figures of a run's evaluation that the demo is about, as lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ENROLLED_FROM = 20
"""Photographs that the demo enrols a camera from."""
_CONDITIONS = (("jpeg_70", "saved again at JPEG 70"), ("scale_0.5", "reduced ×0.5"), ("scale_2", "enlarged ×2.0"))


def summary(evaluation: Mapping[str, Any]) -> list[str]:
    """Return a line for each figure: what it is, its value, its interval at 95 % by device where it has one.

    What an evaluation does not have, such as unknown cameras where none was held out, gets no line.
    """
    rows = [*_accuracy(evaluation), *_honesty(evaluation), *_open_set(evaluation.get("open_set") or {})]
    width = max(len(name) for name, _ in rows)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def _accuracy(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield (
        "weighted accuracy",
        f"{_shown(evaluation['weighted_accuracy'], evaluation['weighted_interval'])}, chance "
        f"{evaluation['chance']:.3f}, on {evaluation['photos']} photographs of {evaluation['devices']} devices",
    )
    accuracy, intervals = evaluation["accuracy"], evaluation["accuracy_intervals"]
    for condition, name in (("unaltered", "unaltered"), *_CONDITIONS):
        if condition in accuracy:
            yield f"  {name}", _shown(accuracy[condition], intervals[condition])
    error = evaluation["calibration"]["error"]["calibrated"]
    yield "calibration error of the probabilities", _shown(error["value"], error["interval"])


def _honesty(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    honesty = evaluation.get("honesty") or {}
    if conflict := honesty.get("cue_conflict"):
        yield "detail of one photograph over the scene of another", ""
        yield "  names the detail's camera", _shown(conflict["detail"], conflict["detail_interval"])
        yield "  names the scene's camera", _shown(conflict["scene"], conflict["scene_interval"])
    if probe := honesty.get("scenes_probe"):
        yield "scenes alone, at 64×64", _shown(probe["accuracy"], probe["interval"])
    for name, oracle in (honesty.get("metadata") or {}).items():
        yield f"metadata alone ({name.replace('_', ' ')})", _shown(oracle["accuracy"], oracle["interval"])


def _open_set(open_set: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    unknown = (open_set.get("unknown") or {}).get("unaltered")
    if unknown:
        auroc = unknown["auroc"]
        yield "cameras held out of training, told from known ones (AUROC)", _shown(auroc["value"], auroc["interval"])
    rows = [row for row in open_set.get("enrolment", ()) if row["photos"] <= ENROLLED_FROM]
    if rows:
        row = max(rows, key=lambda row: (row["photos"], row["devices"]))
        name = f"one of them enrolled from {row['photos']} photographs of {row['devices']} devices, named right"
        yield name, _shown(row["recall"], row["interval"])


def _shown(value: float, interval: Sequence[float] | None) -> str:
    return f"{value:.3f}" + ("" if interval is None else f" [{interval[0]:.3f}, {interval[1]:.3f}]")
