"""Requested: which run a command line of `train/main.py` asks for, told without torch.

So a machine that only submits a training knows its run, and gives the job an id that follows from that.
"""

import argparse
import hashlib
import re

from corpus.command_line import command_parser
from corpus.configuration import Configuration
from corpus.storage import Store
from shards.index import latest_generation, read_index
from train.runs.run import RunConfig

_DESCRIPTION = """Train a network on the newest shards and evaluate it on held-out devices.

The run's folder is runs/<number>-<generation>-<digest> of the store: look at evaluation.html first.
The same command continues a stopped training after its last checkpoint, also with other workers or loaders. Where
another process trains the run, the command shows its epochs until it ends, and goes on itself where that process dies.

Exit codes: 0 done, 2 impossible, 75 another process trains the run (--no-wait), or was stopped, 130 interrupted."""


def training_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line of `train/main.py`."""
    parser = command_parser("python train/main.py", _DESCRIPTION)
    parser.add_argument("--run", metavar="NAME", help="name of the run's folder (default: made from the settings)")
    parser.add_argument("--without-ray", action="store_true", help="train in this process, without a Ray cluster")
    parser.add_argument(
        "--ledger", metavar="FOLDER", help="folder in which each worker writes down the samples it uses, step by step"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="end at once, with exit code 75, where another process trains the run"
    )
    return parser


def requested_config(configuration: Configuration) -> RunConfig:
    """Return what a training now would be of: the newest generation and its cameras; raises ShutterprintError."""
    store, settings = configuration.store, configuration.train
    generation = latest_generation(store)
    cameras = read_index(store, generation).leaving_out(settings.held_out_cameras).classes
    return RunConfig(generation, cameras, settings)


def job_of_run(store: Store, config: RunConfig, name: str | None) -> str:
    """Return the submission id of a job that trains a run: equal for equal configuration, generation and store.

    `name`: of the run, where it is given. The number of a run's folder is no part of it: the run may not be begun yet.
    """
    return _job(store, name or config.ending)


def jobs_of_run(store: Store, name: str) -> set[str]:
    """Return the submission ids that jobs of the run with this folder have, whether its name was given or made."""
    return {_job(store, name), _job(store, re.sub(r"^\d{4,}-", "", name))}


def _job(store: Store, run: str) -> str:
    return f"shutterprint-{run}-{hashlib.sha256(store.url.encode()).hexdigest()[:8]}"
