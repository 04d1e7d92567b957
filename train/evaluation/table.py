"""Evaluation table: formats the figures of `evaluation.json` as aligned text for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

_CAMERA_COLUMNS = (
    "camera", "photos", "devices", "recall", "95 % interval", "precision", "95 % interval", "recall, manipulated",
    "95 % interval",
)  # fmt: skip


def evaluation_table(evaluation: Mapping[str, Any]) -> str:
    """Return accuracy by condition, then recall and precision by camera, each in aligned columns."""
    intervals = evaluation.get("accuracy_intervals", {})
    conditions = [("condition", "accuracy", "95 % interval")]
    conditions += [
        (name, share_text(share), interval_text(intervals.get(name))) for name, share in evaluation["accuracy"].items()
    ]
    return "\n".join([*aligned(conditions), "", *aligned([_CAMERA_COLUMNS, *camera_rows(evaluation)])])


def camera_columns() -> tuple[str, ...]:
    """Return the header of `camera_rows`."""
    return _CAMERA_COLUMNS


def camera_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each camera, its cells in the order of `camera_columns`."""
    return [
        (row["camera"], f"{row['photos']:,}", f"{row['devices']:,}", share_text(row["recall"]),
         interval_text(row.get("recall_interval")), share_text(row["precision"]),
         interval_text(row.get("precision_interval")),
         share_text(row["recall_manipulated"]), interval_text(row.get("recall_manipulated_interval")))
        for row in evaluation["cameras"]
    ]  # fmt: skip


def figure_text(figure: Mapping[str, Any]) -> tuple[str, str]:
    """Return a figure's value and interval as text."""
    return share_text(figure["value"]), interval_text(figure["interval"])


def share_text(value: float | None) -> str:
    """Return a share with three decimals, `-` for None."""
    return "-" if value is None else f"{value:.3f}"


def interval_text(interval: Sequence[float] | None) -> str:
    """Return an interval with three decimals, `-` for None."""
    return "-" if interval is None else f"{interval[0]:.3f} – {interval[1]:.3f}"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows with the first column aligned to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
