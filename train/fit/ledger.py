"""Ledger: writes down which samples a worker has used in each step, as a check of the sequence of samples.

Each process that trains appends to a file of its own, `<begun>-<rank>-of-<ranks>.jsonl`, by when it began, a line for
each step: `{"step": …, "numbers": […]}`. The lines of a process that is killed stay. Where a step was trained twice,
because the checkpoint was older, the ledger that was begun last counts.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from corpus.errors import ConfigurationError, StageError
from train.data.samples import Batch

JOB_FOLDER = "working_dir_files"
"""Part of the path of a Ray job's copy of the working directory."""


def ledger_folder(folder: str) -> str:
    """Return the whole path of a folder for ledgers, since workers run in other folders.

    Raises ConfigurationError for a path that is no folder's, or lies in the copy of the working directory that Ray
    makes for a job and removes.
    """
    path = Path(folder).absolute()
    if JOB_FOLDER in path.parts and not Path(folder).is_absolute():
        raise ConfigurationError(
            f"--ledger: {folder} is relative, but this Ray job runs in a copy of the working directory; give an "
            "absolute path"
        )
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        raise ConfigurationError(f"--ledger: {there} is no folder; name one, which need not be there yet")
    return str(path)


def keep_ledger(folder: str, rank: int, ranks: int) -> Callable[[int, Batch], None]:
    """Return what writes down a step's batch into a folder of this machine; raises StageError where that fails."""
    path = Path(folder) / f"{time.time_ns():020d}-{rank}-of-{ranks}.jsonl"

    def consumed(step: int, batch: Batch) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps({"step": step, "numbers": batch.numbers.tolist()}) + "\n")
        except OSError as error:
            raise StageError(f"--ledger: {path} cannot be written: {error.strerror or error}") from error

    return consumed
