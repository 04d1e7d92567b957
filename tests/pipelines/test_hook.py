"""Hooks of failures: a command or a webhook that gets the facts, cannot hang and hides nothing; both are real."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from corpus.configuration import Configuration, read_configuration
from corpus.errors import ConfigurationError, ShutterprintError, StageError, StorageError
from pipelines.history import Progress, begun, publish_progress, stage_begun
from pipelines.hook import ENVIRONMENT
from pipelines.lock import AlreadyRunningError, pipeline_lock
from pipelines.run import run_pipeline


class Receiver(BaseHTTPRequestHandler):
    """Answers every request with `status`, and keeps what it was sent."""

    status = 200
    got: ClassVar[list[tuple[str, str | None, bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.got.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """Keep what a redirect becomes that is followed."""
        self.do_POST()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[str]:
    """Return the address of a server that keeps what it is sent."""
    Receiver.got.clear()
    Receiver.status = 200
    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def failing(configuration: Configuration, hook: object, **hooks: object) -> tuple[str, list[str]]:
    """Run a pipeline with a hook whose second stage fails; return its error and what was said."""
    (configuration.file.parent / "fail-wikimedia").touch()
    overrides = [f"pipelines.refresh.on_failure={json.dumps(hook)}", f"hooks={json.dumps(hooks)}"]
    said: list[str] = []
    with pytest.raises(StageError) as caught:
        run_pipeline(read_configuration(configuration.file, overrides), "refresh", said.append)
    return str(caught.value), said


def script(folder: Path, text: str) -> list[str]:
    """Return a command that runs a Python program with one argument that a shell would change."""
    file = folder / "hook.py"
    file.write_text(text)
    return [sys.executable, "-SE", str(file), "$HOME; *"]


TELL = """
import json, os, sys, pathlib
told = [sys.argv[1:], dict(os.environ), json.load(sys.stdin)]
pathlib.Path(__file__).with_name("told.json").write_text(json.dumps(told))
"""


def test_a_command_gets_the_facts_in_its_environment_and_on_its_input(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    for secret in ("FLICKR_API_KEY", "AWS_SECRET_ACCESS_KEY", "SHUTTERPRINT_HOOK_TOKEN", "SMTP_PASSWORD"):
        monkeypatch.setenv(secret, "secret")
    monkeypatch.setenv("https_proxy", "http://proxy.example.org:3128")
    folder = configuration.file.parent
    error, said = failing(configuration, {"command": script(folder, TELL)})
    words, environment, facts = json.loads((folder / "told.json").read_text())
    assert words == ["$HOME; *"]
    assert (facts["pipeline"], facts["stage"], facts["run"]) == ("refresh", "scrapy crawl wikimedia", 1)
    assert facts["error"] == error
    assert environment["SHUTTERPRINT_STAGE"] == facts["stage"]
    assert environment["SHUTTERPRINT_ERROR"] == error
    passed = {key for key in environment if not key.startswith("SHUTTERPRINT_")}
    assert {"PATH", "https_proxy"} <= passed <= {*ENVIRONMENT, "LC_CTYPE"}, "LC_CTYPE: the hook's own interpreter"
    assert "secret" not in (folder / "told.json").read_text()
    assert not [line for line in said if "on_failure" in line]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import sys; sys.exit(7)", "ended with exit code 7"),
        ("import time; time.sleep(60)", "took longer than 1 s and was ended"),
    ],
)
def test_a_hook_that_fails_or_hangs_is_told_and_hides_nothing(
    configuration: Configuration, text: str, sentence: str
) -> None:
    error, said = failing(configuration, {"command": script(configuration.file.parent, text)}, timeout_s=1)
    assert "`scrapy crawl wikimedia` failed with exit code 3" in error
    assert sentence in said[-1]


def test_a_run_that_cannot_be_begun_is_told_too(configuration: Configuration) -> None:
    store = configuration.store
    store.publish("receipts/pipeline-refresh.json", b"[1, 2")
    hook = {"command": script(configuration.file.parent, TELL)}
    told = read_configuration(configuration.file, [f"pipelines.refresh.on_failure={json.dumps(hook)}"])
    with pytest.raises(StorageError) as caught:
        run_pipeline(told, "refresh", lambda _: None)
    facts = json.loads((configuration.file.parent / "told.json").read_text())[2]
    assert (facts["outcome"], facts["run"], facts["stage"], facts["error"]) == ("failed", 0, "", str(caught.value))


def test_a_storage_that_cannot_be_reached_is_told_too(configuration: Configuration) -> None:
    (configuration.file.parent / "data").write_text("is no folder")
    hook = {"command": script(configuration.file.parent, TELL)}
    told = read_configuration(configuration.file, [f"pipelines.refresh.on_failure={json.dumps(hook)}"])
    with pytest.raises((ShutterprintError, OSError)):
        run_pipeline(told, "refresh", lambda _: None)
    facts = json.loads((configuration.file.parent / "told.json").read_text())[2]
    assert (facts["outcome"], facts["run"]) == ("failed", 0)


def test_a_run_that_was_killed_is_told_when_the_next_one_begins(configuration: Configuration) -> None:
    commands = configuration.pipelines["refresh"].stages
    killed = stage_begun(begun(Progress(commands, finished=False), 1.0, continues=False), commands[0], 2.0)
    publish_progress(configuration.store, "refresh", killed)
    hook = {"command": script(configuration.file.parent, TELL)}
    told = read_configuration(configuration.file, [f"pipelines.refresh.on_failure={json.dumps(hook)}"])
    run_pipeline(told, "refresh", lambda _: None)
    facts = json.loads((configuration.file.parent / "told.json").read_text())[2]
    assert (facts["outcome"], facts["run"], facts["stage"]) == ("killed", 1, commands[0])
    assert "was killed" in facts["error"]
    (configuration.file.parent / "told.json").unlink()
    run_pipeline(told, "refresh", lambda _: None)
    assert not (configuration.file.parent / "told.json").exists(), "it is told once"


def test_a_run_that_is_turned_away_has_not_failed(configuration: Configuration) -> None:
    hook = {"command": script(configuration.file.parent, TELL)}
    told = read_configuration(configuration.file, [f"pipelines.refresh.on_failure={json.dumps(hook)}"])
    with pipeline_lock(configuration.store, "refresh"), pytest.raises(AlreadyRunningError):
        run_pipeline(told, "refresh", lambda _: None)
    assert not (configuration.file.parent / "told.json").exists()


def test_a_hook_that_does_not_exist_hides_nothing_either(configuration: Configuration) -> None:
    error, said = failing(configuration, {"command": ["/no/such/program"]})
    assert "failed with exit code 3" in error
    assert "cannot be started" in said[-1]


def test_a_webhook_gets_the_same_facts_and_a_token_from_the_environment(
    configuration: Configuration, receiver: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHUTTERPRINT_HOOK_TOKEN", "token")
    use_this_python(monkeypatch)
    error, said = failing(configuration, {"webhook": receiver}, hosts=["127.0.0.1"])
    ((path, authorization, body),) = Receiver.got
    assert (path, authorization) == ("/hook", "Bearer token")
    assert json.loads(body)["error"] == error
    assert not [line for line in said if "on_failure" in line]


@pytest.mark.parametrize("status", [302, 307, 500])
def test_a_webhook_follows_no_redirect_and_a_refusal_is_told_without_its_address(
    configuration: Configuration, receiver: str, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    Receiver.status = status
    use_this_python(monkeypatch)
    _, said = failing(configuration, {"webhook": receiver}, hosts=["127.0.0.1"])
    assert [path for path, _, _ in Receiver.got] == ["/hook"]
    assert said[-1] == "pipeline refresh: the webhook of on_failure ended with exit code 1"


def use_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fixture's interpreter, which has no packages of its own, find the product."""
    monkeypatch.setenv("PYTHONPATH", ":".join(path for path in sys.path if path))


