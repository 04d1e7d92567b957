"""One call to an API without Scrapy, for commands that ask a handful of questions: parameters in, its JSON out.

It keeps all that a crawl keeps: only allow-listed hosts, and of these only addresses that may be connected to (the
connection is made to the very address that was looked at, so a name cannot lead elsewhere in between); turns, pauses
and the hourly calls of a key that all crawls of the machine share. Redirects are not followed, answers end at
ANSWER_MAX_BYTES and after `timeout_s`, looking the name up included. What is refused or fails is one sentence, in which
the secret never stands: errors of the libraries below hold whole addresses, so none is passed on.
"""

import json
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus, urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter

from corpus.errors import StageError
from corpus.text import escaped
from crawlers.network.hosts import is_allowed, is_open, is_through_proxy
from crawlers.network.limits import Lane
from crawlers.network.politeness import ASKING_ANEW_S, FIRST_PAUSE_S, HOST_WIDE_STATUSES, retry_after_s
from crawlers.network.quota import Quota
from crawlers.network.redaction import redacted

ANSWER_MAX_BYTES = 4 << 20
PIECE_BYTES = 1 << 16
SAID_MAX = 120
"""Letters shown of an answer that is none."""
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
"""For each address of a host, so that one that is dead leaves time for the next."""


class CallFailed(StageError):  # noqa: N818 - it says what happened
    """The call brought no answer; the text says why."""


class CallPutOff(StageError):  # noqa: N818
    """The call was not made: a limit that is kept together with the crawls has no room for it just now."""


@dataclass(frozen=True)
class _Answered:
    """What came of a request: a body, or the sentence that says what went wrong."""

    body: bytes = b""
    fault: str = ""
    pause_s: float | None = None
    """What the host asks all to wait for."""


