"""Server: uvicorn with patience bounded: connections are counted, and a header that comes too slowly is cut off.

uvicorn itself waits without end for the first header of a connection, and for the rest of a body that was refused.
"""

import asyncio
import resource
import ssl

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from corpus.errors import ConfigurationError
from examiner.web.gate.guard import Guard
from examiner.web.gate.headers import with_ours
from examiner.web.limits import Limits

_FILES_LEFT = 100
"""Open files that the rest of the process needs."""
_HEADER_MAX_BYTES = 32 << 10
_KEEP_ALIVE_S = 15
_STOP_S = 3


def check_certificate(certificate: str, private_key: str) -> None:
    """Raise ConfigurationError where a certificate and its key (PEM files) cannot be used."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key)
    except OSError as error:
        raise ConfigurationError(
            f"--tls-certificate {certificate}, --tls-key {private_key}: cannot be used ({error}); both are files in PEM"
        ) from error


def server_of(
    app: Guard, limits: Limits, certificate: str | None = None, private_key: str | None = None
) -> uvicorn.Server:
    """Return the server of an application, to run on a socket; with a certificate and its key (PEM files), https."""
    config = uvicorn.Config(
        app, ssl_certfile=certificate, ssl_keyfile=private_key, http=patience_of(limits), ws="none",
        loop="asyncio", lifespan="on", log_level="error",
        access_log=False,  # addresses may hold names of photographs
        proxy_headers=False,  # nobody tells us another address than their own
        server_header=False, timeout_keep_alive=_KEEP_ALIVE_S, h11_max_incomplete_event_size=_HEADER_MAX_BYTES,
        timeout_graceful_shutdown=_STOP_S,
    )  # fmt: skip
    return uvicorn.Server(config)


def patience_of(limits: Limits) -> type[H11Protocol]:
    """Return uvicorn's protocol with these limits."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = max(8, min(limits.connections, files - _FILES_LEFT))

    class Patience(H11Protocol):
        """A connection that is cut off when no request is being answered for too long."""

        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > connections:
                transport.abort()
            else:
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_answering():
                self._stop_waiting()
            else:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._is_answering():
                self._wait()

        def send_400_response(self, msg: str) -> None:
            body = b'{"detail": "The request is not HTTP."}'
            lines = [
                b"HTTP/1.1 400 Bad Request",
                *(name + b": " + value for name, value in with_ours([
                    (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()),
                    (b"connection", b"close"),
                ])),
            ]  # fmt: skip
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)
            self.transport.close()

        def _is_answering(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait(self) -> None:
            if self._late is None:
                self._late = self.loop.call_later(limits.header_s, self._cut_off)

        def _stop_waiting(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _cut_off(self) -> None:
            self._late = None
            if not self._is_answering():
                self.transport.abort()

    return Patience
