"""One connection to the site: requests in, answers out, with the delays, failures and cuts the site is set up for.

HTTP/1.1 with keep-alive, GET and HEAD; what a path is answered with, the site decides.
"""

import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from demo.photo_site.answers import Answer, text_answer
from demo.photo_site.server.log import ServedRequest

if TYPE_CHECKING:
    from demo.photo_site.server.site import Server

_CHUNK_BYTES = 1 << 16
_CHUNKS_PER_S = 20
"""Of a paced body: fine enough that a second has no bursts."""
_PACED_BUFFER_BYTES = 1 << 14
"""Of the socket while paced: a larger one would take in a whole photograph at once, and pace nothing."""
_WITH_RETRY_AFTER = (429, 503)


class Connection(BaseHTTPRequestHandler):
    """Serves the requests of one client, one behind another."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    server_version = "PhotoSite"
    timeout = 60  # seconds an idle connection is kept
    disable_nagle_algorithm = True  # headers and body leave apart, and would wait 40 ms for each other

    def setup(self) -> None:
        """Prepare the socket."""
        if self.server.behaviour.bytes_per_s is not None:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACED_BUFFER_BYTES)
        super().setup()

    def do_GET(self) -> None:
        """Answer with headers and body."""
        self._serve()

    def do_HEAD(self) -> None:
        """Answer with headers alone."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the base class's
        """Write nothing: the site's log has it all."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        served = self.server.log.begin(
            self.command,
            parts.path,
            parts.query,
            self.headers.get("Range"),
            self.headers.get("User-Agent"),
            kind=self.server.kind_of(parts.path),
        )
        try:
            self.server.closing.wait(self.server.behaviour.delay_s)
            self._send(served, self._failure() or self.server.answer(parts.path, parts.query, self.headers))
        except ConnectionError:
            self.close_connection = True  # the client has gone, as clients do
        finally:
            self.server.log.end(served)

    def _failure(self) -> Answer | None:
        """Return the refusal that is due for this path or to this request, if one is."""
        is_turn = self.server.turns.take()
        fragment = self.server.failures.take(self.path)
        if fragment is not None:
            status, _ = self.server.behaviour.fail_first[fragment]
        elif is_turn:
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
