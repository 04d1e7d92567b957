"""Run: runs a pipeline's stages in order; run again after a failure, it continues with the stage that failed.

`receipts/pipeline-<name>.json` records how far the current run has come. A stage has succeeded when it exited with 0
*and* wrote its receipt: the exit code alone says little, since `scrapy crawl` exits 0 although a callback raised.

A stage whose receipt says that photos are `wanted` begins another round, up to the pipeline's `rounds`: what curation
has learned of cameras lets photos pass that the crawl before it refused.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

from corpus.configuration import CONFIGURATION_VARIABLE, Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.receipts import receipt_since
from pipelines.jobs.head import Head
from pipelines.jobs.naming import job_name
from pipelines.jobs.submission import is_submission, submit
from pipelines.lock import pipeline_lock
from pipelines.processes import executable, stop_group
from pipelines.ray_output import is_of_ray
from pipelines.stages import Stage, parse_stage

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
    stages = stages_of(configuration, name)
    store, state_path = configuration.store, f"receipts/pipeline-{name}.json"
    with pipeline_lock(store, name) as lock:
        state = store.read_json(state_path) if store.exists(state_path) else {}
        commands = [stage.command for stage in stages]
        goes_on = state.get("stages") == commands and not state["finished"]
        # after a finished run, or with other stages, it starts from the first stage
        done, round_number = (state["receipts"], state.get("round", 1)) if goes_on else ([], 1)
        for number, stage in enumerate(stages[: len(done)], start=1):
            say(f"[{number}/{len(stages)}] {stage.command}: done in the run before")
        while len(done) < len(stages):
            number, stage = len(done) + 1, stages[len(done)]
            say(f"[{number}/{len(stages)}] {stage.command}")
            began_at_s = time.time()
            receipt = _run_stage(configuration, name, stage, lock, say, ray_log)
            say(f"[{number}/{len(stages)}] done in {time.time() - began_at_s:.0f} s: {_summary(receipt)}")
            done = [*done, receipt]
            wanted = receipt.get("wanted", 0)
            if wanted and round_number < configuration.pipelines[name].rounds:
                done, round_number = [], round_number + 1
                say(f"{wanted:,} refused photos are wanted now: round {round_number} begins with the first stage")
            told = {"stages": commands, "receipts": done, "round": round_number, "finished": len(done) == len(stages)}
            store.publish_json(state_path, told)
    return cast(list[dict[str, Any]], done)


def stages_of(configuration: Configuration, name: str) -> list[Stage]:
    """Return the stages of a pipeline; raises ConfigurationError for an unknown name or stage."""
    if name not in configuration.pipelines:
        known = ", ".join(configuration.pipelines) or "none"
        raise ConfigurationError(f"{configuration.file.name}: pipelines: there is no {name!r}, only {known}")
    return [parse_stage(command, configuration.file) for command in configuration.pipelines[name].stages]


def _run_stage(
    configuration: Configuration,
    name: str,
    stage: Stage,
    lock: int,
    say: Callable[[str], None],
    ray_log: Path | None,
) -> dict[str, Any]:
    began_at_s = time.time()
    run = partial(_run_command, environment=_environment(configuration), lock=lock)
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
    process = subprocess.Popen(
        [executable(arguments[0]), *arguments[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if ray_log is None else subprocess.PIPE,
        stderr=None if ray_log is None else subprocess.STDOUT,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        if ray_log is not None and process.stdout is not None:
            _sift(TextIOWrapper(process.stdout, encoding="utf-8", errors="replace"), ray_log)
        return process.wait()
    except BaseException:  # interrupts of any kind: no process of a stage may outlive its pipeline
        stop_group(process, STOP_GRACE_S)
        raise


def _sift(lines: Iterable[str], ray_log: Path) -> None:
    """Print the lines of a job as they come, and write Ray's own to a file."""
    with ray_log.open("a", encoding="utf-8") as log:
        for line in lines:
            if is_of_ray(line):
                log.write(line)
                log.flush()
            else:
                print(line, end="", flush=True)


def _summary(receipt: dict[str, Any]) -> str:
    shown = {key: value for key, value in receipt.items() if key not in ("stage", "finished_at_s")}
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in shown.items()
        if isinstance(value, str | int | float)
    )
