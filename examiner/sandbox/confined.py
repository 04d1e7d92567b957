"""Confined: a separate process that works on strangers' files, which may crash, hang or take memory without harm to us.

The process is started once, with an interpreter of its own, and again whenever a file has ended it. Requests and
answers go through pipes as bytes and JSON (`examiner.sandbox.messages`); what the process may not do, `limits` says.
One thread at a time asks it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, TypeVar

from corpus.errors import StageError
from examiner.sandbox.environment import environment
from examiner.sandbox.messages import as_json, receive_until, send_until

TIMEOUT_S = 60.0
MEMORY_BYTES = 4 << 30
STARTS_WITHIN_S = 300.0
"""Loading a network and compiling all loops for the first time takes half a minute."""

T = TypeVar("T")
NextFrame = Callable[[int], bytes]
"""Most bytes that it may have → the next frame of an answer; raises ValueError for a longer one."""


@dataclass(frozen=True)
class Ended:
    """Why a file has no answer."""

    reason: str
    by_itself: bool
    """Whether its process has ended without our doing."""


class Confined:
    """A process that answers requests about files, during a `with` block."""

    def __init__(self, module: str, settings: Mapping[str, Any], timeout_s: float, memory_bytes: int) -> None:
        """Say which module the process runs, what it is told at its start, and the most that one file may take."""
        self._module = module
        self._timeout_s = timeout_s
        self._settings = {**settings, "timeout_s": timeout_s, "memory_bytes": memory_bytes}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_fresh = True

    def __enter__(self) -> Self:
        """Start the process; raises StageError where what it shall know is not there."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _asked(self, frames: Sequence[bytes], read: Callable[[Any, NextFrame], T]) -> T | Ended:
        """Return what `read` makes of an answer's JSON and the frames behind it.

        A file that ends its process twice, or takes too long, gives the reason. `read` raises ValueError, KeyError or
        TypeError for what is no answer: a process that was taken over may answer anything. Raises StageError where no
        process can be started.
        """
        was_fresh = self._is_fresh
        answer = self._asked_once(frames, read)
        if isinstance(answer, Ended) and answer.by_itself and not was_fresh:
            answer = self._asked_once(frames, read)  # what earlier files have left in the process may be the reason
        return answer

    def _asked_once(self, frames: Sequence[bytes], read: Callable[[Any, NextFrame], T]) -> T | Ended:
        process = self._start()
        self._is_fresh = False
        deadline_s = time.monotonic() + self._timeout_s
        try:
            answer = json.loads(_exchange(process, frames, deadline_s))
            found = read(answer, partial(_next_frame, process, deadline_s))
            is_worn = bool(answer.get("is_worn"))
        except TimeoutError:
            self._stop()
            return Ended(f"takes longer than {self._timeout_s:.0f} s", by_itself=False)
        except (EOFError, OSError):
            ended = Ended(_end(process, self._timeout_s), by_itself=True)
            self._stop()
            return ended
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self._stop()
            return Ended("makes the process that decodes it answer what is no answer", by_itself=True)
        if is_worn:
            self._stop()
        return found

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is not None:
            return self._process
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", self._module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            env=environment(secrets=True), start_new_session=True,  # Ctrl-C ends it through this process
        )  # fmt: skip
        self._is_fresh = True
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        try:
            answer = json.loads(_exchange(process, [as_json(self._settings)], time.monotonic() + STARTS_WITHIN_S))
            fault = answer.get("fault")
        except (TimeoutError, EOFError, OSError, ValueError) as error:
            fault = _end(process, STARTS_WITHIN_S) if process.poll() is not None else f"{type(error).__name__}: {error}"
            fault = (
                f"the process that examines files does not start: {fault}; `python -P -m {self._module}` in this "
                "environment prints why"
            )
        except BaseException:
            self._stop()
            raise
        if fault is not None:
            self._stop()
            raise StageError(fault)
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(ProcessLookupError, PermissionError):  # with whatever it has started
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _exchange(process: "subprocess.Popen[bytes]", frames: Sequence[bytes], deadline_s: float) -> bytes:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    for frame in frames:
        send_until(process.stdin.fileno(), frame, deadline_s)
    return receive_until(process.stdout.fileno(), deadline_s)


def _next_frame(process: "subprocess.Popen[bytes]", deadline_s: float, most_bytes: int) -> bytes:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    return receive_until(process.stdout.fileno(), deadline_s, most_bytes)


def _end(process: "subprocess.Popen[bytes]", timeout_s: float) -> str:
    """Return in words how a process has ended."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return "ends the process that decodes it"
    if code == -signal.SIGXCPU:
        return f"takes longer than {timeout_s:.0f} s"
    try:
        how = f"exit code {code}" if code >= 0 else f"{signal.Signals(-code).name}"
    except ValueError:
        how = f"signal {-code}"
    if code == -signal.SIGKILL:
        return f"ends the process that decodes it ({how}: perhaps this machine lacks memory)"
    return f"ends the process that decodes it ({how})"
