"""Storage errors: what a disk or an object store refuses is a sentence; what may pass is tried again, and said once."""

import errno
import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import Store, open_store
from corpus.storage import errors as storage_errors
from corpus.storage.errors import attempted, failure_of
from tests.conftest import reaching_s3

CAN_MOUNT = (
    shutil.which("unshare") is not None
    and subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    ).returncode
    == 0
)
mounting = pytest.mark.skipif(not CAN_MOUNT, reason="this user may not unshare the mount namespace and mount a tmpfs")

PUBLISH = """
import sys
from corpus.command_line import exit_with
from corpus.storage import open_store
exit_with(lambda: open_store(sys.argv[1]).publish("a/b", bytes(int(sys.argv[2]))) or 0)
"""


def published_where(mount: str, folder: Path, size_bytes: int) -> "subprocess.CompletedProcess[str]":
    """Publish a file in a mount namespace of its own, after a command that mounts something over the folder."""
    command = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', str(folder)]
    return subprocess.run(
        [*command, sys.executable, "-c", PUBLISH, str(folder), str(size_bytes)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@mounting
def test_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    result = published_where('mount -t tmpfs -o size=1m none "$0"', tmp_path, 3 << 20)
    assert (result.returncode, result.stderr) == (
        2,
        f"{tmp_path}: a/b: the disk is full; free space there, then give the same command again: what is finished is "
        "kept\n",
    )


@mounting
def test_a_read_only_file_system_is_a_sentence_and_no_clean_up_hides_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    result = published_where('mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"', tmp_path, 10)
    assert result.returncode == 2
    assert result.stderr.startswith(f"{tmp_path}: a/b: the file system is mounted read-only; mount it writable")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.EDQUOT, "the disk quota is used up; free space"),
        (errno.EIO, "the disk reports an input/output error; look"),
        (errno.EACCES, "permission is denied; give this user"),
    ],
)
def test_what_a_disk_refuses_is_a_sentence_at_once(number: int, text: str) -> None:
    def refuse() -> None:
        raise OSError(number, os.strerror(number))

    with pytest.raises(StorageUnavailableError, match=f"/store: x: {text}"):
        attempted("/store: x", refuse)


def test_what_may_pass_is_tried_again_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(storage_errors, "RETRY_PAUSES_S", (0.0, 0.0, 0.0))
    monkeypatch.setattr(storage_errors, "_said", set())
    left = 5

    def stale() -> str:
        nonlocal left
        left -= 1
        if left:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return "read"

    with pytest.raises(StorageUnavailableError, match="lost the file's handle"):
        attempted("/store: x", stale)
    assert attempted("/store: y", stale) == "read"
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "/store: x: the network file system has lost the file's handle"
    ]


def test_a_missing_file_and_a_damaged_table_say_nothing_of_the_storage() -> None:
    assert failure_of(FileNotFoundError(errno.ENOENT, "no such file")) is None
    assert failure_of(OSError("Corrupt snappy compressed data")) is None
    assert failure_of(ValueError("not JSON")) is None


