"""Hook: tells somebody that a pipeline has failed, by a command or a webhook of its configuration.

The facts of the failure are in the environment of the command (`SHUTTERPRINT_…`) and, as JSON, on its standard input; a
webhook gets the same JSON. There are no secrets among them, and no output of a stage, which may have some. Of this
process's environment a hook gets ENVIRONMENT alone, and the webhook also its token. A hook is ended after
`hooks.timeout_s`. One that fails is told of in the log and changes nothing: the pipeline's own failure
remains what the run ends with.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from corpus.configuration import Configuration
from corpus.sections import OnFailure
from corpus.text import escaped, iso_time
from pipelines.history import KILLED, PipelineRun
from pipelines.processes import executable, stop_group
from pipelines.webhook import TOKEN_VARIABLE

_GRACE_S = 1.0
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
ENVIRONMENT = ("PATH", "HOME", "LANG", *_PROXIES, *(name.upper() for name in _PROXIES))
"""Variables of the pipeline's environment that a hook gets; the others may be secrets."""
_OF_WEBHOOK = (TOKEN_VARIABLE, "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What our own program needs beside them, to be found and to trust the receiver."""
_WEBHOOK = ("-m", "pipelines.webhook")
_KILLED = "the run was killed, or its machine stopped; the run that has begun now goes on from there"


def failure_of(configuration: Configuration, name: str, run: PipelineRun) -> dict[str, Any]:
    """Return the facts of a run that failed, was killed or could not be begun (number 0)."""
    stage = run.stages[-1] if run.stages else None
    return {
        "pipeline": name,
        "outcome": run.outcome,
        "run": run.number,
        "stage": "" if stage is None else stage.command,
        "round": 1 if stage is None else stage.round,
        "error": run.error or (_KILLED if run.outcome == KILLED else ""),
        "began_at": iso_time(run.began_at_s),
        "failed_at": "" if run.ended_at_s is None else iso_time(run.ended_at_s),
        "host": run.host,
        "configuration": str(configuration.file),
        "storage": configuration.storage,
    }


def call_hook(hook: OnFailure, facts: Mapping[str, Any], timeout_s: float, say: Callable[[str], None]) -> None:
    """Run a hook, for at most `timeout_s`; `say` receives a line where it fails. Raises nothing but interrupts."""
    passed = ENVIRONMENT if hook.command is not None else (*ENVIRONMENT, *_OF_WEBHOOK)
    environment = {key: value for key, value in os.environ.items() if key in passed}
    environment |= {f"SHUTTERPRINT_{key.upper()}": str(value).replace("\0", "") for key, value in facts.items()}
    given: Mapping[str, Any] = facts
    if hook.command is not None:
        command = [executable(hook.command[0]), *hook.command[1:]]
        shown = f"command {hook.command[0]}"
    else:  # the address may be a secret, so it is not among the arguments, which everybody on the machine can read
        command, given, shown = [sys.executable, *_WEBHOOK], {"address": hook.webhook, "facts": facts}, "webhook"
    try:
        fault = _run(command, json.dumps(given).encode(), environment, timeout_s)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        fault = f"cannot be started: {error}"
    if fault is not None:
        say(escaped(f"pipeline {facts['pipeline']}: the {shown} of on_failure {fault}"))


def _run(command: list[str], given: bytes, environment: Mapping[str, str], timeout_s: float) -> str | None:
    """Run a command in a process group of its own; return what went wrong, as the end of a sentence."""
    process = subprocess.Popen(command, env=dict(environment), stdin=subprocess.PIPE, start_new_session=True)
    try:
        process.communicate(given, timeout_s)  # that it does not read what it is given is no error
    except subprocess.TimeoutExpired:
        stop_group(process, _GRACE_S)
        return f"took longer than {timeout_s:.0f} s and was ended"
    except BaseException:
        with suppress(OSError):
            stop_group(process, _GRACE_S)
        raise
    return f"ended with exit code {process.returncode}" if process.returncode else None
