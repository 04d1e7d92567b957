"""Processes: finds programs of this environment, and stops processes with everything that they started."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


def executable(name: str) -> str:
    """Return the program in this environment (cron's PATH has none of them), or the bare name where it has none."""
    # not resolved: an environment's python is a link to a program outside the environment
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else name


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back ctrl-C and SIGTERM during a `with` block, and heed them at its end.

    A process that is being started when one comes would otherwise be known to nobody, and live on.
    """
    came: list[tuple[int, FrameType | None]] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # what is ignored stays ignored, as a shell in the background wants it: a handler would undo that in the child
    held = {number: handler for number, handler in before.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        held = {}
    for number in held:
        signal.signal(number, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
    for came_number, frame in came:
        held[signal.Signals(came_number)](came_number, frame)


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
