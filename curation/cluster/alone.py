"""Alone: call functions in a process of their own, so that one that ends its process ends nothing else.

A picture may need more memory than there is, or hit a fault of a decoder written in C. Who calls learns how the process
ended and goes on. The process may take MEMORY_BYTES beyond what it has when it begins; asking for more is a MemoryError
there, instead of a machine that runs out of memory.
"""

import multiprocessing
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

MEMORY_BYTES = 4 << 30


@dataclass(frozen=True)
class Ended:
    """How a call ended its process, or what it could not get, in words: `signal SIGSEGV`."""

    how: str


class Alone:
    """A process for one call after another during a `with` block, started when it is needed, and anew once it ended."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any | Ended:
        """Return what a function of a module returns, or Ended where it ends a process that has done nothing before.

        Raises what the function raises; a MemoryError becomes Ended, too.
        """
        is_fresh = self._process is None
        answer = self._call(function, *arguments)
        # what other calls have left in the process may have been the reason
        if isinstance(answer, Ended) and not is_fresh:
            self._stop()
            answer = self._call(function, *arguments)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any | Ended:
        pipe = self._started()
        try:
            pipe.send((function, arguments))
            answer = pipe.recv()
        except (EOFError, OSError):
            process = self._process
            assert process is not None  # noqa: S101 - `_started` has set it
            process.join()
            self._stop()
            return Ended(_how(process.exitcode))
        if isinstance(answer, MemoryError):
            self._stop()
            return Ended(f"asking for more than {self._memory_bytes >> 20} MiB of memory")
        return answer

    def _started(self) -> Connection:
        if self._pipe is None:
            # not forked: this process has threads, and the other one shall have nothing but what it needs
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs, self._memory_bytes), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._pipe = self._process = None


def _serve(pipe: Connection, memory_bytes: int) -> None:
    is_limited = False
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            function, arguments = pipe.recv()  # this imports what the function needs
            if not is_limited:
                _limit_memory(memory_bytes)
                is_limited = True
            try:
                answer = function(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again by the process that asked
                answer = error
            pipe.send(answer)


def _limit_memory(more_bytes: int) -> None:
    """Let this process take so many bytes more than it has; does nothing where that cannot be limited (not Linux)."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit_bytes = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _how(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            return f"signal {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
