"""Ledger: writes down which samples a worker has used in each step, as a check of the sequence of samples.

Each process that trains appends to a file of its own, `<begun>-<rank>-of-<ranks>.jsonl`, by when it began, a line for
each step: `{"step": …, "numbers": […]}`. The lines of a process that is killed stay. Where a step was trained twice,
because the checkpoint was older, the ledger that was begun last counts.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from train.data.samples import Batch


def keep_ledger(folder: str, rank: int, ranks: int) -> Callable[[int, Batch], None]:
    """Return what writes down a step's batch into a folder of this machine."""
    path = Path(folder) / f"{time.time_ns():020d}-{rank}-of-{ranks}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)

    def consumed(step: int, batch: Batch) -> None:
        with path.open("a") as file:
            file.write(json.dumps({"step": step, "numbers": batch.numbers.tolist()}) + "\n")

    return consumed