def refused_by_s3(code: str, status: int) -> list[Exception]:
    """Return botocore's error for an error response, and what s3fs makes of it."""
    exceptions = pytest.importorskip("botocore.exceptions", reason="needs the extra s3")
    errors = pytest.importorskip("s3fs.errors", reason="needs the extra s3")
    answer = {"Error": {"Code": code, "Message": "a word"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = exceptions.ClientError(answer, "PutObject")
    return [error, errors.translate_boto_error(error)]


@pytest.mark.parametrize(
    ("code", "status", "may_pass", "text"),
    [
        ("SlowDownRead", 503, True, "slow down"),
        ("Throttling", 400, True, "slow down"),
        ("RequestLimitExceeded", 503, True, "slow down"),
        ("InternalFailure", 500, True, "its server has an error"),
        ("ConditionalRequestConflict", 409, True, "another operation is under way"),
        ("XMinioServerNotInitialized", 503, True, "still starting"),
        ("XMinioStorageFull", 507, False, "is full"),
        ("AccountProblem", 403, False, "the account has a problem"),
        ("InvalidObjectState", 403, False, "in an archive"),
        ("OfTomorrow", 429, True, "slow down"),
        ("OfTomorrow", 500, True, "its server has an error"),
        ("OfTomorrow", 502, True, "its server has an error"),
        ("OfTomorrow", 503, True, "slow down"),
        ("OfTomorrow", 504, True, "does not answer in time"),
        ("OfTomorrow", 409, True, "another operation is under way"),
        ("OfTomorrow", 507, False, "is full"),
        ("OfTomorrow", 418, False, "the request is refused (HTTP 418, "),
        ("NotImplemented", 501, False, "the request is refused (HTTP 501, "),
        ("MethodNotAllowed", 405, False, "the request is refused (HTTP 405, "),
    ],
)
def test_every_error_response_is_told_by_its_code_or_its_status_with_its_message(
    code: str, status: int, may_pass: bool, text: str
) -> None:
    for error in refused_by_s3(code, status):
        failure = failure_of(error)
        assert failure is not None
        assert failure.may_pass == may_pass
        assert text in failure.answer
        assert f"{code}: a word)" in failure.answer


def test_what_botocore_cannot_do_on_this_machine_is_a_sentence() -> None:
    exceptions = pytest.importorskip("botocore.exceptions", reason="needs the extra s3")
    for error, text in (
        (exceptions.SSOTokenLoadError(error_msg="x"), "the credentials cannot be fetched"),
        (exceptions.ConfigParseError(path="x"), "ConfigParseError: "),
    ):
        failure = failure_of(error)
        assert failure is not None
        assert failure.answer.startswith(text)


class Faulty(BaseHTTPRequestHandler):
    """Hands requests on to a make-believe S3, or answers them with an error."""

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        proxy: Any = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if proxy.times > 0:
            proxy.times -= 1
            proxy.refused += 1
            status, code = proxy.fault
            text = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode()
            self.answer(status, {"Content-Type": "application/xml"}, text)
            return
        onward = HTTPConnection(*proxy.behind)
        onward.request(self.command, self.path, body, dict(self.headers))
        response = onward.getresponse()
        data = response.read()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP}
        self.answer(response.status, kept, data, response.getheader("Content-Length"))

    def answer(self, status: int, headers: dict[str, str], data: bytes, length: str | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        is_head = self.command == "HEAD"
        self.send_header("Content-Length", length if is_head and length else str(len(data)))
        self.end_headers()
        if not is_head:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815 - as http.server names them


HOP_BY_HOP = {"content-length", "transfer-encoding", "connection", "date", "server"}

ALWAYS = 1 << 30


@pytest.fixture(scope="module")
def proxy(s3_service: str) -> Iterator[Any]:
    """Return a proxy before a make-believe S3 with the bucket `files`; set `fault` and `times`."""
    import boto3

    before: Any = ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    behind = urlsplit(s3_service)
    before.behind = behind.hostname, behind.port
    before.fault, before.times, before.refused = (503, "SlowDown"), 0, 0
    threading.Thread(target=before.serve_forever, daemon=True).start()
    with reaching_s3(f"http://127.0.0.1:{before.server_port}"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_MAX_ATTEMPTS", "1")  # botocore's own attempts take seconds
        boto3.client("s3").create_bucket(Bucket="files")
        yield before
    before.shutdown()


@pytest.fixture
def faulty(proxy: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the proxy, without a fault."""
    monkeypatch.setattr(storage_errors, "RETRY_PAUSES_S", (0.05,) * 8)
    monkeypatch.setattr(storage_errors, "_said", set())
    proxy.times = proxy.refused = 0
    return proxy


OPERATIONS: dict[str, Callable[[Store], Any]] = {
    "publish": lambda store: store.publish("a", b"1"),
    "read": lambda store: store.read("there"),
    "names": lambda store: store.names("."),
    "exists": lambda store: store.exists("there"),
    "remove": lambda store: store.remove("there"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (403, "AccessDenied", "access is denied .*give the credentials the right"),
        (400, "ExpiredToken", "(the credentials have expired|the request is refused .*not expired)"),
        (
            301,
            "PermanentRedirect",
            "(at another endpoint or in another region|redirects in a circle).*set AWS_DEFAULT_REGION",
        ),
        (403, "SignatureDoesNotMatch", "(secret key does not fit|access is denied)"),
    ],
)
def test_what_an_object_store_refuses_is_a_sentence(
    faulty: Any, operation: str, status: int, code: str, text: str
) -> None:
    store = open_store("s3://files/prefix")
    store.publish("there", b"1")
    faulty.fault, faulty.times = (status, code), ALWAYS
    with pytest.raises(StorageUnavailableError, match=f"^s3://files/prefix: .*{text}") as told:
        OPERATIONS[operation](store)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_object_store_that_asks_to_slow_down_is_asked_again(
    faulty: Any, operation: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = open_store("s3://files/slow")
    store.publish("there", b"1")
    faulty.fault, faulty.times = (503, "SlowDown"), 7  # s3fs itself tries five times, but HEAD only once
    with caplog.at_level(logging.WARNING, "corpus.storage.errors"):
        OPERATIONS[operation](store)
    assert faulty.refused == 7
    said = [record.getMessage() for record in caplog.records if record.name == "corpus.storage.errors"]
    assert len(said) <= 1
    assert all("it asks to slow down" in text for text in said)


def test_an_object_store_that_goes_on_asking_to_slow_down_is_a_sentence(faulty: Any) -> None:
    faulty.fault, faulty.times = (503, "SlowDown"), ALWAYS
    with pytest.raises(StorageUnavailableError, match=r"it asks to slow down .*; wait, then give the same command"):
        open_store("s3://files/slow").read("a")


def test_a_bucket_that_is_not_there_is_a_sentence_and_no_empty_store(faulty: Any) -> None:
    store = open_store("s3://no-such-bucket/prefix")
    for operation in ("names", "publish", "read"):
        with pytest.raises(StorageUnavailableError, match=r"there is no such bucket .*create it, or correct `storage`"):
            OPERATIONS[operation](store)


def test_a_file_that_is_not_there_is_no_trouble_of_the_object_store(faulty: Any) -> None:
    with pytest.raises(StorageError, match="no file nothing"):
        open_store("s3://files/prefix").read("nothing")


def test_no_credentials_and_no_server_are_sentences(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageUnavailableError, match=r"there are no credentials on this machine; set AWS"):
        open_store("s3://files/prefix").read("a")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(StorageUnavailableError, match="no server answers; check the network, AWS_ENDPOINT_URL"):
        open_store("s3://files/prefix").read("a")
    s3fs.S3FileSystem.clear_instance_cache()
