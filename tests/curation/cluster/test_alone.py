"""Alone: whatever a call does to its process, the caller goes on and learns what it was."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from corpus.errors import StageError
from curation.cluster.alone import Alone, Ended

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone():
    with Alone(memory_bytes=256 << 20) as process:
        yield process


def test_a_call_gives_its_result_and_raises_its_errors(alone):
    assert alone.call(sum, [1, 2]) == 3
    assert alone.call(os.getpid) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        alone.call(operator.truediv, 1, 0)


@pytest.mark.parametrize("fault", ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"])
def test_a_fault_that_ended_the_process_is_said_and_the_next_call_has_a_new_one(alone, fault):
    assert alone.call(signal.raise_signal, signal.Signals[fault]) == Ended(f"signal {fault}")
    assert alone.call(sum, [1, 2]) == 3


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU])
def test_an_end_from_outside_is_the_machines_trouble(alone, end):
    with pytest.raises(StageError, match=f"signal {end.name}, which is no picture's doing but this machine's trouble"):
        alone.call(signal.raise_signal, end)
    assert alone.call(sum, [1, 2]) == 3


def test_a_process_that_exits_or_cannot_import_is_the_machines_trouble(alone, monkeypatch, tmp_path):
    with pytest.raises(StageError, match="exit code 3"):
        alone.call(os._exit, 3)
    (tmp_path / "only_here.py").write_text("def f(): ...")
    monkeypatch.syspath_prepend(tmp_path)
    from only_here import f

    (tmp_path / "only_here.py").unlink()
    with pytest.raises(StageError, match="exit code 1"):
        alone.call(f)


def test_less_memory_than_the_process_may_take_is_the_machines_trouble():
    program = "from curation.cluster.alone import Alone; Alone().call(bytearray, 2 << 30)"
    limited = ["sh", "-c", 'ulimit -v 1000000 && exec "$@"', "sh", sys.executable, "-c", program]
    result = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert "StageError: this machine lets no process take 4096 MiB of memory" in result.stderr


def test_more_memory_than_there_is_for_it_ends_a_call_not_the_machine(alone):
    assert alone.call(len, bytes(10)) == 10
    assert alone.call(bytearray, 1 << 30) == Ended("asking for more than 256 MiB of memory")


def test_a_call_is_not_blamed_for_what_an_earlier_one_left(alone):
    alone.call(signal.alarm, 1)
    assert alone.call(time.sleep, 1.5) is None
