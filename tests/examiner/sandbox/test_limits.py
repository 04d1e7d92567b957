"""A confined process computes, and does nothing else."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

_TRIED = """
import ctypes, os, platform, signal, socket, subprocess, sys, threading
from examiner.sandbox.limits import confine
confine(256 << 20)
TKILL, TGKILL = (200, 234) if platform.machine() == "x86_64" else (130, 131)
def call(*numbers):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(*numbers) != 0:
        raise OSError(ctypes.get_errno(), "refused")
def tried(name, act):
    try:
        act()
        print(name, "done")
    except (OSError, MemoryError) as error:
        print(name, type(error).__name__)
tried("socket", socket.socket)
tried("program", lambda: subprocess.run(["/bin/true"]))
tried("signal", lambda: os.kill(os.getppid(), 0))
tried("thread's signal", lambda: call(TKILL, os.getppid(), 0))
tried("group's signal", lambda: call(TGKILL, os.getppid(), os.getppid(), 0))
tried("group", os.setsid)
tried("own signal", lambda: signal.pthread_kill(threading.get_ident(), 0))
tried("write", lambda: open(sys.argv[1] + "/new", "w"))
tried("truncate", lambda: open(sys.argv[1] + "/old", "r+"))
tried("remove", lambda: os.remove(sys.argv[1] + "/old"))
tried("rename", lambda: os.rename(sys.argv[1] + "/old", sys.argv[1] + "/other"))
tried("folder", lambda: os.mkdir(sys.argv[1] + "/folder"))
tried("memory", lambda: bytearray(1 << 30))
tried("read", lambda: open(sys.argv[1] + "/old").read())
tried("some memory", lambda: bytearray(1 << 20))
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="no filter on this system"
)
def test_it_reaches_no_network_no_program_and_writes_no_file(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("as it was")
    result = subprocess.run([sys.executable, "-c", _TRIED, str(tmp_path)], capture_output=True, text=True, check=True)
    outcomes = dict(line.rsplit(" ", 1) for line in result.stdout.splitlines())
    signals = ("signal", "thread's signal", "group's signal")
    refused = ("socket", "program", *signals, "group", "write", "truncate", "remove", "rename", "folder")
    assert outcomes == dict.fromkeys(refused, "PermissionError") | {
        "memory": "MemoryError", "read": "done", "some memory": "done", "own signal": "done"
    }  # fmt: skip
    assert (tmp_path / "old").read_text() == "as it was"
