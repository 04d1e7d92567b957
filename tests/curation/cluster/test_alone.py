"""Alone: whatever a call does to its process, the caller goes on and learns what it was."""

import operator
import os
import signal
import time

import pytest

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


def test_what_ended_the_process_is_said_and_the_next_call_has_a_new_one(alone):
    assert alone.call(signal.raise_signal, signal.SIGSEGV) == Ended("signal SIGSEGV")
    assert alone.call(os._exit, 3) == Ended("exit code 3")
    assert alone.call(sum, [1, 2]) == 3


def test_more_memory_than_there_is_for_it_ends_a_call_not_the_machine(alone):
    assert alone.call(len, bytes(10)) == 10
    assert alone.call(bytearray, 1 << 30) == Ended("asking for more than 256 MiB of memory")


def test_a_call_is_not_blamed_for_what_an_earlier_one_left(alone):
    alone.call(signal.alarm, 1)
    assert alone.call(time.sleep, 1.5) is None