def test_a_pipeline_that_succeeds_calls_no_hook(configuration: Configuration) -> None:
    hook = {"command": script(configuration.file.parent, TELL)}
    told = read_configuration(configuration.file, [f"pipelines.once.on_failure={json.dumps(hook)}"])
    run_pipeline(told, "once", lambda _: None)
    assert not (configuration.file.parent / "told.json").exists()


@pytest.mark.parametrize(
    ("hook", "sentence"),
    [
        (
            "{webhook: 'https://hooks.example.org/x'}",
            "its host is not allowed; write hooks: {hosts: [hooks.example.org]}",
        ),
        ("{webhook: 'http://hooks.example.org/x'}", "is not https"),
        ("{webhook: 'https://me:secret@hooks.example.org/x'}", "has a user or a password in it"),
        ("{webhook: 'ftp://hooks.example.org'}", "is not an address like"),
        ("{command: rm -rf /}", "on_failure.command"),
        ("{command: []}", "needs at least one entry"),
        ("{command: [true], webhook: 'https://hooks.example.org/x'}", "on_failure"),
        ("{}", "needs a command or a webhook"),
    ],
)
def test_a_hook_that_may_not_be_is_refused_when_the_configuration_is_read(
    configuration: Configuration, hook: str, sentence: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(configuration.file, [f"pipelines.refresh.on_failure={hook}"])
    assert sentence in str(caught.value)
