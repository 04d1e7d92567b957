"""A stand-in for the dashboard of a Ray head: what it answers while it starts, is busy or wants a token."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelines.jobs import submission


class Answers(BaseHTTPRequestHandler):
    """Takes jobs as Ray's dashboard does: with status 500 while it has no agent, and no id twice."""

    server: "RayHead"

    def do_POST(self) -> None:
        name, _, action = self.path.removeprefix("/api/jobs/").partition("/")
        head = self.server
        if action == "stop":
            head.jobs[name] = "STOPPED"
            self.answer(200, {"stopped": True})
            return
        head.asked += 1
        if head.locked or head.asked <= head.refuses:
            self.answer(head.locked or 500)
        elif name in head.jobs:
            self.answer(400)
        else:
            head.jobs[name] = "RUNNING"
            self.answer(200)

    def do_PUT(self) -> None:
        name, _, state = self.path.removeprefix("/api/jobs/").partition("/")
        self.server.jobs[name] = state
        self.answer(200)

    def do_GET(self) -> None:
        head, name = self.server, self.path.removeprefix("/api/jobs/")
        if head.token and self.headers.get("Authorization") != f"Bearer {head.token}":
            self.answer(401)
        elif head.locked:
            self.answer(head.locked)
        elif not name:
            self.answer(200, [head.told(each) for each in head.jobs])
        elif name in head.jobs:
            self.answer(200, head.told(name))
        else:
            self.answer(404)

    def answer(self, status: int, value: Any = None) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class RayHead(ThreadingHTTPServer):
    """The jobs by id, and how the head behaves."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.jobs: dict[str, str] = {}
        self.asked = 0
        """Submissions."""
        self.refuses = 0
        """Submissions that it refuses before the first one it takes."""
        self.locked = 0
        self.token = ""
        self.url = f"http://127.0.0.1:{self.server_port}"

    def told(self, name: str) -> dict[str, Any]:
        entrypoint = "python train/main.py" if "other" not in name else "python other.py"
        return {
            "submission_id": name,
            "status": self.jobs[name],
            "entrypoint": entrypoint,
            "start_time": 1_700_000_000_000,
        }


@pytest.fixture(scope="session")
def small_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a catalogue of one camera, which is read much faster than the built-in one."""
    path = tmp_path_factory.mktemp("catalogue") / "cameras.yaml"
    path.write_text("one: {name: The one, make: [Maker], model: [ONE], sizes: [96x96]}\n")
    return path


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayHead]:
    monkeypatch.setattr(submission, "PAUSE_S", 0.01)
    for variable in ("RAY_AUTH_TOKEN", "RAY_AUTH_MODE", "RAY_JOB_HEADERS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/nonexistent")
    server = RayHead()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
