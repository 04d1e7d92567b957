"""Evaluation table: formats the figures of `evaluation.json` as aligned text for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

CAMERA_COLUMNS = ("camera", "photos", "devices", "recall", "precision", "recall, manipulated")


def evaluation_table(evaluation: Mapping[str, Any]) -> str:
    """Return accuracy by condition, then recall and precision by camera, each in aligned columns."""
    conditions = [("condition", "accuracy")]
    conditions += [(name, share_text(share)) for name, share in evaluation["accuracy"].items()]
    return "\n".join([*_aligned(conditions), "", *_aligned([CAMERA_COLUMNS, *camera_rows(evaluation)])])


def camera_rows(evaluation: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return a row for each camera, its cells in the order of CAMERA_COLUMNS."""
    return [
        (row["camera"], f"{row['photos']:,}", f"{row['devices']:,}",
         *(share_text(row[key]) for key in ("recall", "precision", "recall_manipulated")))
        for row in evaluation["cameras"]
    ]  # fmt: skip


def share_text(value: float | None) -> str:
    """Return a share with three decimals, `-` for None."""
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows with the first column aligned to the left and all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
