"""Preloaded: a process that has imported what commands need, and forks for every run of one, of tests and benchmarks.

    with Preloaded("curation.run") as python:       # at once; the first run waits for the imports
        run = python.start(["-m", "curation.run"], environment, log)     # the words are those after `python`
        run.wait(3.0)                               # its exit code, None while it runs
        run.kill()                                  # SIGKILL to all its processes

Starting Python and importing costs seconds of CPU for each run of a command, several times what a tiny stage itself
does. A fork's folder, environment, output and exit codes are those of the command; it only lacks the imports. Runs may
go on side by side, and be started by several threads.
"""

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.places import REPOSITORY

IMPORTED = {
    "crawl": ("benchmarks.crawlers.imported",),
    "curation": (
        "curation.run", "curation.publishing.report.page", "curation.publishing.report.thumbnails",
        "simplejpeg", "forensics.pixels.grid_kernel", "forensics.pixels.first_quality_kernel",
        "forensics.coefficients.decode_kernel", "forensics.coefficients.encode_kernel", "distributed.nanny",
    ),
    "train": (
        "train.main", "train.evaluation.pages.plots", "forensics.coefficients.decode_kernel", "torch._dynamo",
        "safetensors.torch", "sklearn.ensemble", "sklearn.decomposition", "sklearn.linear_model",
        "sklearn.preprocessing", "scipy.stats", "matplotlib.backends.backend_svg", "matplotlib.figure",
    ),
}  # fmt: skip
"""What each stage imports; reactors and threads are made by the forks."""
FORKED_WORKERS = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "fork"}
"""The environment of a `Preloaded` whose runs fork Dask's workers as well, which else import all of it again."""


def preloaded_stage(stage: str) -> "Preloaded":
    """Return a process for runs of one stage, `crawl`, `curation` or `train`."""
    return Preloaded(*IMPORTED[stage], environment={**FORKED_WORKERS, "PYTHONUNBUFFERED": "1"})


class Preloaded:
    """A process that runs commands in forks, during a `with` block or until `close`."""

    def __init__(self, *modules: str, environment: Mapping[str, str] | None = None) -> None:
        self._asking = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *modules], cwd=REPOSITORY, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})},
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; runs that go on are left alone."""
        self._process.communicate()

    def start(
        self,
        words: Sequence[str | Path],
        environment: Mapping[str, str],
        log: Path,
        errors: Path | None = None,
        folder: Path = REPOSITORY,
    ) -> "Run":
        """Start `python` with these words, `-m` and a module or a file first, as the leader of a process group.

        `log`: where it writes what it says; `errors`: the same of its standard error, where that is another file.
        """
        files = [str(file.absolute()) for file in (log, errors or log)]
        return Run(self.ask([[str(word) for word in words], dict(environment), str(folder), files]), self)

    def ask(self, request: object) -> int:
        """Write a line, and return the number that answers it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._asking:
            self._process.stdin.write(json.dumps(request) + "\n")
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the preloaded process has ended with exit code {self._process.wait()}")
        return int(answer)


class Run:
    """One run of a command; it is not reaped before its end was seen here, so its number stays its own."""

    def __init__(self, pid: int, preloaded: Preloaded) -> None:
        self.pid, self._preloaded = pid, preloaded
        self._end, self._code = os.pidfd_open(pid), None

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Return its exit code, negative for a signal; None where it still runs after so long."""
        if self._code is None:
            ended = select.poll()
            ended.register(self._end, select.POLLIN)
            if ended.poll(None if timeout_s is None else 1000 * timeout_s):
                os.close(self._end)
                self._code = self._preloaded.ask(self.pid)
        return self._code

    def send_signal(self, number: int) -> None:
        """Send a signal to its own process, if that still runs."""
        if self.wait(0) is None:
            os.kill(self.pid, number)

    def kill(self) -> int:
        """End all its processes with SIGKILL; return the exit code, other than -9 where it had just ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        code = self.wait()
        assert code is not None
        return code


def main() -> None:
    """Fork for each run that the standard input asks for and tell its pid; tell the exit code of a pid that is told."""
    for module in sys.argv[1:]:
        importlib.import_module(module)
    while line := sys.stdin.readline():
        request = json.loads(line)
        if isinstance(request, int):
            answer = os.waitstatus_to_exitcode(os.waitpid(request, 0)[1])
        elif (answer := os.fork()) == 0:
            _run(*request)
            return
        else:
            with contextlib.suppress(PermissionError, ProcessLookupError):  # the fork does so itself, perhaps later
                os.setpgid(answer, answer)
        print(answer, flush=True)


def _run(words: list[str], environment: dict[str, str], folder: str, files: tuple[str, str]) -> None:
    """Be a Python of that environment, which writes into those files."""
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = os.fdopen(0)  # the one before may have read more requests
    for number, file in enumerate(files, 1):
        if number == 2 and file == files[0]:
            os.dup2(1, 2)
        else:
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    # a module that was imported is executed once more, as __main__
    warnings.filterwarnings("ignore", ".* found in sys.modules after import", RuntimeWarning)
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main()
