"""Alone: call functions in a process of their own, so that one that ends its process ends nothing else.

A picture may need more memory than there is, or hit a fault of a decoder written in C. Who calls learns how the process
ended and goes on. The process may take MEMORY_BYTES beyond what it has when it begins; asking for more is a MemoryError
there, instead of a machine that runs out of memory.

Only what a call does to its own process counts as its doing: a fault of the program (`FAULTS`) and the limit of memory.
Every other end is the machine's trouble, and is raised: the kernel ends processes with SIGKILL for want of memory, a
batch system with SIGTERM, and a process that cannot import what it needs exits with 1.
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

from corpus.errors import StageError

MEMORY_BYTES = 4 << 30
ANSWERS_WITHIN_S = 3600
"""Far longer than any picture or shard takes: a storage that hangs must not hang the run."""
FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGABRT})
"""The signals that a program brings upon itself."""


@dataclass(frozen=True)
class Ended:
    """By which fault a call ended its process, or what it could not get, in words: `signal SIGSEGV`."""

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

        Raises what the function raises; a MemoryError becomes Ended, too. Raises StageError where the process ended
        otherwise than by a fault, or had less memory than it may take.
        """
        is_fresh = self._process is None
        answer = self._call(function, *arguments)
        # what other calls have left in the process may have been the reason
        if self._process is None and not is_fresh:
            answer = self._call(function, *arguments)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any | Ended:
        """Return what the process answers, or how it ended: Ended or StageError; it is stopped then."""
        pipe = self._started()
        try:
            pipe.send((function, arguments))
            if not pipe.poll(ANSWERS_WITHIN_S):
                self._stop()
                return StageError(
                    f"{function.__name__} in a process of its own has not ended within {ANSWERS_WITHIN_S} s; look "
                    "whether the storage answers, then give the same command again: nothing of this is published"
                )
            answer, is_limited = pipe.recv()
        except (EOFError, OSError):
            process = self._process
            assert process is not None  # noqa: S101 - `_started` has set it
            process.join()
            self._stop()
            return _end(process.exitcode)
        if isinstance(answer, MemoryError):
            self._stop()
            mib = self._memory_bytes >> 20
            if is_limited:
                return Ended(f"asking for more than {mib} MiB of memory")
            return StageError(
                f"this machine lets no process take {mib} MiB of memory, so it cannot tell whether a picture needs too "
                "much; raise the limit (`ulimit -v`) or run this on a machine with more memory, then give the same "
                "command again: nothing of this is published"
            )
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
    is_limited: bool | None = None
    with suppress(EOFError, KeyboardInterrupt):
        while True:
            function, arguments = pipe.recv()  # this imports what the function needs
            if is_limited is None:
                is_limited = _limit_memory(memory_bytes)
            try:
                answer = function(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again by the process that asked
                answer = error
            pipe.send((answer, is_limited))


def _limit_memory(more_bytes: int) -> bool:
    """Let this process take so many bytes more than it has; False where it may take less, or where none can be set."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit_bytes = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))
        return True
    return False


def _end(exit_code: int | None) -> Ended | StageError:
    """Return whether a process ended by a fault of its own, or what to say of the machine."""
    how = f"exit code {exit_code}"
    if exit_code is not None and exit_code < 0:
        with suppress(ValueError):
            number = signal.Signals(-exit_code)
            if number in FAULTS:
                return Ended(f"signal {number.name}")
            how = f"signal {number.name}"
    return StageError(
        f"a process that tries pictures alone was ended by {how}, which is no picture's doing but this machine's "
        "trouble; nothing of this is published: look at its memory (`dmesg` names what the kernel has ended), at who "
        "ends processes here, and whether the program is installed whole, then give the same command again"
    )
