"""An object store for benchmarks and tests: moto_server behind a proxy that counts requests and can fail.

    with ObjectStore() as store:
        os.environ.update(store.environment())   # s3://photos/… is reached now
        store.counts()                           # {"GET": 812, "PUT": 240, "LIST": 12}
        store.fault = Fault("503")               # until it is set to None

The proxy speaks HTTP, one request a connection. It counts by method, a listing as LIST, and the requests of `?uploads`
(multipart) as POST, as S3 bills them. Faults are told in `FAULTS`.
"""

import asyncio
import contextlib
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

BUCKET = "photos"
FAULTS = {
    "503": "every request is answered 503 SlowDown",
    "403": "every request is answered 403 AccessDenied",
    "read-only": "what would change the bucket is answered 403 AccessDenied",
    "full": "what would write is answered 507",
    "no bucket": "every request is answered 404 NoSuchBucket",
    "gone": "every connection is reset",
    "cut": "every connection is accepted and stays silent",
}
_ANSWERS = {
    "503": (503, "Slow Down", "SlowDown", "Please reduce your request rate."),
    "403": (403, "Forbidden", "AccessDenied", "Access Denied"),
    "read-only": (403, "Forbidden", "AccessDenied", "Access Denied"),
    "full": (507, "Insufficient Storage", "XMinioStorageFull", "Storage backend has reached its minimum free disk."),
    "no bucket": (404, "Not Found", "NoSuchBucket", "The specified bucket does not exist"),
}
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Request:
    """One request: its kind (a method, or LIST), and its target, the path and query."""

    kind: str
    target: str


@dataclass
class Fault:
    """What goes wrong from now on.

    `first`: how many requests that match still go well. `seconds`: how long it then lasts; None: until it is lifted.
    `kinds` and `target`: only requests of these kinds, and whose target has this pattern.
    """

    kind: str
    first: int = 0
    seconds: float | None = None
    kinds: frozenset[str] = frozenset()
    target: str = ""
    began_at_s: float | None = field(default=None, init=False)
    hits: int = field(default=0, init=False)

    def meets(self, request: Request) -> bool:
        """Whether this request meets the fault; counts it."""
        if (
            self.began_at_s is not None
            and self.seconds is not None
            and time.monotonic() > self.began_at_s + self.seconds
        ):
            return False
        if (self.kinds and request.kind not in self.kinds) or not re.search(self.target, request.target):
            return False
        if self.kind in ("read-only", "full") and request.kind not in _WRITES:
            return False
        if self.first > 0:
            self.first -= 1
            return False
        if self.began_at_s is None:
            self.began_at_s = time.monotonic()
        self.hits += 1
        return True


