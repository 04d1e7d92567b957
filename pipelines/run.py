"""Run: runs a pipeline's stages in order; run again after a failure, it continues with the stage that failed.

`receipts/pipeline-<name>.json` records how far the current run has come, and the runs before (`pipelines.history`). A
stage has succeeded when it exited with 0 *and* wrote its receipt: the exit code alone says little, since `scrapy crawl`
exits 0 although a callback raised. When a run fails or cannot be begun, the pipeline's hook is called
(`pipelines.hook`), and when a run finds that the one before it was killed.

A stage whose receipt says that photos are `wanted` begins another round, up to the pipeline's `rounds`: what curation
has learned of cameras lets photos pass that the crawl before it refused.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from corpus.configuration import CONFIGURATION_VARIABLE, Configuration
from corpus.errors import ShutterprintError, StageError
from corpus.events import is_on
from corpus.receipts import receipt_since
from corpus.storage import Store
from pipelines.history import (
    FAILED,
    FINISHED,
    INTERRUPTED,
    RUNNING,
    PipelineRun,
    Progress,
    begun,
    ended,
    publish_progress,
    read_progress,
    stage_begun,
    stage_ended,
    told_by,
    unbegun,
)
from pipelines.hook import call_hook, failure_of
from pipelines.jobs.head import Head
from pipelines.jobs.naming import job_name
from pipelines.jobs.submission import is_submission, submit
from pipelines.lock import AlreadyRunningError, PipelineLock, pipeline_lock
from pipelines.processes import executable, interrupts_held, stop_group
from pipelines.ray_output import is_of_ray
from pipelines.stages import Stage, stages_of

STOP_GRACE_S = 20.0
"""Seconds an interrupted stage has to end by itself: a crawl closes its window, a job its workers."""


def run_pipeline(
    configuration: Configuration, name: str, say: Callable[[str], None], ray_log: Path | None = None
) -> list[dict[str, Any]]:
    """Run pipeline `name` and return the receipts of its stages.

    `say` receives the lines for people. `ray_log`: a file for what Ray's command line tells of itself; None leaves that
    among the output. Raises ConfigurationError for an unknown name or stage before anything
    runs, StageError where the pipeline is already running or a stage fails; run again, it continues with that stage.
    """
    progress = Progress()
    try:
        stages = stages_of(configuration, name)
        with pipeline_lock(configuration.store, name) as lock:
            try:
                progress, killed = _begin(configuration.store, name, stages, lock)
                for run in killed:
                    _tell(configuration, name, run, say)
                for number, stage in enumerate(stages[: len(progress.receipts)], start=1):
                    say(f"[{number}/{len(stages)}] {stage.command}: done in the run before")
                while not progress.finished:
                    number, stage = len(progress.receipts) + 1, stages[len(progress.receipts)]
                    say(f"[{number}/{len(stages)}] {stage.command}")
                    began_at_s = time.time()
                    progress = stage_begun(progress, stage.command, began_at_s)
                    _publish(configuration.store, name, progress, lock)
                    receipt = _run_stage(configuration, name, stage, lock, say, ray_log)
                    say(f"[{number}/{len(stages)}] done in {time.time() - began_at_s:.0f} s: {_summary(receipt)}")
                    progress = _after_stage(configuration.pipelines[name].rounds, progress, receipt, say)
                    _publish(configuration.store, name, progress, lock)
            except BaseException as error:
                progress = _failed(configuration.store, name, progress, lock, error)
                raise
    except AlreadyRunningError:  # that one runs, so nothing has failed
        raise
    except Exception as error:
        # without a run, the storage could not be reached, or the history or a stage cannot be read
        run = progress.runs[-1] if progress.runs else unbegun(time.time(), _text_of(error))
        _tell(configuration, name, run, say)
        raise
    return [dict(receipt) for receipt in progress.receipts]


def _begin(store: Store, name: str, stages: Sequence[Stage], lock: PipelineLock) -> tuple[Progress, list[PipelineRun]]:
    """Publish and return the progress with a new run, and the runs that are now known to have been killed.

    The new run goes on where the last one stopped, or starts anew.
    """
    commands = tuple(stage.command for stage in stages)
    progress = read_progress(store, name)
    continues = progress.goes_on_with(commands)
    if not continues:
        progress = replace(progress, commands=commands, receipts=(), round=1, finished=False)
    running = {run.number for run in progress.runs if run.outcome == RUNNING}
    progress = begun(progress, time.time(), continues=continues)
    _publish(store, name, progress, lock)
    return progress, [run for run in progress.runs if run.number in running]


def _publish(store: Store, name: str, progress: Progress, lock: PipelineLock) -> None:
    lock.check()
    publish_progress(store, name, progress)


def _after_stage(rounds: int, progress: Progress, receipt: dict[str, Any], say: Callable[[str], None]) -> Progress:
    """Return the progress after a stage that succeeded: the next stage, another round, or the end of the run."""
    now_s = time.time()
    progress = stage_ended(progress, now_s, FINISHED, receipt)
    receipts, wanted = (*progress.receipts, receipt), receipt.get("wanted", 0)
    if wanted and progress.round < rounds:
        say(f"{wanted:,} refused photos are wanted now: round {progress.round + 1} begins with the first stage")
        return replace(progress, receipts=(), round=progress.round + 1)
    progress = replace(progress, receipts=receipts, finished=len(receipts) == len(progress.commands))
    return ended(progress, now_s, FINISHED) if progress.finished else progress


def _failed(store: Store, name: str, progress: Progress, lock: PipelineLock, error: BaseException) -> Progress:
    """Publish and return the progress of a run that has ended before its time; without a run it stays as it is."""
    if not progress.runs:
        return progress
    now_s, is_stopped = time.time(), not isinstance(error, Exception)
    outcome, text = (INTERRUPTED, None) if is_stopped else (FAILED, _text_of(error))
    progress = ended(stage_ended(progress, now_s, outcome, {}), now_s, outcome, text)
    # what ended the run says more than that the storage fails, too
    with suppress(ShutterprintError, OSError):
        _publish(store, name, progress, lock)
    return progress


def _tell(configuration: Configuration, name: str, run: PipelineRun, say: Callable[[str], None]) -> None:
    """Call the pipeline's hook where it has one; raises nothing but interrupts."""
    pipeline = configuration.pipelines.get(name)
    if pipeline is not None and pipeline.on_failure is not None:
        call_hook(pipeline.on_failure, failure_of(configuration, name, run), configuration.hooks.timeout_s, say)


