"""Table: all trainings that a person may ask for, jobs of the Ray head and trainings without one, as plain rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from corpus.errors import StorageError
from corpus.leases import Holder, is_left
from corpus.storage import Store
from corpus.text import age, iso_time, one_line
from pipelines.jobs.head import Job
from train.runs.one_trainer import UNIT, trainer_of
from train.runs.progress import progress_line, read_history
from train.runs.requested import jobs_of_run
from train.runs.run import ROOT, Run

_TRAINS = "train/main.py"
_HEADER = ("job", "run", "state", "since", "progress")
_PROGRESS_CHARACTERS = 110


@dataclass(frozen=True, slots=True)
class Training:
    """A run, and who trains it."""

    run: Run
    done: dict[str, Any] | None
    """Content of its marker; None where it is unfinished."""
    trainer: Holder | None
    is_left: bool
    """Whether its trainer has died, or was not heard of for ten minutes, and nobody goes on with it."""
    progress: str
    """Its last epoch; empty where it is finished."""

    @property
    def is_finished(self) -> bool:
        """Whether it is whole."""
        return self.done is not None

    @property
    def state(self) -> str:
        """Who trains it, or what has become of it."""
        if self.done is not None:
            return "finished"
        if self.trainer is not None:
            return f"process {self.trainer.pid} on {self.trainer.host}"
        return "its trainer has died" if self.is_left else "unfinished"


def trainings(store: Store) -> list[Training]:
    """Return all runs of a store that are begun, the oldest first; of a finished one only its marker is read."""
    return [_training(Run(store, f"{ROOT}/{name}")) for name in sorted(store.names(ROOT), key=age)]


def live_job(jobs: Sequence[Job], store: Store, run: str) -> Job | None:
    """Return the job that waits or runs to train the run of this name, begun or not; None where there is none."""
    ids = jobs_of_run(store, run)
    return next((job for job in jobs if job.is_live and _without_number(job.id) in ids), None)


def table(jobs: Sequence[Job], there: Sequence[Training]) -> list[tuple[str, ...]]:
    """Return the rows of the table, its header first: jobs of the head, then trainings that are no job's.

    A finished run without a job is left out: `runs/` has it.
    """
    of_run = {job: training for training in there for job in jobs_of_run(training.run.store, training.run.name)}
    by_trainer = {training.trainer.job: training for training in there if training.trainer and training.trainer.job}
    rows, shown = list[tuple[str, ...]]([_HEADER]), set[str]()
    for job in jobs:
        training = by_trainer.get(job.id) or of_run.get(_without_number(job.id))
        if training is None and _TRAINS not in job.entrypoint:
            continue
        rows.append((job.id, *_told(training, job.state, job.since_s)))
        if training is not None and (job.is_live or training.is_finished):
            shown.add(training.run.name)
    for training in there:
        if training.run.name in shown or training.is_finished:
            continue
        trainer = training.trainer
        name = trainer.job if trainer is not None and trainer.job else "-"
        rows.append((name, *_told(training, training.state, trainer.since_s if trainer else 0.0)))
    return rows


def _told(training: Training | None, state: str, since_s: float) -> tuple[str, ...]:
    since = iso_time(since_s) if since_s else "-"
    if training is None:
        return "-", state, since, "-"
    return training.run.name, state, since, training.progress


def _training(run: Run) -> Training:
    done = run.finished
    if done is not None:
        return Training(run, done, None, False, "")
    trainer = trainer_of(run)
    is_dead = trainer is None and is_left(run.store, run.directory, UNIT)
    return Training(run, None, trainer, is_dead, _progress(run))


def _without_number(job: str) -> str:
    """Return the id of a run's first job."""
    return re.sub(r"\.\d+$", "", job)


def _progress(run: Run) -> str:
    try:
        history = read_history(run)
        line = progress_line(history[-1], run.config().train) if history else "no epoch is finished yet"
    except (StorageError, ValueError, KeyError, TypeError):
        return "cannot be read"
    return one_line(re.sub(r"\s+", " ", line), _PROGRESS_CHARACTERS)
