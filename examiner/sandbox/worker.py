"""Worker: examines strangers' files in a process apart, which may crash, hang or take memory without harm to this one.

The process is started once, with an interpreter of its own, and again whenever a file has ended it. Files and reports
go through pipes as bytes and JSON (`examiner.sandbox.messages`); what the process may not do, `limits` says. A sandbox
is used by one thread at a time; a server has several.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from corpus.errors import StageError
from examiner.report.content import Report
from examiner.report.plain import as_dict
from examiner.report.reading import report_from
from examiner.sandbox.environment import environment
from examiner.sandbox.messages import as_json, receive_until, send_until

TIMEOUT_S = 60.0
MEMORY_BYTES = 4 << 30
STARTS_WITHIN_S = 300.0
"""Loading a network and compiling all loops for the first time takes half a minute."""


@dataclass(frozen=True)
class _Ended:
    """Why a file has no report."""

    reason: str
    by_itself: bool
    """Whether its process has ended without the sandbox's doing."""


class Sandbox:
    """A process that examines files, during a `with` block."""

    def __init__(
        self,
        *,
        corpus: str | None = None,
        run: str | None = None,
        configuration: str | None = None,
        overrides: Sequence[str] = (),
        private: bool = False,
        trust: str | None = None,
        devices: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """Say what the process knows and may take.

        `corpus`: a generation, by its name or `latest`; `run`: as `examiner.read_run` takes it. `configuration` and
        `overrides`: the file and the changes (`a.b=c`) that say where they are. `trust`: a file of certificates whose
        content credentials are trusted; `devices`: files of fingerprints. `timeout_s` and `memory_bytes`: the most
        that one file may take.
        """
        self._timeout_s = timeout_s
        self._settings = {
            "corpus": corpus, "run": run, "configuration": configuration, "overrides": list(overrides),
            "private": private, "trust": trust, "devices": list(devices), "timeout_s": timeout_s,
            "memory_bytes": memory_bytes,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._is_fresh = True

    def __enter__(self) -> Self:
        """Start the process; raises StageError where what it shall know is not there."""
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def examine(self, data: bytes, name: str = "") -> dict[str, Any]:
        """Return the report of a file as plain data (`examiner.report.plain.as_dict`).

        A file that ends its process twice, or takes too long, has a report whose `error` says so. Raises StageError
        where no process can be started.
        """
        was_fresh = self._is_fresh
        answer = self._asked(data, name)
        if isinstance(answer, _Ended) and answer.by_itself and not was_fresh:
            answer = self._asked(data, name)  # what earlier files have left in the process may have been the reason
        return as_dict(Report(name, len(data), error=answer.reason)) if isinstance(answer, _Ended) else answer

    def _asked(self, data: bytes, name: str) -> dict[str, Any] | _Ended:
        process = self._start()
        self._is_fresh = False
        try:
            answer = json.loads(_exchange(process, [as_json(name), data], time.monotonic() + self._timeout_s))
            report_from(answer["report"])  # a process that was taken over may answer anything
        except TimeoutError:
            self._stop()
            return _Ended(f"takes longer than {self._timeout_s:.0f} s", by_itself=False)
        except (EOFError, OSError):
            ended = _Ended(_end(process, self._timeout_s), by_itself=True)
            self._stop()
            return ended
        except (ValueError, KeyError, TypeError, RecursionError):
            self._stop()
            return _Ended("makes the process that decodes it answer what is no report", by_itself=True)
        if answer.get("is_worn"):
            self._stop()
        report: dict[str, Any] = answer["report"]
        return report

    def _start(self) -> "subprocess.Popen[bytes]":
        if self._process is not None:
            return self._process
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "examiner.sandbox.process"],
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
                f"the process that examines files does not start: {fault}; `python -P -m examiner.sandbox.process` "
                "in this environment prints why"
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