def _text_of(error: BaseException) -> str:
    return str(error) or repr(error)


def _run_stage(
    configuration: Configuration,
    name: str,
    stage: Stage,
    lock: PipelineLock,
    say: Callable[[str], None],
    ray_log: Path | None,
) -> dict[str, Any]:
    began_at_s = time.time()
    run = partial(_run_command, environment=_environment(configuration), lock=lock.descriptor)
    if is_submission(stage.arguments):
        submission = run if ray_log is None else partial(run, ray_log=ray_log)
        head = Head(configuration.clusters.ray_dashboard)
        code = submit(stage.arguments, job_name(stage.arguments, configuration), head, submission, say)
    else:
        code = run(stage.arguments)
    receipt = receipt_since(configuration.store, stage.receipt, began_at_s)
    again = f"fix that and run `python -m pipelines run {name}` again: it continues with this stage"
    if code != 0:
        raise StageError(f"pipeline {name}: `{stage.command}` failed with exit code {code}; {again}")
    if receipt is None:
        raise StageError(f"pipeline {name}: `{stage.command}` wrote no receipt, see its output above; {again}")
    return receipt


def _environment(configuration: Configuration) -> dict[str, str]:
    return {
        **os.environ,
        CONFIGURATION_VARIABLE: str(configuration.file),
        "RAY_API_SERVER_ADDRESS": configuration.clusters.ray_dashboard,
        "PYTHONUNBUFFERED": "1",
        # at Ray's default level its lines on packaging the working directory bury those of the training
        "RAY_LOGGER_LEVEL": os.environ.get("RAY_LOGGER_LEVEL", "warning"),
    }


def _run_command(arguments: Sequence[str], environment: dict[str, str], lock: int, ray_log: Path | None = None) -> int:
    """Run a command in a process group of its own, so that stopping it stops everything it started."""
    is_sifted = ray_log is not None or is_on()
    process = None
    try:
        with interrupts_held():
            process = subprocess.Popen(
                [executable(arguments[0]), *arguments[1:]],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if is_sifted else None,
                stderr=subprocess.STDOUT if is_sifted else None,
                start_new_session=True,
                pass_fds=(lock,),
            )
        if process.stdout is not None:
            _sift(TextIOWrapper(process.stdout, encoding="utf-8", errors="replace"), ray_log)
        return process.wait()
    except BaseException:  # interrupts of any kind: no process of a stage may outlive its pipeline
        if process is not None:
            stop_group(process, STOP_GRACE_S)
        raise


def _sift(lines: Iterable[str], ray_log: Path | None) -> None:
    """Print the lines of a stage as they come, and write Ray's own to a file where there is one."""
    with nullcontext() if ray_log is None else ray_log.open("a", encoding="utf-8") as log:
        for line in lines:
            if log is not None and is_of_ray(line):
                log.write(line)
                log.flush()
            else:
                print(line, end="", flush=True)


def _summary(receipt: dict[str, Any]) -> str:
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in told_by(receipt).items()
    )
