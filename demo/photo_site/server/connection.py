"""The HTTP server: sends a site's answers, with the delays, failures and cuts that `Behaviour` asks for.

HTTP/1.1 with keep-alive, GET and HEAD, on the loopback address alone. What a path is answered with, the subclass in
`demo.photo_site.server.site` decides.
"""

import contextlib
import itertools
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from demo.photo_site.behaviour import Behaviour, Countdown
from demo.photo_site.content.answers import Answer, text_answer
from demo.photo_site.server.log import Kind, RequestLog, ServedRequest

_CHUNK_BYTES = 1 << 16
_CHUNKS_PER_S = 20
"""Of a paced body: small enough chunks for an even flow within a second."""
_PACED_BUFFER_BYTES = 1 << 14
"""Of a paced socket: a larger buffer would swallow a whole photograph at once and pace nothing."""
_WITH_RETRY_AFTER = (429, 503)


class Connection(BaseHTTPRequestHandler):
    """Serves the requests of one client, one after another."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    server_version = "PhotoSite"
    timeout = 60  # seconds an idle connection is kept
    disable_nagle_algorithm = True  # headers and body are written separately and would wait 40 ms for each other

    def setup(self) -> None:
        """Shrink the socket's buffer where files are paced."""
        if self.server.behaviour.bytes_per_s is not None:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACED_BUFFER_BYTES)
        super().setup()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Write nothing, since the site's log has everything."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        sent = (self.headers.get("Range"), self.headers.get("User-Agent"))
        kind = self.server.kind_of(parts.path)
        served = self.server.log.begin(self.command, parts.path, parts.query, *sent, kind=kind)
        try:
            self.server.closing.wait(self.server.behaviour.delay_s)
            self._send(served, self._failure() or self.server.answer(parts.path, parts.query, self.headers))
        except ConnectionError:
            self.close_connection = True  # the client hung up, as clients do
        finally:
            self.server.log.end(served)

    do_GET = do_HEAD = _serve  # noqa: N815 - the names are the base class's

    def _failure(self) -> Answer | None:
        """Return the refusal that is due for this path or this request, if any."""
        every, turn = self.server.behaviour.refuse_every, next(self.server.turns)
        fragment = self.server.failures.take(self.path)
        if fragment is not None:
            status, _ = self.server.behaviour.fail_first[fragment]
        elif every is not None and turn % every == 0:
            status = 429
        else:
            return None
        headers = {"Retry-After": str(self.server.behaviour.retry_after_s)} if status in _WITH_RETRY_AFTER else {}
        return text_answer(status, f"status {status} on purpose\n", headers)

    def _send(self, served: ServedRequest, answer: Answer) -> None:
        served.status = answer.status
        body = answer.body
        if answer.file is not None:
            served.file, served.file_bytes = answer.file.file, answer.file.size_bytes
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        is_cut = False
        if self.command == "HEAD":
            body = b""
        elif answer.file is not None and (fragment := self.server.cuts.take(self.path)) is not None:
            body, is_cut = body[: self.server.behaviour.cut_after_bytes[fragment][0]], True
        if not body:
            self.server.log.end(served)
        self.end_headers()
        self._send_body(served, body, self.server.behaviour.bytes_per_s if answer.file is not None else None)
        if is_cut:
            self.close_connection = True

    def _send_body(self, served: ServedRequest, body: bytes, bytes_per_s: float | None) -> None:
        chunk_bytes = _CHUNK_BYTES if bytes_per_s is None else max(1, int(bytes_per_s / _CHUNKS_PER_S))
        start_s = time.monotonic()
        for first in range(0, len(body), chunk_bytes):
            chunk = body[first : first + chunk_bytes]
            if bytes_per_s is not None:
                self.server.closing.wait(max(0.0, start_s + (first + len(chunk)) / bytes_per_s - time.monotonic()))
            self.server.log.add(served, len(chunk))
            if first + len(chunk) == len(body):
                self.server.log.end(served)
            try:
                self.wfile.write(chunk)
            except ConnectionError:
                self.server.log.add(served, -len(chunk))
                raise


class Server(ThreadingHTTPServer, ABC):
    """The listening socket, and everything that the connections share. Port 0 takes a free one."""

    request_queue_size = 128  # connections that wait; the default of 5 would refuse a crawler's burst
    daemon_threads = False  # `stop` ends the connections and waits for their threads

    def __init__(self, port: int, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", port), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.behaviour, self.log, self.closing = behaviour, RequestLog(), threading.Event()
        self.failures = Countdown({fragment: times for fragment, (_, times) in behaviour.fail_first.items()})
        self.cuts = Countdown({fragment: times for fragment, (_, times) in behaviour.cut_after_bytes.items()})
        self.turns = itertools.count(1)
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def kind_of(self, path: str) -> Kind:
        """Return what a request for a path is for."""

    @abstractmethod
    def answer(self, path: str, query: str, headers: Message) -> Answer:
        """Return the answer to a request for a path."""

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection and serve it in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up; show any other error, which is a fault of this site."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Stop listening, end all connections, and wait for their threads."""
        self.closing.set()
        self.shutdown()
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # its own thread has closed it meanwhile
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()