class ObjectStore:
    """moto_server and the proxy before it, during a `with` block; `host` is where both listen."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.fault: Fault | None = None
        self.seen: Callable[[Request], None] = lambda request: None
        """Called for each request, in the proxy's thread."""
        self.lose_answer: Callable[[Request], bool] = lambda request: False
        """Whether what a request asks is done, but its answer lost."""
        self._counts: Counter[str] = Counter()
        self._upstream = _free_port(host)
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()  # asyncio keeps no reference to a connection's task
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        program = str(Path(sys.executable).with_name("moto_server"))
        self._moto = subprocess.Popen(
            [program, "-H", self.host, "-p", str(self._upstream)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._connected, self.host, 0, backlog=1024), self._loop
        ).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        _await_port(self.host, self._upstream)
        self._create_bucket()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._moto.kill()
        self._moto.wait()

    @property
    def url(self) -> str:
        """Where a pipeline's storage may be."""
        return f"s3://{BUCKET}/data"

    def environment(self) -> dict[str, str]:
        """Return what makes a process reach it."""
        return _reach(self.host, self.port)

    def counts(self) -> Counter[str]:
        """Return how many requests of each kind have come since the last call."""
        counts, self._counts = self._counts, Counter()
        return counts

    def objects(self) -> dict[str, bytes]:
        """Return all objects by key, past the proxy."""
        client = self._client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
        return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def put(self, key: str, data: bytes) -> None:
        """Write an object, past the proxy."""
        self._client().put_object(Bucket=BUCKET, Key=key, Body=data)

    def uploads(self) -> int:
        """Return how many multipart uploads are neither whole nor given up."""
        return len(self._client().list_multipart_uploads(Bucket=BUCKET).get("Uploads", []))

    def empty(self) -> None:
        """Remove all objects, past the proxy."""
        client = self._client()
        for key in self.objects():
            client.delete_object(Bucket=BUCKET, Key=key)

    def _create_bucket(self) -> None:
        self._client().create_bucket(Bucket=BUCKET)

    @cache  # noqa: B019 - there are few of these
    def _client(self) -> Any:
        import boto3

        reach = _reach(self.host, self._upstream)
        return boto3.client(
            "s3", endpoint_url=reach["AWS_ENDPOINT_URL"], region_name=reach["AWS_DEFAULT_REGION"],
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            await self._serve(reader, writer)
        with contextlib.suppress(Exception):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        request = Request(_kind(method, target), target)
        self._counts[request.kind] += 1
        self.seen(request)
        fault = self.fault
        if fault is not None and fault.meets(request):
            if fault.kind == "gone":
                _reset(writer)
                return
            if fault.kind == "cut":
                until_s = None if fault.seconds is None else (fault.began_at_s or 0) + fault.seconds
                while self.fault is fault and (until_s is None or time.monotonic() < until_s):
                    await asyncio.sleep(0.1)
                return
        else:
            fault = None
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        if headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fault is not None:
            await _body(reader, headers, lambda data: None)
            writer.write(_answer(*_ANSWERS[fault.kind], has_body=method != "HEAD"))
            await writer.drain()
            return
        answers, upstream = await asyncio.open_connection(self.host, self._upstream)
        kept = [line for line in lines if line and line.partition(":")[0].lower() not in ("connection", "expect")]
        upstream.write("\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1"))
        await _body(reader, headers, upstream.write)
        await upstream.drain()
        answer = await answers.readuntil(b"\r\n\r\n")
        if self.lose_answer(request):
            self.lose_answer = lambda request: False
            _reset(writer)
            return
        status, *lines = answer.decode("latin-1").split("\r\n")
        kept = [line for line in lines if line and line.partition(":")[0].lower() != "connection"]
        writer.write("\r\n".join([status, *kept, "Connection: close", "", ""]).encode("latin-1"))
        while data := await answers.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        upstream.close()


def _kind(method: str, target: str) -> str:
    query = target.partition("?")[2]
    return (
        "LIST" if method == "GET" and ("list-type=" in query or re.search(r"(^|&)(uploads|prefix=)", query)) else method
    )


async def _body(reader: asyncio.StreamReader, headers: dict[str, str], take: Callable[[bytes], object]) -> None:
    """Pass the body of a request on as it comes."""
    if "chunked" in headers.get("transfer-encoding", "").lower():
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            data = await reader.readexactly(size + 2) if size else await reader.readuntil(b"\r\n")
            take(line + data)
            if not size:
                return
    left = int(headers.get("content-length", 0))
    while left:
        data = await reader.read(min(left, _CHUNK_BYTES))
        if not data:
            raise ConnectionError("the client has gone")
        left -= len(data)
        take(data)


def _answer(status: int, phrase: str, code: str, message: str, *, has_body: bool) -> bytes:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + (body if has_body else b"")


def _reset(writer: asyncio.StreamWriter) -> None:
    plug = writer.get_extra_info("socket")
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _reach(host: str, port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def _free_port(host: str) -> int:
    with socket.socket() as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


def _await_port(host: str, port: int) -> None:
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex((host, port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"nothing listens on {host}:{port}")
