"""Progress: what a run has published of its epochs, and the lines that tell people.

It needs no torch, so a machine that trains nothing can show how far a training is.
"""

import json
from typing import Any

from corpus.sections import Training
from train.runs.run import Run

SKIPPED = "skipped.jsonl"
"""The file of a run that names each damaged tile: the first sample that met it, attempt, tile, tar, what is wrong."""


def read_history(run: Run) -> list[dict[str, Any]]:
    """Return the metrics of the epochs finished so far."""
    path = f"{run.directory}/metrics.jsonl"
    if not run.store.exists(path):
        return []
    return [json.loads(line) for line in run.store.read(path).decode().splitlines()]


def progress_line(metrics: dict[str, Any], settings: Training) -> str:
    """Return the line printed after an epoch, and another one where samples were skipped."""
    left_s = (settings.epochs - metrics["epoch"]) * metrics["seconds"]
    validation, skipped = metrics.get("validation_accuracy"), metrics["skipped"]
    return (
        f"epoch {metrics['epoch']:>3}/{settings.epochs}  loss {metrics['loss']:.3f}  "
        f"accuracy {metrics['accuracy']:.3f}  "
        + (f"validation {validation:.3f}  " if validation is not None else "")
        + f"{metrics['crops_per_s']:,.0f} crops/s  data wait {metrics['data_wait']:.1%}  {left_s / 60:.1f} min left"
        + ("  (resumed)" if metrics.get("resumed") else "")
        + (f"\n  {skipped} samples skipped for damaged tiles, named in {SKIPPED}" if skipped else "")
    )
