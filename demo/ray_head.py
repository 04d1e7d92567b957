"""Ray head: starts a Ray head for the demo on free ports of this machine, and stops it with everything it started.

It has a temporary folder and ports of its own, so it disturbs no other Ray of the machine, and `ray stop`, which would
stop them all, is not needed.
"""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from corpus.errors import StageError
from pipelines.processes import executable, interrupts_held, stop_group

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 45.0  # Ray drains its node for up to 30 s
_OBJECT_STORE_BYTES = 256 << 20  # training passes nothing large through it
_PATIENCE = {"RAY_health_check_failure_threshold": "20", "RAY_agent_register_timeout_ms": "120000"}
"""Ray gives up a node that misses 5 of its own checks, and one whose agent needs 30 s to start: on a machine that is
busy with other things a healthy one may."""


@contextlib.contextmanager
def ray_head(log: Path) -> Iterator[str]:
    """Start a head, yield its dashboard's URL, stop it; raises StageError where it does not start.

    The head is protected by a token. It is in this process's environment meanwhile, which commands that talk to the
    head must inherit.
    """
    # a short path, since Ray puts Unix sockets below it, whose paths may have 107 characters
    folder = Path(tempfile.mkdtemp(prefix="shutterprint-"))
    dashboard, agent, client = _free_ports(3)
    url = f"http://127.0.0.1:{dashboard}"
    options = {
        "port": 0, "dashboard-host": "127.0.0.1", "dashboard-port": dashboard, "dashboard-agent-listen-port": agent,
        "ray-client-server-port": client, "min-worker-port": 0, "max-worker-port": 0, "node-ip-address": "127.0.0.1",
        "temp-dir": folder, "num-cpus": os.cpu_count(), "object-store-memory": _OBJECT_STORE_BYTES,
    }  # fmt: skip
    command = [executable("ray"), "start", "--head", "--block", "--disable-usage-stats"]
    command += [f"--{name}={value}" for name, value in options.items()]
    before = dict(os.environ)
    os.environ.update(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_USAGE_STATS_ENABLED="0",
        **_PATIENCE,
        # jobs find their `python` by the head's PATH
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    )
    process: subprocess.Popen[bytes] | None = None
    try:
        with log.open("wb") as output, interrupts_held():
            process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
            )
        _wait_until_up(url, process, log)
        yield url
    finally:
        if process is not None:
            # the head ends its own processes in order
            stop_group(process, STOP_TIMEOUT_S, terminate_leader_only=True)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end_s:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api/version", timeout=5).close()  # noqa: S310  http://127.0.0.1 above
        except urllib.error.HTTPError:  # it answers, with 401 as the token is missing
            return
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise StageError(f"Ray did not start within {START_TIMEOUT_S:.0f} s; its output is in {log}")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
