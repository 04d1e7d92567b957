"""One call to an API without Scrapy, for the few questions that a check asks: parameters → the answer's JSON.

It is under the same guards as a crawl: the source's hosts only, and of these only addresses that may be connected to
(`crawlers.network.hosts`; the connection goes to the very address that was checked, so a name cannot resolve
differently in between); the request slots, pauses and hourly calls that all crawls of the machine share. Redirects are
not followed; an answer may have ANSWER_MAX_BYTES and take `timeout_s`, the look-up of the name included. A refusal or
failure is one sentence without the secret: errors of the libraries below hold whole addresses, so none is passed on.
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
from urllib.parse import urlencode, urlsplit

import requests
from requests.adapters import HTTPAdapter

from corpus.errors import StageError
from corpus.text import escaped
from crawlers.network.hosts import address_refusal, is_open, is_through_proxy, url_refusal
from crawlers.network.limits import HostLimits, Wait
from crawlers.network.politeness import FIRST_PAUSE_S, HOST_WIDE_STATUSES, retry_after_s
from crawlers.network.quota import Quota
from crawlers.network.redaction import redacted

ANSWER_MAX_BYTES = 4 << 20
PIECE_BYTES = 1 << 16
SAID_MAX = 120  # characters shown of an answer that is not JSON
TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0  # for each address of a host, so that a dead one leaves time for the next


class CallFailed(StageError):  # noqa: N818 - it says what happened
    """The call brought no usable answer; the text says why."""


class CallPutOff(StageError):  # noqa: N818
    """The call was not made: a limit shared with the crawls does not allow it just now."""


@dataclass(frozen=True)
class _Answered:
    body: bytes = b""
    fault: str = ""
    pause_s: float | None = None  # how long the host asks every client to wait


@dataclass(frozen=True)
class Caller:
    """Asks one API. `hosts`: the source's patterns; `secret`: is removed from every text that leaves here."""

    url: str
    hosts: tuple[str, ...]
    user_agent: str
    limits: HostLimits
    quota: Quota | None = None
    secret: str = field(default="", repr=False)
    timeout_s: float = TIMEOUT_S

    def ask(self, parameters: Mapping[str, str]) -> Any:
        """Return the JSON value of the answer to one call; raises CallFailed or CallPutOff."""
        if (refusal := url_refusal(self.url, self.hosts)) is not None:
            raise CallFailed(refusal)
        host = urlsplit(self.url).hostname
        with self._request_slot():
            answered = self._in_time(f"{self.url}?{urlencode(parameters)}")
        if answered.pause_s is not None:
            self.limits.pause_until(time.time() + answered.pause_s)
        if answered.fault:
            raise CallFailed(f"{host}: {self.clean(answered.fault)}")
        try:
            return json.loads(answered.body)
        except (ValueError, RecursionError):
            text = self._beginning(answered.body)
        raise CallFailed(f"{host}: answers with something other than JSON: {text}")

    @contextmanager
    def _request_slot(self) -> Iterator[None]:
        until_s = time.monotonic() + self.timeout_s
        while (wait := self.limits.try_start(time.time())) is not None:
            if time.monotonic() + wait.seconds > until_s:
                raise _put_off(wait)
            time.sleep(wait.seconds)
        try:
            if self.quota is not None and (wait := self.quota.try_take(time.time())) is not None:
                raise _put_off(wait)
            yield
        finally:
            self.limits.finish()

    def _in_time(self, address: str) -> _Answered:
        """Make a request in a thread that may be left behind: a name service or a dripping server may never end."""
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
            if (refusal := address_refusal(sorted(found), self.hosts)) is not None:
                return _Answered(fault=refusal)
            usable = sorted((ip for ip in found if is_open(ip, self.hosts)), key=lambda ip: ":" in ip)  # IPv4 first
            adapter = _PinnedAdapter(parts.hostname or "") if parts.scheme == "https" else HTTPAdapter(max_retries=0)
            for ip in usable[:-1]:
                try:
                    return self._send(_at(address, ip), adapter, {})
                except requests.ConnectionError:
                    continue
            return self._send(_at(address, usable[-1]), adapter, {})
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the address and so the key
            return _Answered(fault=_sentence(error))

    def _send(self, address: str, adapter: HTTPAdapter, proxies: Mapping[str, str]) -> _Answered:
        headers = {
            "User-Agent": self.user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # an answer that is not packed cannot grow when unpacked
            "Host": urlsplit(self.url).netloc.rpartition("@")[2],
        }
        roots = ssl.get_default_verify_paths()  # the system's certificates, as in a crawl
        with requests.Session() as session:
            session.trust_env = False  # no password from a .netrc, no other proxy than those given
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
        # to the very end: only there does the library notice that a body is shorter than announced
        while len(body) <= ANSWER_MAX_BYTES and (piece := response.raw.read(PIECE_BYTES)):
            body += piece
        if response.status_code != HTTPStatus.OK:
            return _Answered(fault=f"HTTP {response.status_code}: {self._beginning(body)}", pause_s=pause_s)
        if len(body) > ANSWER_MAX_BYTES:
            return _Answered(fault=f"the answer is longer than {ANSWER_MAX_BYTES >> 20} MiB")
        return _Answered(bytes(body))

    def clean(self, text: str) -> str:
        """Return a text from outside without the secret and without control characters."""
        return escaped(redacted(text, self.secret))

    def _beginning(self, body: bytes | bytearray) -> str:
        """Return the first words of a body; it is cut after the secret is removed, or half of one might stay."""
        return self.clean(" ".join(body.decode("utf-8", "replace").split()))[:SAID_MAX]


class _PinnedAdapter(HTTPAdapter):
    """Speaks TLS with a host by its name, although the connection goes to an IP address."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, server_hostname=self.host, **kwargs)


def _put_off(wait: Wait) -> CallPutOff:
    when = f"in {wait.seconds:.0f} s" if wait.seconds >= 1 else "later"
    return CallPutOff(f"not asked: {wait.reason}; ask again {when}")


def _at(address: str, ip: str) -> str:
    parts = urlsplit(address)
    host = f"[{ip}]" if ":" in ip else ip
    return parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()


def _sentence(error: BaseException) -> str:
    """Return what went wrong without the error's own text: the system's error below it, else the error's class."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    said = next((each.strerror for each in _beneath(error) if each.strerror), type(error).__name__)
    return f"no connection, or a broken one: {said}"


def _beneath(error: BaseException) -> Iterator[OSError]:
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        yield error
    for before in (error.__cause__, error.__context__, *error.args):
        if isinstance(before, BaseException):
            yield from _beneath(before)
