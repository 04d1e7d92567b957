"""Stages that start at once: a process that has imported what a stage needs, and forks for every run of it.

    with Preloaded("curation") as stages:        # at once; the first run waits for the imports
        run = stages.start(environment, log)     # a process group of its own
        run.wait(3.0)                            # its exit code, None while it runs
        run.kill()                               # SIGKILL to all its processes

Starting Python and importing costs seconds of CPU for each run of a stage, several times what a tiny stage itself does.
A fork's store, settings and exit codes are those of the command; it only lacks the imports. Dask's workers are forked
as well, since a new interpreter imports all of it again.
"""

import contextlib
import ctypes
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from benchmarks.places import REPOSITORY

FORKED_WORKERS = {"DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "fork"}


class Preloaded:
    """A process for the runs of one stage, one after another, during a `with` block."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __enter__(self) -> Self:
        environment = {**os.environ, **FORKED_WORKERS, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._stage], cwd=REPOSITORY, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
        )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._ends = Ends(self._process.stdin, self._process.stdout)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def start(self, environment: Mapping[str, str], log: Path) -> "StageRun":
        """Start a run with this environment, which writes what it says into `log`."""
        return self._ends.start(environment, log)

    def fork(self, folder: Path) -> "Ends":
        """Return the ends of another such process, a fork of this one, whose runs go on beside; it ends with this one.

        `folder`: where pipes to it may be.
        """
        pipes = [folder / f"{self._stage}.{way}" for way in ("in", "out")]
        for pipe in pipes:
            os.mkfifo(pipe)
        self._ends.ask([str(pipe) for pipe in pipes])
        written, read = pipes
        return Ends(written.open("w", buffering=1), read.open())


class Ends:
    """The ends of the pipes to a process that forks for each run."""

    def __init__(self, written: TextIO, read: TextIO) -> None:
        self._written, self._read = written, read

    def start(self, environment: Mapping[str, str], log: Path) -> "StageRun":
        """Start a run; arguments as of `Preloaded.start`."""
        self.ask([dict(environment) | FORKED_WORKERS, str(log)])
        return StageRun(int(self.answer("pid")), self)

    def ask(self, request: object) -> None:
        """Write a line."""
        self._written.write(json.dumps(request) + "\n")

    def answer(self, kind: str) -> str:
        """Return what the next line says, which must be of this kind."""
        word, _, value = self._read.readline().strip().partition(" ")
        if word != kind:
            raise RuntimeError(f"a preloaded process has ended: {word} {value} instead of {kind}")
        return value

    def has_answer(self, within_s: float) -> bool:
        """Whether there is a line to read within so long."""
        return bool(select.select([self._read], [], [], within_s)[0])


class StageRun:
    """One run of a stage; its process is not reaped before its end was seen here, so its number stays its own."""

    def __init__(self, pid: int, ends: Ends) -> None:
        self.pid, self._ends = pid, ends

    def wait(self, timeout_s: float) -> int | None:
        """Return its exit code, negative for a signal; None where it still runs after so long."""
        return self._code() if self._ends.has_answer(timeout_s) else None

    def kill(self) -> int:
        """End all its processes with SIGKILL; return the exit code, other than -9 where it had just ended."""
        os.killpg(self.pid, signal.SIGKILL)
        return self._code()

    def _code(self) -> int:
        self._ends.answer("ended")
        self._ends.ask("reap")
        return int(self._ends.answer("code"))


def _crawl() -> None:
    import scrapy.cmdline

    sys.argv = ["scrapy", "crawl", "folder"]
    scrapy.cmdline.execute()


def _curation() -> None:
    from corpus.command_line import exit_with
    from curation.run import main

    sys.argv = ["curation.run"]
    exit_with(main)


def _train() -> None:
    from corpus.command_line import exit_with
    from train.main import main

    sys.argv = ["train/main.py", "--without-ray"]
    exit_with(main)


_MODULES = {
    "crawl": (
        "scrapy.cmdline", "scrapy.core.downloader.handlers.http11", "scrapy.core.engine", "scrapy.core.scraper",
        "scrapy.downloadermiddlewares.httpcompression", "scrapy.downloadermiddlewares.redirect",
        "scrapy.extensions.corestats", "crawlers.commands.crawl", "crawlers.spiders.folder",
    ),
    "curation": (
        "curation.run", "curation.publishing.report", "curation.publishing.thumbnails", "simplejpeg",
        "forensics.pixels.grid_kernel", "forensics.pixels.first_quality_kernel",
        "forensics.coefficients.decode_kernel", "forensics.coefficients.encode_kernel", "distributed.nanny",
    ),
    "train": (
        "train.main", "train.evaluation.plots", "forensics.coefficients.decode_kernel", "torch._dynamo",
        "safetensors.torch", "sklearn.ensemble", "sklearn.decomposition", "sklearn.linear_model",
        "sklearn.preprocessing", "scipy.stats", "matplotlib.backends.backend_svg", "matplotlib.figure",
    ),
}  # fmt: skip
"""What each stage imports; reactors and threads are made by the forks."""
_RUNS: dict[str, Callable[[], None]] = {"crawl": _crawl, "curation": _curation, "train": _train}


def main() -> None:
    """Fork for each line of the standard input, a JSON list.

    An environment and a log file: a run, whose pid and exit code are told. Two pipes: a process that goes on like this
    one, on them.
    """
    stage = sys.argv[1]
    for module in _MODULES[stage]:
        importlib.import_module(module)
    while line := sys.stdin.readline():
        first, second = json.loads(line)
        if (child := os.fork()) == 0:
            if isinstance(first, str):
                _end_with(os.getppid())
                os.dup2(os.open(first, os.O_RDONLY), 0)
                os.dup2(os.open(second, os.O_WRONLY), 1)
                sys.stdin = os.fdopen(0)
                continue
            os.setpgid(0, 0)
            os.environ.clear()
            os.environ.update(first)
            nothing = os.open(os.devnull, os.O_RDONLY)
            written = os.open(second, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for number, file in enumerate((nothing, written, written)):
                os.dup2(file, number)
            _RUNS[stage]()
            return
        if isinstance(first, str):
            continue
        with contextlib.suppress(PermissionError, ProcessLookupError):  # the fork does so itself, perhaps later
            os.setpgid(child, child)
        print("pid", child, flush=True)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        print("ended", flush=True)
        sys.stdin.readline()
        print("code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended (prctl's PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    main()
