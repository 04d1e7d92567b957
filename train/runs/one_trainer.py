"""One trainer: one process at a time trains a run; a second one shows how far it is, and goes on where that has died.

The right to train is a lease (`corpus.leases`), the file `lease.<n>.json` of the run's folder, on disks and object
stores alike. It is renewed while the training goes on and removed when it ends, however it ends. A process of this
machine that was killed loses it at once, one of another machine when it was not heard of for ten minutes.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum

from corpus.errors import ShutterprintError, StageError
from corpus.leases import LEASE_S, Holder, Lease, held, holders, is_left
from train.runs.progress import progress_line, read_history
from train.runs.run import Run

UNIT = "lease"
LOOK_EVERY_S = 5.0
"""A process that waits for another one looks after it so often."""
_AGAIN_WITHIN_S = 2.0  # two processes that began at the same moment and both stepped back try again
_JOB_VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Environment variable by which Ray tells a job's process what job it is."""


class TrainedElsewhereError(ShutterprintError):
    """Another process trains the run, or was stopped while this one waited for it."""


class Ended(Enum):
    """How a wait for another process came to its end."""

    FINISHED = "the run is finished"
    STOPPED = "its trainer has given it back unfinished"
    DEAD = "its trainer has died"
    NOBODY = "nobody was seen to train it"


def train_alone(
    find: Callable[[], Run], work: Callable[[Run, Lease], None], say: Callable[[str], None], *, waits: bool = True
) -> Run:
    """Do `work` while no other process trains a run, or wait until the one that does has finished it; return the run.

    `find`: returns the run of a configuration, begun or not; it is asked again once the lease is taken, since another
    process may have begun it in another folder meanwhile. `work` trains, and publishes nothing once its lease is lost.
    Where the other process dies, this one takes over. Raises TrainedElsewhereError where the other process is stopped,
    and without `waits` where there is one.
    """
    while (run := find()).finished is None:
        with held(run.store, run.directory, UNIT, own_job()) as lease:
            if lease is not None and find() == run:
                if run.finished is None:  # it may have been finished since
                    work(run, lease.lease)
                return run
        if lease is not None:
            continue
        if not waits and (trainer := trainer_of(run)) is not None:
            raise TrainedElsewhereError(f"{run.name}: {described(trainer)} trains it already; {cure(run, trainer)}")
        with _still_trained(run, say):
            ended = follow(run, say)
        if ended is Ended.STOPPED:
            raise TrainedElsewhereError(
                f"{run.name}: its training was stopped; the same command goes on from its last checkpoint"
            )
        if ended is Ended.DEAD:
            say(f"{run.name}: its trainer has died or was not heard of for {LEASE_S / 60:.0f} minutes; taking over")
        elif ended is Ended.NOBODY:
            time.sleep(random.uniform(0, _AGAIN_WITHIN_S))
    return run


def follow(run: Run, say: Callable[[str], None]) -> Ended:
    """Say who trains a run, then a line for each epoch that it finishes, and return how that came to its end."""
    seen, trainer = 0, trainer_of(run)
    if trainer is not None:
        say(f"{run.name}: {described(trainer)} trains it already; its epochs follow")
    settings = run.config().train if run.store.exists(f"{run.directory}/config.json") else None
    before = trainer
    while True:
        is_left_behind = trainer is None and is_left(run.store, run.directory, UNIT)
        if settings is None and run.store.exists(f"{run.directory}/config.json"):
            settings = run.config().train
        if settings is not None:
            history = read_history(run)
            for metrics in history[seen:]:
                say(progress_line(metrics, settings))
            seen = max(seen, len(history))
        if run.finished is not None:
            return Ended.FINISHED
        if trainer is None:
            return Ended.DEAD if is_left_behind else Ended.NOBODY if before is None else Ended.STOPPED
        before = trainer
        time.sleep(LOOK_EVERY_S)
        trainer = trainer_of(run)


def trainer_of(run: Run) -> Holder | None:
    """Return the process that trains a run now; None where there is none."""
    return holders(run.store, run.directory, time.time()).get(UNIT)


def check_lease(run: Run, lease: Lease | None) -> None:
    """Raise StageError where another process has taken a run over; without a lease nothing is asked."""
    if lease is not None and not lease.stands():
        raise StageError(
            f"{run.name}: another process has taken this training over, since this one was not heard of for "
            f"{LEASE_S / 60:.0f} minutes; the same command shows how far that one is"
        )


def own_job() -> str:
    """Return the submission id of the Ray job that this process runs in; empty where it runs in none."""
    try:
        told = json.loads(os.environ.get(_JOB_VARIABLE, "{}"))
        return str(told["metadata"]["job_submission_id"])
    except (ValueError, TypeError, KeyError):
        return ""


def described(trainer: Holder) -> str:
    """Return a process in words: what it is, where, and since when it trains."""
    process = f"Ray job {trainer.job} ({trainer.process})" if trainer.job else trainer.process
    return f"{process}, since {trainer.since},"


def cure(run: Run, trainer: Holder) -> str:
    """Return how to follow a training, and how to stop it."""
    name = trainer.job or run.name
    return f"`shutterprint jobs follow {name}` shows how far it is, `shutterprint jobs stop {name}` stops it"


@contextmanager
def _still_trained(run: Run, say: Callable[[str], None]) -> Iterator[None]:
    """Where the wait is interrupted, say that the training goes on."""
    try:
        yield
    except KeyboardInterrupt:
        if (trainer := trainer_of(run)) is not None:
            say(f"{run.name}: the training itself goes on; {cure(run, trainer)}")
        raise
