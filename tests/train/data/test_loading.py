"""Loaders: any number of them gives the same answers in the same order, and none outlives its trainer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpus.errors import StageError, StorageError
from train.data.loading import load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ECHO = """
import os, time
from corpus.errors import StorageError

class Echo:
    def __getitems__(self, numbers):
        if 13 in numbers:
            raise StorageError("store: no file 13")
        if 14 in numbers:
            raise RuntimeError("[enforce fail] . unable to write: No space left on device")
        time.sleep(0.02)
        return os.getpid(), list(numbers)
"""
TRAINER = """
import sys
from train.data.loading import load
sys.path.insert(0, {folder!r})
from echo import Echo
for pid, numbers in load(Echo(), ([number] for number in range(1000, 100_000)), 2):
    print(pid, flush=True)
"""


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A data set in a module of its own, which the loaders can import, too."""
    folder = tmp_path_factory.mktemp("echo")
    (folder / "echo.py").write_text(ECHO)
    sys.path.insert(0, str(folder))
    from echo import Echo  # type: ignore[import-not-found]

    yield Echo()
    sys.path.remove(str(folder))


BATCHES = [range(first, first + 4) for first in range(20, 60, 4)]


@pytest.mark.parametrize("loaders", [0, 1, 3])
def test_answers_come_in_order_from_as_many_processes_as_there_are_loaders(echo: object, loaders: int) -> None:
    processes, numbers = zip(*load(echo, BATCHES, loaders), strict=True)  # type: ignore[arg-type]
    assert [list(each) for each in BATCHES] == list(numbers)
    assert len(set(processes)) == max(1, loaders)
    assert (os.getpid() in processes) == (loaders == 0)


@pytest.mark.parametrize("loaders", [0, 2])
def test_an_error_for_people_comes_out_of_a_loader_as_it_is(echo: object, loaders: int) -> None:
    answers = load(echo, [[1], [13]], loaders)  # type: ignore[arg-type]
    assert next(answers)[1] == [1]
    with pytest.raises(StorageError) as told:
        next(answers)
    assert str(told.value) == "store: no file 13"


@pytest.mark.parametrize("loaders", [0, 1])
def test_any_other_error_in_a_loader_is_not_told_as_a_killed_one(echo: object, loaders: int) -> None:
    with pytest.raises(RuntimeError, match="No space left on device"):
        list(load(echo, [[1], [14]], loaders))  # type: ignore[arg-type]


def test_a_loader_that_is_killed_is_a_sentence(echo: object) -> None:
    answers = load(echo, ([number] for number in range(1000, 100_000)), 1)  # type: ignore[arg-type]
    os.kill(next(answers)[0], signal.SIGKILL)
    with pytest.raises(StageError, match="a loader process was killed, perhaps for want of memory"):
        list(answers)


def test_loaders_end_when_their_trainer_is_killed(tmp_path: Path) -> None:
    """They are no children of the trainer: nothing would tell them of its death, if they did not watch it."""
    (tmp_path / "echo.py").write_text(ECHO)
    trainer = subprocess.Popen(
        [sys.executable, "-c", TRAINER.format(folder=str(tmp_path))], stdout=subprocess.PIPE, text=True
    )
    assert trainer.stdout is not None
    loaders: set[int] = set()
    while len(loaders) < 2:
        loaders.add(int(trainer.stdout.readline()))
    assert all(is_running(loader) for loader in loaders)
    trainer.send_signal(signal.SIGKILL)
    trainer.wait()
    trainer.stdout.close()
    until_s = time.monotonic() + 30
    while any(map(is_running, loaders)):
        assert time.monotonic() < until_s
        time.sleep(0.02)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