@dataclass(frozen=True)
class Caller:
    """Asks one API. `hosts`: the source's patterns; `secret`: what stands in no text that leaves here."""

    url: str
    hosts: tuple[str, ...]
    user_agent: str
    lane: Lane
    quota: Quota | None = None
    secret: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S

    def ask(self, parameters: Mapping[str, str]) -> Any:
        """Return the JSON value of the answer to one call; raises CallFailed or CallPutOff."""
        host = urlsplit(self.url).hostname
        if not is_allowed(self.url, self.hosts):
            raise CallFailed(f"host {host} is not one of the source's hosts: {', '.join(self.hosts)}")
        with self._turn():
            answered = self._in_time(f"{self.url}?{urlencode(parameters)}")
        if answered.pause_s is not None:
            self.lane.pause_until(time.time() + answered.pause_s)
        if answered.fault:
            raise CallFailed(f"{host}: {self.clean(answered.fault)}")
        try:
            return json.loads(answered.body)
        except (ValueError, RecursionError):
            text = self._beginning(answered.body)
        raise CallFailed(f"{host}: answers with something other than JSON: {text}")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        until_s = time.monotonic() + self.timeout_s
        while not self.lane.take_turn():
            if time.monotonic() > until_s:
                raise CallPutOff("not asked: crawls hold all turns at this host; ask again later")
            time.sleep(ASKING_ANEW_S)
        try:
            while (wait_s := self.lane.wait_s(time.time())) > 0:
                if time.monotonic() + wait_s > until_s:
                    raise CallPutOff(f"not asked: the host wants a pause of {wait_s:.0f} s more; ask again then")
                time.sleep(wait_s)
            if self.quota is not None and (wait_s := self.quota.take(time.time())) > 0:
                raise CallPutOff(f"not asked: the key's calls are spent; the next one is granted in {wait_s:.0f} s")
            yield
        finally:
            self.lane.give_turn_back()

    def _in_time(self, address: str) -> _Answered:
        """Do a request in a thread that may be left behind: neither a name service nor a dripping server ends."""
        answers: list[_Answered] = []
        thread = threading.Thread(target=lambda: answers.append(self._request(address)), daemon=True)
        thread.start()
        thread.join(self.timeout_s)
        return answers[0] if answers else _Answered(fault=f"no whole answer within {self.timeout_s:g} s")

    def _request(self, address: str) -> _Answered:
        parts = urlsplit(address)
        try:
            if is_through_proxy(address):
                return self._send(address, HTTPAdapter(max_retries=0), urllib.request.getproxies())
            port = parts.port or (443 if parts.scheme == "https" else 80)
            found = {str(info[4][0]) for info in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
            usable = sorted((ip for ip in found if is_open(ip, self.hosts)), key=lambda ip: ":" in ip)
            if not usable:
                return _Answered(
                    fault=f"leads to {', '.join(sorted(found))}, which is not public; if that is meant, name the "
                    "address in the source's hosts"
                )
            for ip in usable[:-1]:
                try:
                    return self._send(_at(address, ip), _adapter(address), {})
                except requests.ConnectionError:
                    continue
            return self._send(_at(address, usable[-1]), _adapter(address), {})
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the address and so the key
            return _Answered(fault=_sentence(error))

    def _send(self, address: str, adapter: HTTPAdapter, proxies: Mapping[str, str]) -> _Answered:
        headers = {
            "User-Agent": self.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # what is not packed cannot unpack to more
            "Host": urlsplit(self.url).netloc.rpartition("@")[2],
        }
        roots = ssl.get_default_verify_paths()  # the system's own, as the crawl's
        with requests.Session() as session:
            session.trust_env = False  # no password out of a .netrc, no proxy but those named here
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            with session.get(
                address,
                headers=headers,
                proxies=dict(proxies),
                timeout=(CONNECT_TIMEOUT_S, self.timeout_s),
                verify=roots.cafile or roots.capath or True,
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(response)

    def _read(self, response: requests.Response) -> _Answered:
        asked_s = retry_after_s(response.headers.get("Retry-After"), datetime.now(UTC))
        pause_s = (asked_s or FIRST_PAUSE_S) if response.status_code in HOST_WIDE_STATUSES else None
        if response.is_redirect:
            to = urlsplit(response.headers["Location"]).hostname or "another path"
            return _Answered(
                fault=f"redirects to {to} (HTTP {response.status_code}), which is not followed; correct api_url"
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return _Answered(fault="sends a compressed answer though asked not to")
        body = bytearray()
        # to the very end: only there the library notices that a body is shorter than was announced
        while len(body) <= ANSWER_MAX_BYTES and (piece := response.raw.read(PIECE_BYTES)):
            body += piece
        if response.status_code != HTTPStatus.OK:
            return _Answered(fault=f"HTTP {response.status_code}: {self._beginning(body)}", pause_s=pause_s)
        if len(body) > ANSWER_MAX_BYTES:
            return _Answered(fault=f"the answer is longer than {ANSWER_MAX_BYTES >> 20} MiB")
        return _Answered(bytes(body))

    def clean(self, text: str) -> str:
        """Return a stranger's text without the secret, however it is written, and without control characters."""
        return escaped(without_secret(text, self.secret))

    def _beginning(self, body: bytes | bytearray) -> str:
        """Return the first words of a body; cut only when the secret is out of it, or half of one might stay."""
        return self.clean(" ".join(body.decode("utf-8", "replace").split()))[:SAID_MAX]


class _PinnedAdapter(HTTPAdapter):
    """Speaks TLS with a host by its name, to whichever address the connection goes."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self.host, **kwargs)


def without_secret(text: str, secret: str) -> str:
    """Return a text without a secret, as it is or as it stands in addresses."""
    for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret)):
        text = redacted(text, form)
    return text


def _adapter(address: str) -> HTTPAdapter:
    parts = urlsplit(address)
    return _PinnedAdapter(parts.hostname or "") if parts.scheme == "https" else HTTPAdapter(max_retries=0)


def _at(address: str, ip: str) -> str:
    """Return an address whose host is an IP address."""
    parts = urlsplit(address)
    host = f"[{ip}]" if ":" in ip else ip
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _sentence(error: BaseException) -> str:
    """Return what went wrong without the error's own text: that of the system's error beneath it, or its kind."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    said = next((each.strerror for each in _beneath(error) if each.strerror), type(error).__name__)
    return f"no connection, or a broken one: {said}"


def _beneath(error: BaseException) -> Iterator[OSError]:
    """Yield the system's errors that led to one of a library."""
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        yield error
    for before in (error.__cause__, error.__context__, *error.args):
        if isinstance(before, BaseException):
            yield from _beneath(before)
