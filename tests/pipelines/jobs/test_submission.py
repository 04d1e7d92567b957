"""Submission: a run has one job; a head that is still starting gets it when it is ready, and no job twice."""

import io
import os
import socket
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from corpus.errors import StageError
from pipelines.jobs import head as head_module
from pipelines.jobs import submission
from pipelines.jobs.head import Head, NoAnswerError
from pipelines.jobs.submission import is_submission, offer_to_stop, submit

COMMAND = ["ray", "job", "submit", "--working-dir", ".", "--", "python", "train/main.py"]


def ray(url: str, words: Sequence[str]) -> int:
    """`ray job` in as much as is needed here; the real one is in test_on_ray.py."""

    def asked(method: str, path: str) -> tuple[int, str]:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        token = os.environ.get("RAY_AUTH_TOKEN")
        connection.request(method, f"/api/jobs/{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
        response = connection.getresponse()
        return response.status, response.read().decode()

    if words[2] == "logs":
        while "RUNNING" in asked("GET", words[-1])[1]:
            time.sleep(0.02)
        return 0
    name = words[words.index("--submission-id") + 1]
    if asked("POST", name)[0] != 200:
        return 1
    asked("PUT", f"{name}/{'FAILED' if words[-1] == '1' else 'SUCCEEDED'}")
    return int(words[-1] == "1")


def submitted(head: Any, command: Sequence[str] = COMMAND, name: str = "the-run") -> tuple[int, list[str]]:
    said: list[str] = []
    return submit(command, name, Head(head.url), lambda words: ray(head.url, words), said.append), said


def test_a_head_without_an_agent_is_asked_again_and_that_is_said_once(head: Any) -> None:
    head.refuses = 2
    code, said = submitted(head)
    assert (code, head.asked, head.jobs) == (0, 3, {"the-run": "SUCCEEDED"})
    (line,) = said
    assert f"the Ray head at {head.url} takes no jobs yet" in line


def test_a_head_with_a_token_is_asked_again_as_well(head: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    head.refuses, head.token = 1, "secret"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert submitted(head)[0] == 0
    assert head.asked == 2


def test_a_job_that_was_taken_and_failed_is_not_submitted_twice(head: Any) -> None:
    assert submitted(head, [*COMMAND, "1"]) == (1, [])
    assert head.asked == 1


def test_a_run_whose_job_has_ended_gets_another_one_beside_it(head: Any) -> None:
    for _ in range(3):
        submitted(head, [*COMMAND, "1"])
    assert head.jobs == {"the-run": "FAILED", "the-run.2": "FAILED", "the-run.3": "FAILED"}


def test_a_run_whose_job_runs_is_followed_to_its_end_instead(head: Any) -> None:
    head.jobs = {"the-run": "STOPPED", "the-run.2": "RUNNING"}
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        head.jobs["the-run.2"] = "SUCCEEDED"

    code = submit(COMMAND, "the-run", Head(head.url), lambda words: ray(head.url, words), say)
    assert (code, head.asked) == (0, 0)
    assert said == ["Ray job the-run.2 trains this run already; its log follows"]


def test_of_two_that_submit_at_the_same_moment_one_follows_the_other(head: Any) -> None:
    def run(words: Sequence[str]) -> int:
        if words[2] == "submit":
            head.jobs["the-run"] = "RUNNING"  # the other one was faster
        else:
            head.jobs["the-run"] = "SUCCEEDED"
        return ray(head.url, words)

    said: list[str] = []
    assert submit(COMMAND, "the-run", Head(head.url), run, said.append) == 0
    assert len(said) == 1
    assert list(head.jobs) == ["the-run"]


def test_a_job_that_is_stopped_meanwhile_is_told_from_one_that_failed(head: Any) -> None:
    def run(words: Sequence[str]) -> int:
        head.jobs["the-run"] = "STOPPED"
        return 0  # as `ray job submit` ends then

    with pytest.raises(StageError, match="Ray job the-run was stopped; submitted again, it goes on from its last"):
        submit(COMMAND, "the-run", Head(head.url), run, print)


@pytest.mark.parametrize("status", [401, 403, 502])
def test_a_head_that_does_not_say_that_it_lacks_the_job_is_not_given_it_again(
    head: Any, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "READY_WITHIN_S", 0.2)
    head.locked = status
    assert submitted(head) == (1, [])
    assert head.asked == 1


def test_a_head_that_does_not_answer_in_time_is_known_from_one_where_nothing_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(head_module, "_ANSWERS_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NoAnswerError) as slow:
            Head(address).job("j")
    with pytest.raises(NoAnswerError) as gone:
        Head(address).job("j")
    assert (slow.value.is_refused, gone.value.is_refused) == (False, True)


def test_a_head_that_never_takes_a_job_is_given_up(head: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, submission.READY_WITHIN_S + 1])  # a real one would depend on how busy this machine is
    monkeypatch.setattr(submission, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    head.refuses = 1 << 30
    code, said = submitted(head)
    assert (code, len(said), head.jobs) == (1, 1, {})


def test_only_submissions_without_an_id_of_their_own_get_one_of_ours() -> None:
    assert is_submission(COMMAND)
    assert is_submission([*COMMAND, "--submission-id", "of-the-script"])
    assert not is_submission(["ray", "job", "submit", "--submission-id=mine", "--", "python", "train/main.py"])
    assert not is_submission(["python", "-m", "curation.run"])


def test_who_interrupts_without_a_terminal_is_told_how_to_stop_the_job_and_how_to_attach(head: Any) -> None:
    said: list[str] = []

    def run(words: Sequence[str]) -> int:
        head.jobs["the-run"] = "RUNNING"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        submit(COMMAND, "the-run", Head(head.url), run, said.append)
    assert head.jobs == {"the-run": "RUNNING"}
    assert said == [
        "Ray job the-run goes on without this command: `shutterprint jobs follow the-run` attaches to its log, "
        "`shutterprint jobs stop the-run` stops it"
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("answer", "state"), [("y\n", "STOPPED"), ("\n", "RUNNING"), ("n\n", "RUNNING"), ("", "RUNNING")]
)
def test_who_interrupts_at_a_terminal_is_asked(
    head: Any, monkeypatch: pytest.MonkeyPatch, answer: str, state: str
) -> None:
    head.jobs["the-run"] = "RUNNING"
    shown = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", shown)
    said: list[str] = []
    offer_to_stop(Head(head.url), "the-run", said.append)
    assert shown.getvalue() == "The Ray job the-run itself still trains. Stop it? [y/N] "
    assert head.jobs["the-run"] == state
    assert ("being stopped" in said[0]) == (state == "STOPPED")


def test_a_job_that_has_ended_or_was_never_taken_is_not_asked_about(head: Any) -> None:
    head.jobs["ended"] = "FAILED"
    said: list[str] = []
    for name in ("ended", "never"):
        offer_to_stop(Head(head.url), name, said.append)
    assert said == []
