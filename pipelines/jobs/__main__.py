"""`shutterprint jobs`: lists trainings, on the Ray head and without one, follows one, stops one."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from corpus.command_line import command_parser, configuration_of, exit_with
from corpus.configuration import Configuration
from corpus.errors import StageError
from corpus.text import escaped
from pipelines.jobs.head import Head, Job, NoAnswerError
from pipelines.jobs.submission import READY_WITHIN_S
from pipelines.jobs.table import Training, live_job, table, trainings
from pipelines.processes import executable
from train.runs.one_trainer import Ended, described, follow, trainer_of

_DESCRIPTION = """List the trainings of the Ray head and of the storage, follow one, stop one.

  shutterprint jobs                   job, run, state, since when, how far
  shutterprint jobs follow NAME       attach to its log until it ends; ctrl-C ends only the following
  shutterprint jobs stop NAME         stop it; the same training goes on from its last checkpoint when asked for again

NAME is a job's id or the name of a run. Exit codes: 0 done or the training succeeded, 1 it did not, 2 impossible."""

STOPS_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.5


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = command_parser("shutterprint jobs", _DESCRIPTION, overridable=False)
    parser.add_argument("action", nargs="?", choices=("list", "follow", "stop"), default="list", help="what to do")
    parser.add_argument("name", metavar="NAME", nargs="?", help="a job's id or the name of a run")
    arguments = parser.parse_args()
    if (arguments.action == "list") != (arguments.name is None):
        parser.error("follow and stop need a NAME, which `shutterprint jobs` lists")
    configuration = configuration_of(arguments)
    if arguments.action == "list":
        _list(configuration)
        return 0
    return {"follow": _follow, "stop": _stop}[arguments.action](configuration, arguments.name)


def _list(configuration: Configuration) -> None:
    try:
        jobs = Head(configuration.clusters.ray_dashboard).jobs()
    except NoAnswerError as error:
        print(f"note: {error}; only trainings that are not Ray jobs are listed", file=sys.stderr)
        jobs = []
    rows = table(jobs, trainings(configuration.store))
    if len(rows) == 1:
        print("no training runs, and none is unfinished")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(escaped(line.rstrip()))


def _follow(configuration: Configuration, name: str) -> int:
    job, training = _find(configuration, name)
    if job is not None:
        # a Ray job's log has more than the epochs: also what went wrong
        environment = {
            **os.environ,
            "RAY_API_SERVER_ADDRESS": configuration.clusters.ray_dashboard,
            "RAY_LOGGER_LEVEL": os.environ.get("RAY_LOGGER_LEVEL", "warning"),
        }
        command = [executable("ray"), "job", "logs", *(["--follow"] if job.is_live else []), job.id]
        while True:
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
            ended = _answered(Head(configuration.clusters.ray_dashboard), job.id)
            if ended is None or not ended.is_live or not job.is_live:
                return 0 if ended is not None and ended.state == "succeeded" else 1
            print(f"note: the connection to the log of {job.id} has ended and the job has not; again", file=sys.stderr)
            time.sleep(_LOOK_EVERY_S)
    assert training is not None  # noqa: S101  `_find` raises where both are missing
    ended_as = follow(training.run, lambda line: print(line, flush=True))
    if ended_as is not Ended.FINISHED:
        print(f"{training.run.name}: {ended_as.value}", file=sys.stderr)
    return 0 if ended_as is Ended.FINISHED else 1


def _answered(head: Head, name: str) -> Job | None:
    """Return a job; a head that does not answer is asked again for READY_WITHIN_S."""
    until_s = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            return head.job(name)
        except NoAnswerError as error:
            if not error.may_pass or time.monotonic() > until_s:
                raise
        time.sleep(_LOOK_EVERY_S)


def _stop(configuration: Configuration, name: str) -> int:
    job, training = _find(configuration, name)
    head = Head(configuration.clusters.ray_dashboard)
    if job is not None and job.is_live:
        head.stop(job.id)
        what, until_s = f"Ray job {job.id}", time.monotonic() + STOPS_WITHIN_S
        while (now := head.job(job.id)) is not None and now.is_live:
            _wait(what, until_s)
    elif training is not None and (trainer := training.trainer) is not None:
        what, until_s = f"{training.run.name}: {described(trainer)}", time.monotonic() + STOPS_WITHIN_S
        if not trainer.is_here:
            raise StageError(f"{what} is on another machine; stop it there: `kill {trainer.pid}`")
        os.kill(trainer.pid, signal.SIGTERM)
        while trainer_of(training.run) is not None:
            _wait(what, until_s)
    else:
        raise StageError(f"{name}: neither waits nor runs, so there is nothing to stop")
    print(f"{what} has stopped; asked for again, the training goes on from its last checkpoint")
    return 0


def _wait(what: str, until_s: float) -> None:
    if time.monotonic() > until_s:
        raise StageError(f"{what} has not ended within {STOPS_WITHIN_S:.0f} s; look at it again in a minute")
    time.sleep(_LOOK_EVERY_S)


def _find(configuration: Configuration, name: str) -> tuple[Job | None, Training | None]:
    """Return the job, or else the training, of this name; raises StageError where there is neither."""
    there = {training.run.name: training for training in trainings(configuration.store)}
    training, head = there.get(name), Head(configuration.clusters.ray_dashboard)
    of_trainer = training.trainer.job if training is not None and training.trainer is not None else ""
    if of_trainer or training is None:
        try:
            job = head.job(of_trainer or name)
        except NoAnswerError as error:
            told = f"{name}: is no run, and {error}" if training is None else f"{name}: {error}"
            raise StageError(told) from error
        if job is not None:
            return job, training
    if training is None or (training.trainer is None and not training.is_finished):
        with suppress(NoAnswerError):  # a job that waits to train it holds no lease yet
            job = live_job(head.jobs(), configuration.store, name)
            if job is not None:
                return job, training
    if training is None:
        raise StageError(f"{name}: is neither a job of the Ray head nor a run; `shutterprint jobs` lists them")
    return None, training


if __name__ == "__main__":
    exit_with(main)
