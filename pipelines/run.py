"""Running a pipeline: its stages in order, each judged by its receipt; a failed run goes on where it stopped.

In: the configuration and a pipeline's name. Out: `receipts/pipeline-<name>.json`, which says how far the
present run has come. A stage has succeeded when it exited with 0 *and* wrote its receipt: an exit code alone
says little, since `scrapy crawl` exits 0 though a callback raised.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from corpus.configuration import CONFIGURATION_VARIABLE, Configuration
from corpus.errors import ConfigurationError, StageError
from corpus.receipts import receipt_since
from pipelines.lock import pipeline_lock
from pipelines.stages import Stage, executable, parse_stage

STOP_GRACE_S = 20.0
"""How long an interrupted stage may take to end by itself: a crawl closes its window, a job its workers."""


def run_pipeline(configuration: Configuration, name: str, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Run pipeline `name` and return the receipts of its stages.

    `say` takes the lines for people. Raises ConfigurationError for an unknown name or stage before anything
    runs, StageError where the pipeline runs already or a stage fails; run again, it goes on from that stage.
    """
    stages = stages_of(configuration, name)
    store, state_path = configuration.store, f"receipts/pipeline-{name}.json"
    with pipeline_lock(store, name) as lock:
        state = store.read_json(state_path) if store.exists(state_path) else {}
        commands = [stage.command for stage in stages]
        # a finished run, and one of other stages, start anew
        done = state["receipts"] if state.get("stages") == commands and not state["finished"] else []
        for number, stage in enumerate(stages, start=1):
            if number <= len(done):
                say(f"[{number}/{len(stages)}] {stage.command}: done in the run before")
                continue
            say(f"[{number}/{len(stages)}] {stage.command}")
            began_at_s = time.time()
            receipt = _run_stage(configuration, name, stage, lock)
            say(f"[{number}/{len(stages)}] done in {time.time() - began_at_s:.0f} s: {_summary(receipt)}")
            done = [*done, receipt]
            finished = number == len(stages)
            store.publish_json(state_path, {"stages": commands, "receipts": done, "finished": finished})
    return cast(list[dict[str, Any]], done)


def stages_of(configuration: Configuration, name: str) -> list[Stage]:
    """Return the stages of a pipeline; raises ConfigurationError for an unknown name or stage."""
    if name not in configuration.pipelines:
        known = ", ".join(configuration.pipelines) or "none"
        raise ConfigurationError(f"{configuration.file.name}: pipelines: there is no {name!r}; it has {known}")
    return [parse_stage(command, configuration.file) for command in configuration.pipelines[name].stages]


def _run_stage(configuration: Configuration, name: str, stage: Stage, lock: int) -> dict[str, Any]:
    began_at_s = time.time()
    code = _run_command(stage.arguments, _environment(configuration), lock)
    receipt = receipt_since(configuration.store, stage.receipt, began_at_s)
    again = f"mend it and run `python -m pipelines run {name}` again: it goes on from this stage"
    if code != 0:
        raise StageError(f"pipeline {name}: `{stage.command}` failed with exit code {code}; {again}")
    if receipt is None:
        raise StageError(f"pipeline {name}: `{stage.command}` ended without its receipt, see its output above; {again}")
    return receipt


def _environment(configuration: Configuration) -> dict[str, str]:
    return {
        **os.environ,
        CONFIGURATION_VARIABLE: str(configuration.file),
        "RAY_API_SERVER_ADDRESS": configuration.clusters.ray_dashboard,
        "PYTHONUNBUFFERED": "1",
        # at its usual level Ray's packaging of the working directory hides the lines of the training
        "RAY_LOGGER_LEVEL": os.environ.get("RAY_LOGGER_LEVEL", "warning"),
    }


def _run_command(arguments: Sequence[str], environment: dict[str, str], lock: int) -> int:
    """Run a command in a process group of its own, so that stopping it stops all that it started."""
    process = subprocess.Popen(
        [executable(arguments[0]), *arguments[1:]],
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(lock,),
    )
    try:
        return process.wait()
    except BaseException:  # an interrupt, of whatever kind: no process of a stage may outlive its pipeline
        _stop(process)
        raise


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def _summary(receipt: dict[str, Any]) -> str:
    shown = {key: value for key, value in receipt.items() if key not in ("stage", "finished_at_s")}
    return ", ".join(
        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in shown.items()
        if isinstance(value, str | int | float)
    )
