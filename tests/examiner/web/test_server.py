"""The server on loopback under clients that are slow, many, or speak no HTTP: refused or cut off, and it lives on."""

import asyncio
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

import examiner
from corpus.command_line import exit_with
from corpus.errors import ConfigurationError
from examiner.report.plain import as_dict
from examiner.serve import main, token_for
from examiner.web.limits import Limits

UPLOAD = {"X-Shutterprint": "1", "Content-Type": "application/octet-stream"}
PATIENCE_S = 0.6


@pytest.fixture(scope="module")
def impatient(listening: Any) -> Iterator[Any]:
    """Return a server that waits for nobody."""
    limits = Limits(header_s=PATIENCE_S, body_pause_s=PATIENCE_S, upload_s=2.0, upload_max_bytes=1 << 20)
    with listening(limits) as reached:
        yield reached


def said(port: int, *parts: bytes, pause_s: float = 0.0, wait_s: float = 15.0) -> bytes:
    """Send parts with pauses; returns all that the server says until it hangs up."""
    heard = b""
    with closing(socket.create_connection(("127.0.0.1", port), wait_s)) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
            while more := connection.recv(65536):
                heard += more
        except ConnectionError:
            pass
    return heard


def head(port: int, length: int) -> bytes:
    return (
        f"POST /api/examinations HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Shutterprint: 1\r\n"
        f"Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def is_alive(url: str) -> bool:
    return httpx.get(f"{url}/api/about", timeout=30).status_code == 200


def test_a_client_that_says_nothing_is_cut_off(impatient: Any) -> None:
    began_s = time.monotonic()
    assert said(impatient.port) == b""
    assert time.monotonic() - began_s < 10
    assert is_alive(impatient.url)


def test_a_header_that_comes_in_drops_is_cut_off(impatient: Any) -> None:
    began_s = time.monotonic()
    said(impatient.port, b"GET / HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 100, pause_s=0.1)
    assert time.monotonic() - began_s < 8


def test_an_upload_that_pauses_is_refused(impatient: Any) -> None:
    heard = said(impatient.port, head(impatient.port, 1000), bytes(10))
    assert heard.startswith(b"HTTP/1.1 408")
    assert b"content-security-policy" in heard.lower()


def test_an_upload_that_comes_in_drops_is_refused_as_a_whole(impatient: Any) -> None:
    began_s = time.monotonic()
    heard = said(impatient.port, head(impatient.port, 1000), *[b"x"] * 60, pause_s=0.1)
    assert heard.startswith(b"HTTP/1.1 408") or heard == b""
    assert time.monotonic() - began_s < 12
    assert is_alive(impatient.url)


def test_the_rest_of_a_refused_upload_is_not_waited_for(impatient: Any) -> None:
    heard = said(impatient.port, head(impatient.port, 1 << 30), bytes(10))
    assert heard.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "words",
    [b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000,
     b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_http_is_refused_with_the_policy(impatient: Any, words: bytes) -> None:
    heard = said(impatient.port, words)
    assert heard.startswith(b"HTTP/1.1 4") or heard == b""
    if heard:
        assert b"content-security-policy: default-src 'none'" in heard.lower()
    assert is_alive(impatient.url)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../app.py",
        "/assets/%2e%2e%2fapp.py",
        "/assets/..%5capp.py",
        "/assets//etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_path_leaves_the_page(impatient: Any, path: str) -> None:
    words = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{impatient.port}\r\nConnection: close\r\n\r\n".encode()
    heard = said(impatient.port, words)
    assert heard.startswith(b"HTTP/1.1 404"), heard[:100]


@pytest.mark.slow
def test_a_thousand_requests_at_once_leave_the_server_alive_and_small(listening: Any, photograph: bytes) -> None:
    def examined(data: bytes, name: str) -> dict[str, Any]:
        return as_dict(examiner.examine(data, name=name))

    limits = Limits(examinations_burst=1000, requests_burst=5000, requests_per_minute=60_000, waiting=4)
    with listening(limits, examine=examined) as reached:
        assert is_alive(reached.url)
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answered = asyncio.run(_at_once(reached.port, photograph, 1000))
        assert answered["202"] >= 1
        assert set(answered) <= {"202", "503", "429", "cut off"}, answered
        assert answered["cut off"] <= 50, answered
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 400_000
        assert is_alive(reached.url)


async def _at_once(port: int, data: bytes, requests: int) -> Counter[str]:
    async def one() -> str:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head(port, len(data)) + data)
            answer = await asyncio.wait_for(reader.read(12), 120)
            writer.close()
        except (OSError, TimeoutError):
            return "cut off"
        return answer.decode().removeprefix("HTTP/1.1 ") or "cut off"

    return Counter(await asyncio.gather(*(one() for _ in range(requests))))


def command(tmp_path: Path, *words: str, token: str = "") -> "subprocess.Popen[str]":
    configuration = tmp_path / "pipelines.yaml"
    configuration.write_text(f"storage: {tmp_path / 'store'}\n")
    environment = {name: value for name, value in os.environ.items() if name != "SHUTTERPRINT_TOKEN"}
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.shutterprint", "serve", "--config", str(configuration), *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment | ({"SHUTTERPRINT_TOKEN": token} if token else {}),
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_says_where_the_page_is_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with command(tmp_path, "--port", "0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            try:
                about = httpx.get(f"{address}api/about", timeout=10).json()
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        assert about["data_set"] is True
        assert httpx.get(f"{address}api/generations", timeout=30).json() == []
        threading.Timer(0.1, process.terminate).start()
        assert process.wait(30) in (0, -15)


@pytest.mark.parametrize(
    ("words", "token", "sentence"),
    [
        (("--host", "0.0.0.0"), "", "others than this machine need a token"),
        (("--host", "0.0.0.0"), "short", "at least 16 characters"),
        (("--host", "no.such.host.invalid"), "t" * 20, "cannot be listened at"),
        (("--tls-key", "x"), "", "belong together"),
        (("--tls-certificate", "no.pem", "--tls-key", "no.key"), "", "cannot be used"),
        (("--keep-minutes", "nan"), "", "must be positive"),
    ],
)
def test_a_wrong_command_gets_a_sentence(
    tmp_path: Path, capsys: Any, monkeypatch: Any, words: tuple[str, ...], token: str, sentence: str
) -> None:
    configuration = tmp_path / "pipelines.yaml"
    configuration.write_text(f"storage: {tmp_path / 'store'}\n")
    monkeypatch.setattr(sys, "argv", ["shutterprint serve", "--config", str(configuration), "--port", "0", *words])
    monkeypatch.setenv("SHUTTERPRINT_TOKEN", token)
    with pytest.raises(SystemExit) as ended:
        exit_with(main)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert not token or token not in said.err + said.out


def test_a_new_token_is_shown_to_a_person_only() -> None:
    assert token_for("127.0.0.1", None, is_terminal=False) == (None, False)
    token, is_new = token_for("192.0.2.1", None, is_terminal=True)
    assert is_new
    assert len(token or "") >= 32
    assert token_for("192.0.2.1", "x" * 16, is_terminal=False) == ("x" * 16, False)
    with pytest.raises(ConfigurationError):
        token_for("192.0.2.1", None, is_terminal=False)
