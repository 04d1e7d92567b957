"""Clusters of this machine that benchmarks may kill: a Dask scheduler with a worker, a Ray head.

Each has ports that are free when it starts, a log in a folder, and ends with its `with` block, whatever it has started.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = Path(sys.executable).parent
STARTS_WITHIN_S = 300.0


def port() -> int:
    """Return a port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def processes(folder: Path, environment: Mapping[str, str]) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Yield what starts a server in a process group of its own; all end with the block."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> "subprocess.Popen[bytes]":
        log = (folder / f"server-{len(started)}.log").open("wb")
        own = {**environment, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        own |= {"PATH": os.pathsep.join([str(PROGRAMS), own["PATH"]])}
        process = subprocess.Popen(
            command, env=own, cwd=folder, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            kill_all(process.pid)
            process.wait()


def kill_all(pid: int) -> None:
    """End a process and all below it with SIGKILL."""
    for one in (pid, *below(pid)):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def below(pid: int) -> list[int]:
    """Return the processes below one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):  # it has ended since
            for child in map(int, task.read_text().split()):
                found += [child, *below(child)]
    return found


def await_line(path: Path, line: str) -> None:
    """Wait until a log has a line."""
    until_s = time.monotonic() + STARTS_WITHIN_S
    while line not in path.read_text(errors="replace"):
        if time.monotonic() > until_s:
            raise RuntimeError(f"{path} has no line {line!r}:\n{path.read_text(errors='replace')[-3000:]}")
        time.sleep(0.2)


@contextmanager
def dask_cluster(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the address of a Dask scheduler with a worker, and what kills the scheduler."""
    with processes(folder, environment) as start:
        number = str(port())
        address = f"tcp://127.0.0.1:{number}"
        dask = str(PROGRAMS / "dask")
        scheduler = start(dask, "scheduler", "--host", "127.0.0.1", "--port", number, "--no-dashboard")
        await_line(folder / "server-0.log", "Scheduler at:")
        start(dask, "worker", address, "--nthreads", "1", "--host", "127.0.0.1", "--no-dashboard")
        await_line(folder / "server-1.log", "Registered to:")
        yield address, lambda: os.killpg(scheduler.pid, signal.SIGKILL)


@contextmanager
def ray_cluster(
    folder: Path, environment: Mapping[str, str], cpus: int = 1
) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the address of a Ray head on this machine, and what kills it with all its processes."""
    with processes(folder, environment) as start, tempfile.TemporaryDirectory(prefix="fr-", dir="/tmp") as sockets:
        number = str(port())
        head = start(
            str(PROGRAMS / "ray"), "start", "--head", "--node-ip-address=127.0.0.1", f"--port={number}",
            f"--num-cpus={cpus}", "--include-dashboard=false", "--object-store-memory", str(128 << 20),
            "--disable-usage-stats", "--block", f"--temp-dir={sockets}", "--min-worker-port=0", "--max-worker-port=0",
            f"--ray-client-server-port={port()}",
            # its node process ends where its agents have not told it their own ports within 15 s
            f"--dashboard-agent-grpc-port={port()}", f"--dashboard-agent-listen-port={port()}",
            f"--metrics-export-port={port()}", f"--runtime-env-agent-port={port()}",
        )  # fmt: skip
        await_line(folder / "server-0.log", "Ray runtime started")

        yield f"127.0.0.1:{number}", lambda: kill_all(head.pid)
