"""History: what each run of a pipeline did, in `receipts/pipeline-<name>.json`, beside how far the current run is.

A run is added when it begins, gets its stages as they begin and end, and does not change any more once it has ended.
The last RUNS_MAX runs are kept. The file is published whole each time, by the holder of the pipeline's lock alone.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.text import clipped

RUNS_MAX = 250
"""Eight months of nights; with three stages a run they take 250 kB."""
_TEXT_MAX = 400
RUNNING, FINISHED, FAILED, INTERRUPTED, KILLED = "running", "finished", "failed", "interrupted", "killed"


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage of one run."""

    command: str
    round: int
    began_at_s: float
    took_s: float | None = None
    """None while it runs, and for ever where it was killed."""
    outcome: str = RUNNING
    told: Mapping[str, str | int | float] = field(default_factory=dict)
    """The numbers and short texts of its receipt."""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of a pipeline: a process that worked on its stages."""

    number: int
    began_at_s: float
    process: int
    host: str
    continues: bool
    """Whether it went on where the run before it had stopped."""
    ended_at_s: float | None = None
    """None while it runs, and for ever where it was killed."""
    outcome: str = RUNNING
    error: str | None = None
    stages: tuple[StageRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current run of a pipeline is, and the runs so far."""

    commands: tuple[str, ...] = ()
    """The stages as they were when it began."""
    receipts: tuple[Mapping[str, Any], ...] = ()
    """Of the stages that are done in this round."""
    round: int = 1
    finished: bool = True
    runs: tuple[PipelineRun, ...] = ()

    def goes_on_with(self, commands: Sequence[str]) -> bool:
        """Whether the next run continues this one: it is unfinished, and its stages are still the same."""
        return not self.finished and self.commands == tuple(commands)


def read_progress(store: Store, name: str) -> Progress:
    """Return the progress of a pipeline; raises StorageError where its file is damaged."""
    path = path_of(name)
    if not store.exists(path):
        return Progress()
    value = store.read_json(path)
    try:
        runs = tuple(
            PipelineRun(**run | {"stages": tuple(StageRun(**stage) for stage in run["stages"])})
            for run in value.get("runs", ())  # earlier versions kept none
        )
        return Progress(
            tuple(value["stages"]), tuple(value["receipts"]), value.get("round", 1), value["finished"], runs
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise StorageError(
            f"{store.url}: {path} is not the history of a pipeline ({error!r}); remove it: the next run then begins "
            "with the first stage"
        ) from error


def publish_progress(store: Store, name: str, progress: Progress) -> None:
    """Publish the progress of a pipeline, with its last RUNS_MAX runs."""
    value = {
        "stages": progress.commands,
        "receipts": progress.receipts,
        "round": progress.round,
        "finished": progress.finished,
        "runs": [asdict(run) for run in progress.runs[-RUNS_MAX:]],
    }
    store.publish_json(path_of(name), value)


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What the next run does with one stage."""

    command: str
    is_run: bool
    why: str


def upcoming(progress: Progress, commands: Sequence[str], *, is_locked: bool = False) -> list[Upcoming]:
    """Return what the next run does with each stage; `is_locked`: whether a run holds the pipeline's lock."""
    done, round_number, first = 0, 1, "the run before has finished"
    if progress.goes_on_with(commands):
        done, round_number = len(progress.receipts), progress.round
        last = outcome_now(progress.runs[-1].outcome if progress.runs else FAILED, is_locked=is_locked)
        first = {FAILED: "the run before failed here", RUNNING: "the run of now is here"}.get(
            last, f"the run before was {last} here"
        )
    elif not progress.commands:
        first = "the pipeline has not run yet"
    elif progress.commands != tuple(commands):
        first = "the pipeline has other stages than in the run before"
    of_round = f", round {round_number}" if round_number > 1 else ""
    found = [Upcoming(command, False, f"done in the run before{of_round}") for command in commands[:done]]
    found += [Upcoming(command, True, f"{first}{of_round}") for command in commands[done : done + 1]]
    return found + [Upcoming(command, True, "after the stage above") for command in commands[done + 1 :]]


def path_of(name: str) -> str:
    """Return where the history of a pipeline is in the store."""
    return f"receipts/pipeline-{name}.json"


def begun(progress: Progress, now_s: float, *, continues: bool) -> Progress:
    """Return a progress with a new run of this process.

    Only one process at a time holds the pipeline's lock, so a run that seems to be running has been killed.
    """
    runs = tuple(_killed(run) if run.outcome == RUNNING else run for run in progress.runs)
    number = runs[-1].number + 1 if runs else 1
    return replace(progress, runs=(*runs, PipelineRun(number, now_s, os.getpid(), socket.gethostname(), continues)))


def unbegun(now_s: float, error: str) -> PipelineRun:
    """Return a run that could not be begun; its number is 0, and no history has it."""
    host = socket.gethostname()
    return PipelineRun(0, now_s, os.getpid(), host, False, now_s, FAILED, clipped(error, _TEXT_MAX))


def outcome_now(outcome: str, *, is_locked: bool) -> str:
    """Return an outcome; what seems to be running while nobody holds the pipeline's lock was killed."""
    return KILLED if outcome == RUNNING and not is_locked else outcome


def stage_begun(progress: Progress, command: str, now_s: float) -> Progress:
    """Return a progress whose last run has begun a stage."""
    run = progress.runs[-1]
    return _with_last(progress, replace(run, stages=(*run.stages, StageRun(command, progress.round, now_s))))


def stage_ended(progress: Progress, now_s: float, outcome: str, receipt: Mapping[str, Any]) -> Progress:
    """Return a progress whose last run's last stage has ended."""
    run = progress.runs[-1]
    if not run.stages or run.stages[-1].outcome != RUNNING:
        return progress
    stage = run.stages[-1]
    ended = replace(stage, took_s=round(now_s - stage.began_at_s, 3), outcome=outcome, told=told_by(receipt))
    return _with_last(progress, replace(run, stages=(*run.stages[:-1], ended)))


def ended(progress: Progress, now_s: float, outcome: str, error: str | None = None) -> Progress:
    """Return a progress whose last run has ended."""
    text = None if error is None else clipped(error, _TEXT_MAX)
    return _with_last(progress, replace(progress.runs[-1], ended_at_s=now_s, outcome=outcome, error=text))


def told_by(receipt: Mapping[str, Any]) -> dict[str, str | int | float]:
    """Return the numbers and texts of a receipt, without its own name and time."""
    return {
        key: clipped(value, _TEXT_MAX) if isinstance(value, str) else value
        for key, value in receipt.items()
        if isinstance(value, str | int | float) and key not in ("stage", "finished_at_s")
    }


def _killed(run: PipelineRun) -> PipelineRun:
    stages = tuple(replace(stage, outcome=KILLED) if stage.outcome == RUNNING else stage for stage in run.stages)
    return replace(run, outcome=KILLED, stages=stages)


def _with_last(progress: Progress, run: PipelineRun) -> Progress:
    return replace(progress, runs=(*progress.runs[:-1], run))
