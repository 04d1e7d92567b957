"""A model by its address: the bytes that its SHA-256 names, from the host that was typed, and nothing else."""

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import open_store
from train.archive import download
from train.archive.download import downloaded
from train.archive.loading import load_model
from train.archive.parts import Parts
from train.archive.writing import archive_bytes

DATA = b"a model" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


class _Site(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    served = DATA

    def do_GET(self) -> None:
        self.asked.append(self.path)
        ways = {"/moved": "/model.zip", "/round": "/round", "/away": f"http://localhost:{self.server.server_port}/x"}
        if self.path in ways:
            self.send_response(302)
            self.send_header("Location", ways[self.path])
            self.end_headers()
        elif self.path in ("/short", "/slow"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            for byte in DATA[: 20 if self.path == "/slow" else 1000]:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02 if self.path == "/slow" else 0)
        elif self.path == "/model.zip":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(type(self).served)
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep the output clean."""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve a file on loopback; what is fetched is kept below the test's own folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    _Site.asked, _Site.served = [], DATA
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_file_is_fetched_once_and_kept_by_its_digest(site: str) -> None:
    kept = downloaded(f"{site}/moved#sha256={SHA256}")
    assert kept.read_bytes() == DATA
    assert _Site.asked == ["/moved", "/model.zip"]
    assert downloaded(f"{site}/elsewhere#sha256={SHA256.upper()}") == kept
    kept.write_bytes(b"damaged")
    assert downloaded(f"{site}/model.zip#sha256={SHA256}").read_bytes() == DATA
    assert len(_Site.asked) == 3


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("{site}/model.zip", "by its SHA-256"),
        ("{site}/model.zip#sha256=abc", "by its SHA-256"),
        ("{site}/model.zip#sha256=" + "0" * 64, f"has SHA-256 {SHA256}, not 000"),
        ("{site}/away#sha256=" + SHA256, "points to another host, localhost"),
        ("{site}/round#sha256=" + SHA256, "without end"),
        ("http://example.org/model.zip#sha256=" + SHA256, "only https is used"),
        ("https://user:secret@example.org/model.zip#sha256=" + SHA256, "is no address"),
        ("https://#sha256=" + SHA256, "is no address"),
        ("https://host:port/#sha256=" + SHA256, "is no address"),
    ],
)
def test_another_address_or_another_file_is_refused(site: str, address: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=reason):
        downloaded(address.format(site=site))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_server_that_does_not_answer_is_said_in_a_sentence(site: str) -> None:
    with pytest.raises(StorageUnavailableError, match="the server answers 404"):
        downloaded(f"{site}/nothing#sha256={SHA256}")
    with pytest.raises(StorageUnavailableError, match="cannot be fetched"):
        downloaded(f"http://127.0.0.1:9/model.zip#sha256={SHA256}")


def test_a_file_that_ends_early_or_trickles_is_the_servers_fault(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageUnavailableError, match="has ended 6000 bytes too early"):
        downloaded(f"{site}/short#sha256={SHA256}")
    monkeypatch.setattr(download, "_GRACE_S", 0.1)
    with pytest.raises(StorageUnavailableError, match="less than 20000 bytes a second"):
        downloaded(f"{site}/slow#sha256={SHA256}")


def test_a_fault_of_the_disk_is_not_called_one_of_the_server(site: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        download._fetch(f"{site}/model.zip", tmp_path / "no folder" / "model.zip")


def test_a_file_above_the_limit_is_not_fetched_to_its_end(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "ARCHIVE_MAX_BYTES", 1000)
    with pytest.raises(StorageError, match="is above 1000 bytes"):
        downloaded(f"{site}/model.zip#sha256={SHA256}")


def test_a_model_is_loaded_by_path_and_by_address(
    site: str, parts_once: Parts, tmp_path: Path, photo: Callable[..., bytes]
) -> None:
    data = _Site.served = archive_bytes(parts_once)
    (tmp_path / "model.zip").write_bytes(data)
    store = open_store(str(tmp_path / "empty"))
    by_path = load_model(store, str(tmp_path / "model.zip"))
    by_address = load_model(store, f"{site}/model.zip#sha256={hashlib.sha256(data).hexdigest()}")
    assert by_path.cameras == by_address.cameras == ("alpha", "beta", "gamma")
    with pytest.raises(StorageError, match="no such file"):
        load_model(store, str(tmp_path / "other.zip"))
    with pytest.raises(StorageError, match="is neither a run"):
        load_model(store, "nowhere")
