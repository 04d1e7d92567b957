"""Requests are counted in this process and in those that it starts, killed ones included."""

import multiprocessing
import os
import signal

from corpus.storage.requests import FOLDER, count, counted

PROCESSES = multiprocessing.get_context("spawn")


def ask_and_die(number: int) -> None:
    count("GET", number)
    os.kill(os.getpid(), signal.SIGKILL)


def test_requests_of_killed_processes_count_too() -> None:
    with counted() as requests:
        count("PUT")
        processes = [PROCESSES.Process(target=ask_and_die, args=(number,)) for number in (2, 3)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert dict(requests()) == {"PUT": 1, "GET": 5}
    assert FOLDER not in os.environ
    count("GET")  # nobody counts: no error


def test_a_count_within_a_count_is_told_to_both() -> None:
    with counted() as outer:
        count("GET")
        with counted() as inner:
            count("LIST", 2)
            assert dict(inner()) == {"LIST": 2}
        assert dict(outer()) == {"GET": 1, "LIST": 2}
