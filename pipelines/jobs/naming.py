"""Naming: the id of the Ray job that a stage submits, made from the run that the job trains."""

import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path

from corpus.configuration import DEFAULT_FILE, Configuration, read_configuration
from corpus.errors import ShutterprintError
from train.runs.requested import job_of_run, requested_config, training_parser


def job_name(arguments: Sequence[str], configuration: Configuration) -> str:
    """Return the id for the job of `ray job submit … -- python train/main.py …`.

    Where the run cannot be told here, because the job's configuration is only on the cluster or is refused, the id is
    made from the command alone; the job itself will say what is wrong.
    """
    words = list(arguments)
    at = words.index("--") if "--" in words else len(words)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            asked = training_parser().parse_args(words[at + 3 :])  # behind `-- python train/main.py`
        own = read_configuration(asked.config or _sent(words[:at]) or configuration.file, asked.overrides)
        return job_of_run(own.store, requested_config(own), asked.run)
    except (ShutterprintError, SystemExit):
        told = json.dumps([str(configuration.file), *words])
        return f"shutterprint-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def _sent(options: Sequence[str]) -> Path | None:
    """Return the configuration that goes with the job in its working directory; None where there is none."""
    for place, word in enumerate(options):
        folder = word.removeprefix("--working-dir=") if word.startswith("--working-dir=") else None
        if word == "--working-dir" and place + 1 < len(options):
            folder = options[place + 1]
        if folder is not None and "://" not in folder and (Path(folder) / DEFAULT_FILE).is_file():
            return Path(folder) / DEFAULT_FILE
    return None
