"""Guard: stands before the application: refuses, limits how often and how long, and adds our headers to every answer.

Plain ASGI, so that no answer goes round it: neither of the application, nor of an error in it.
"""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examiner.web.gate.access import Access, is_signed_in, refusal
from examiner.web.gate.headers import Headers, with_ours
from examiner.web.gate.throttle import Throttle, client_name
from examiner.web.limits import Limits

_LOG = logging.getLogger(__name__)
_URL_MAX_CHARACTERS = 4096
UPLOADS = "/api/examinations"
SIGN_IN = "/api/session"
_OPEN = ("/assets/", "/favicon.ico")


class TooLargeError(Exception):
    """A request's body is larger than what is taken."""


class Guard:
    """The application behind all checks."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        answers: Counter[int] | None = None,
    ) -> None:
        """Guard `app`; `clock` gives seconds; `answers` counts the answers by their status."""
        self.app, self.access, self.limits = app, access, limits
        self.answers = Counter[int]() if answers is None else answers
        self._requests = Throttle(limits.requests_per_minute, limits.requests_burst, clock)
        self._examinations = Throttle(limits.examinations_per_minute, limits.examinations_burst, clock)
        self._sign_ins = Throttle(limits.sign_ins_per_minute, limits.sign_ins_burst, clock)
        self._at_once = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self.answers[message["status"]] += 1
                message = {**message, "headers": with_ours(message.get("headers", []))}
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await _say(answer, *refused)
            return
        if self._at_once >= self.limits.requests_at_once:
            await _say(answer, 503, "Too many requests at once.", 1)
            return
        self._at_once += 1
        try:
            async with asyncio.timeout(self.limits.answer_s):
                await self.app(scope, self._bounded(scope, receive), answer)
        except TooLargeError as error:
            await _say_late(answer, started, 413, str(error))
        except TimeoutError:
            await _say_late(answer, started, 408, "The request took too long.")
        except ClientDisconnect:
            _LOG.debug("a client left before its request was whole")
        except Exception:  # noqa: BLE001 - any fault of ours: one request fails, and says so
            _LOG.exception("a request failed")  # without its address, which may name a photograph
            await _say_late(answer, started, 500, "The server failed to answer; its log says why.")
        finally:
            self._at_once -= 1

    def _refused(self, scope: Scope) -> tuple[int, str, int] | None:
        """Return status, reason and the seconds to wait of a request that is not answered."""
        client = client_name(scope["client"][0] if scope.get("client") else "")
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        names = [name for name, _ in scope["headers"]]
        method, path = scope["method"], scope["path"]
        if wait_s := self._requests.wait_s(client):
            return 429, "Too many requests; wait a little.", wait_s
        if len(path) + len(scope["query_string"]) > _URL_MAX_CHARACTERS:
            return 414, "The address is too long.", 0
        if any(names.count(name) > 1 for name in (b"host", b"origin", b"content-length", b"authorization")):
            return 400, "A header is given twice.", 0
        if refused := refusal(self.access, method, path, headers, scope["scheme"]):
            return refused.status, refused.reason, 0
        if path == SIGN_IN and method == "POST" and (wait_s := self._sign_ins.wait_s(client)):
            return 429, "Too many attempts to sign in; wait a little.", wait_s
        if not (path in ("/", SIGN_IN) or path.startswith(_OPEN) or is_signed_in(self.access, headers)):
            if "authorization" in headers and (wait_s := self._sign_ins.wait_s(client)):
                return 429, "Too many attempts to sign in; wait a little.", wait_s
            return 401, "Sign in with the token of this server.", 0
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length[:20]) > self._most(scope):
            return 413, f"At most {self._most(scope):,} bytes are taken.", 0
        if path == UPLOADS and method == "POST" and (wait_s := self._examinations.wait_s(client)):
            return 429, "Too many examinations; wait a little.", wait_s
        return None

    def _most(self, scope: Scope) -> int:
        is_upload = scope["path"] == UPLOADS and scope["method"] == "POST"
        return self.limits.upload_max_bytes if is_upload else self.limits.other_max_bytes

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return `receive`, which stops a body that is too large, and a client that pauses for too long."""
        most, taken, ended = self._most(scope), 0, False

        async def bounded() -> Message:
            nonlocal taken, ended
            if ended:  # what comes after the body is the end of the connection, which may take as long as it likes
                return await receive()
            message = await asyncio.wait_for(receive(), self.limits.body_pause_s)
            taken += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if taken > most:
                raise TooLargeError(f"At most {most:,} bytes are taken.")
            return message

        return bounded


async def _say_late(answer: Send, started: bool, status: int, reason: str) -> None:
    """Say why a request failed, unless its answer has begun: then the connection is closed."""
    if not started:
        await _say(answer, status, reason)


async def _say(answer: Send, status: int, reason: str, wait_s: int = 0) -> None:
    body = json.dumps({"detail": reason}).encode()
    headers: Headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what is left of a refused body is not read
    ]
    if wait_s:
        headers.append((b"retry-after", str(wait_s).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await answer({"type": "http.response.start", "status": status, "headers": headers})
    await answer({"type": "http.response.body", "body": body})
