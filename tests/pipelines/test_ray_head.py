"""Ray head: a head that is still starting gets the job when it is ready, and no job twice."""

import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from pipelines import ray_head
from pipelines.ray_head import is_submission, lacks_job, submit

COMMAND = ["ray", "job", "submit", "--working-dir", ".", "--", "python", "train/main.py"]

SUBMIT = """
import sys, urllib.request, urllib.error
head, words = sys.argv[1], sys.argv[2:]
job = words[words.index("--submission-id") + 1]
try:
    urllib.request.urlopen(urllib.request.Request(f"{head}/api/jobs/{job}", method="POST"))
except urllib.error.HTTPError as error:
    sys.exit(1)
sys.exit(int(words[-1]) if words[-1].isdigit() else 0)
"""


class Head(BaseHTTPRequestHandler):
    """Takes jobs as Ray's dashboard does: with status 500 while it has no agent."""

    def do_POST(self):
        self.server.asked += 1
        if self.server.locked:
            self.answer(self.server.locked)
            return
        is_ready = self.server.asked > self.server.refuses
        if is_ready:
            self.server.jobs.append(self.path.rpartition("/")[2])
        self.answer(200 if is_ready else 500)

    def do_GET(self):
        if self.server.locked:
            self.answer(self.server.locked)
            return
        self.answer(200 if self.path.rpartition("/")[2] in self.server.jobs else 404)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def head(monkeypatch):
    monkeypatch.setattr(ray_head, "PAUSE_S", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Head)
    server.asked, server.refuses, server.jobs, server.locked = 0, 0, [], None
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def submitted(head, command=COMMAND):
    said = []

    def run(words):
        return subprocess.run([sys.executable, "-c", SUBMIT, head.url, *words], check=False, timeout=60).returncode

    return submit(command, head.url, run, said.append), said


def test_a_head_without_an_agent_is_asked_again_and_that_is_said_once(head):
    head.refuses = 2
    code, said = submitted(head)
    assert (code, head.asked, len(head.jobs)) == (0, 3, 1)
    (line,) = said
    assert f"the Ray head at {head.url} takes no jobs yet" in line


def test_a_job_that_was_taken_and_failed_is_not_submitted_twice(head):
    assert submitted(head, [*COMMAND, "1"]) == (1, [])
    assert head.asked == 1


@pytest.mark.parametrize("status", [401, 403, 502])
def test_a_head_that_does_not_say_that_it_lacks_the_job_is_not_asked_again(head, status):
    head.locked = status
    assert submitted(head) == (1, [])
    assert head.asked == 1


def test_a_head_that_does_not_answer_in_time_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(ray_head, "_ANSWERS_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert not lacks_job(f"http://127.0.0.1:{silent.getsockname()[1]}", "j")
        address = silent.getsockname()
    assert lacks_job(f"http://127.0.0.1:{address[1]}", "j")  # nothing listens there any more


def test_a_head_that_never_takes_a_job_is_given_up(head, monkeypatch):
    clock = iter([0.0, 1.0, ray_head.READY_WITHIN_S + 1])  # a real one would depend on how busy this machine is
    monkeypatch.setattr(ray_head, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    head.refuses = 1 << 30
    code, said = submitted(head)
    assert (code, len(said), head.jobs) == (1, 1, [])


def test_only_submissions_without_an_id_of_their_own_are_ours_to_repeat():
    assert is_submission(COMMAND)
    assert is_submission([*COMMAND, "--submission-id", "of-the-script"])
    assert not is_submission(["ray", "job", "submit", "--submission-id=mine", "--", "python", "train/main.py"])
    assert not is_submission(["python", "-m", "curation.run"])
