"""Evaluation table: the figures of `evaluation.json` in, an aligned text table for the terminal out."""

from collections.abc import Mapping, Sequence
from typing import Any


def evaluation_table(evaluation: Mapping[str, Any]) -> str:
    """Return accuracy by condition beside recall and precision by camera, each in aligned columns."""
    conditions = [("condition", "accuracy")]
    conditions += [(name, f"{share:.3f}") for name, share in evaluation["accuracy"].items()]
    cameras = [("camera", "photos", "devices", "recall", "precision", "recall, manipulated")]
    cameras += [
        (
            str(row["camera"]),
            str(row["photos"]),
            str(row["devices"]),
            _share(row["recall"]),
            _share(row["precision"]),
            _share(row["recall_manipulated"]),
        )
        for row in evaluation["cameras"]
    ]
    return "\n".join([*_aligned(conditions), "", *_aligned(cameras)])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows with names to the left and figures to the right of their columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
