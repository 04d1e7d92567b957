"""A training whose Ray head is gone ends with a sentence, with exit code 2, and gives its lease back."""

import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from train.fit import head_watch
from train.fit.head_watch import HeadGoneError, lost, watched_head

TRAINING = textwrap.dedent(
    """
    import atexit, socket, sys, threading, time
    from corpus.command_line import exit_with
    from train.fit import head_watch

    head_watch.LOOK_EVERY_S, head_watch.GONE_AFTER_S = 0.05, 0.2
    atexit.register(lambda: time.sleep(3600))  # as Ray's own handler, which waits for the head

    def noticed_by_watch(head):
        time.sleep(0.3)
        head.close()
        time.sleep(3600)

    def noticed_by_ray(head):
        threading.Timer(0.2, head.close).start()
        raise head_watch.lost(f"127.0.0.1:{head.getsockname()[1]}", RuntimeError("the actor is unavailable"))

    def main():
        head = socket.create_server(("127.0.0.1", 0))
        try:
            with head_watch.watched_head(f"127.0.0.1:{head.getsockname()[1]}"):
                globals()[sys.argv[1]](head)
        finally:
            print("the lease is given back")
        return 0

    exit_with(main)
    """
)


@pytest.mark.parametrize("noticed", ["noticed_by_watch", "noticed_by_ray"])
def test_a_head_that_is_gone_ends_the_process_with_a_sentence(noticed: str, repository: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", TRAINING, noticed],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2, result.stderr
    assert result.stdout == "the lease is given back\n"
    (sentence,) = result.stderr.strip().splitlines()
    assert "the Ray head at 127.0.0.1:" in sentence
    assert sentence.endswith("give the same command again: it continues from the last checkpoint")


def test_a_head_that_answers_again_in_time_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False] * 3 + [True] + [False] * 3)
    looked = 0

    def is_listening(address: str) -> bool:
        nonlocal looked
        looked += 1
        return next(answers, True)

    monkeypatch.setattr(head_watch, "is_listening", is_listening)
    monkeypatch.setattr(head_watch, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(head_watch, "GONE_AFTER_S", 60.0)
    with watched_head("127.0.0.1:9"):
        while looked < 10:
            pass


def test_only_addresses_of_a_host_and_a_port_are_watched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as head:
        assert head_watch.is_listening(f"127.0.0.1:{head.getsockname()[1]}")
    for address in ("local", "auto", "ray://127.0.0.1:9"):
        with watched_head(address):
            pass


def test_a_training_that_a_living_cluster_has_lost_ends_with_another_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_watch, "LOOK_EVERY_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as head:
        told = lost(f"127.0.0.1:{head.getsockname()[1]}", RuntimeError("The actor died.\nMore of it"))
    assert not isinstance(told, HeadGoneError)
    assert str(told) == (
        "train: the Ray cluster has lost the training (The actor died); give the same command again: it continues from "
        "the last checkpoint"
    )
