"""Table: all trainings that a person may ask for, jobs of the Ray head and trainings without one, as plain rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.errors import StorageError
from corpus.leases import Holder
from corpus.storage import Store
from corpus.text import iso_time, one_line
from pipelines.jobs.head import Job
from train.fit.one_trainer import trainer_of
from train.fit.progress import progress_line, read_history
from train.fit.requested import jobs_of_run
from train.fit.runs import ROOT, Run

_TRAINS = "train/main.py"
_HEADER = ("job", "run", "state", "since", "progress")
_PROGRESS_CHARACTERS = 110


@dataclass(frozen=True, slots=True)
class Training:
    """A run, and who trains it."""

    run: Run
    trainer: Holder | None
    is_finished: bool
    progress: str


def trainings(store: Store) -> list[Training]:
    """Return all runs of a store that are begun, by name."""
    runs = [Run(store, f"{ROOT}/{name}") for name in store.names(ROOT)]
    return [Training(run, trainer_of(run), run.finished is not None, _progress(run)) for run in runs]


def table(jobs: Sequence[Job], there: Sequence[Training]) -> list[tuple[str, ...]]:
    """Return the rows of the table, its header first: jobs of the head, then trainings that are no job's.

    A finished run without a job is left out: `runs/` has it.
    """
    of_run = {job: training for training in there for job in jobs_of_run(training.run.store, training.run.name)}
    by_trainer = {training.trainer.job: training for training in there if training.trainer and training.trainer.job}
    rows, shown = list[tuple[str, ...]]([_HEADER]), set[str]()
    for job in jobs:
        training = by_trainer.get(job.id) or of_run.get(re.sub(r"\.\d+$", "", job.id))
        if training is None and _TRAINS not in job.entrypoint:
            continue
        rows.append((job.id, *_told(training, job.state, job.since_s)))
        if training is not None and (job.is_live or training.is_finished):
            shown.add(training.run.name)
    for training in there:
        if training.run.name in shown or training.is_finished:
            continue
        trainer = training.trainer
        state = "unfinished" if trainer is None else f"process {trainer.pid} on {trainer.host}"
        name = trainer.job if trainer is not None and trainer.job else "-"
        rows.append((name, *_told(training, state, trainer.since_s if trainer else 0.0)))
    return rows


def _told(training: Training | None, state: str, since_s: float) -> tuple[str, ...]:
    since = iso_time(since_s) if since_s else "-"
    if training is None:
        return "-", state, since, "-"
    return training.run.name, state, since, training.progress


def _progress(run: Run) -> str:
    try:
        history = read_history(run)
        line = progress_line(history[-1], run.config().train) if history else "no epoch is finished yet"
    except (StorageError, ValueError, KeyError):
        return "cannot be read"
    return one_line(re.sub(r"\s+", " ", line), _PROGRESS_CHARACTERS)
