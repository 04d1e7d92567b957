"""Processes: finds programs of this environment, and stops processes with everything that they started."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def executable(name: str) -> str:
    """Return the program in this environment (cron's PATH has none of them), or the bare name where it has none."""
    # not resolved: an environment's python is a link to a program outside the environment
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


def stop_group(process: subprocess.Popen[bytes], grace_s: float, *, terminate_leader_only: bool = False) -> None:
    """Terminate the process group that `process` leads, and kill what is left of it after `grace_s`.

    `terminate_leader_only`: send SIGTERM to the leader alone, which then ends its own processes in order.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            if number == signal.SIGTERM and terminate_leader_only:
                process.terminate()
            else:
                os.killpg(process.pid, number)
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
