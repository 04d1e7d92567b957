"""Access: which requests are answered: by their Host, their Origin, their header against forgery, and their token.

Host: another site's name that was pointed at this machine (DNS rebinding) is not ours. An address as a number is, since
nobody can point it elsewhere. Origin and Sec-Fetch-Site: browsers say which site a request comes from. X-Shutterprint:
a browser sends a header of this kind to another site only after asking, and the answer to that is never yes.
"""

import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
FORGERY_HEADER = "x-shutterprint"
COOKIE = "shutterprint"
SESSION_S = 12 * 3600
TOKEN_MIN_CHARACTERS = 16
TOKEN_VARIABLE = "SHUTTERPRINT_TOKEN"  # noqa: S105 - the name of a variable of the environment

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z._-]+))(?::[0-9]{1,5})?")
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Access:
    """Who may ask."""

    hosts: frozenset[str] = LOOPBACK
    """Names of this machine in the header Host, in lower case."""
    any_address: bool = False
    """Whether an IP address as Host is ours, whichever it is."""
    token: str | None = field(default=None, repr=False)
    """What a client must know; None where everyone who reaches the page may use it."""
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    """Signs sessions; new with each start, so that a restart ends them."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    reason: str


def refusal(access: Access, method: str, path: str, headers: Mapping[str, str], scheme: str) -> Refusal | None:
    """Return why a request is refused before anything of it is looked at; None for one that is answered.

    `headers`: by lower-case name. The token is asked for by `is_signed_in`, since pages without data need none.
    """
    host = headers.get("host", "")
    if not is_ours(access, host):
        return Refusal(421, "This name is not one of this server's; --allow-host adds one.")
    origin = headers.get("origin")
    if origin is not None and not _is_same(origin, scheme, host):
        return Refusal(403, "The request comes from another site.")
    site = headers.get("sec-fetch-site", "none")
    if site not in ("none", "same-origin") and not (method in _SAFE and path == "/"):
        return Refusal(403, "The request comes from another site.")
    if method not in _SAFE and headers.get(FORGERY_HEADER) != "1":
        return Refusal(403, "The header X-Shutterprint: 1 is missing.")
    return None


def is_ours(access: Access, host: str) -> bool:
    """Whether a Host header (name or address, with or without a port) names this server."""
    found = _HOST.fullmatch(host)
    if found is None:
        return False
    name = (found["six"] or found["name"]).lower().removesuffix(".")
    return name in access.hosts or (access.any_address and _is_address(name))


def is_signed_in(
    access: Access, headers: Mapping[str, str], clock: Callable[[], float] = time.time
) -> bool:  # fmt: skip
    """Whether a request has the token (`Authorization: Bearer …`) or a session's cookie, or needs neither."""
    if access.token is None:
        return True
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and is_token(access, given.strip()):
        return True
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return False
    cookie = cookies.get(COOKIE)
    until, _, signature = (cookie.value if cookie else "").partition(".")
    if not (until.isascii() and until.isdigit() and len(until) <= 12):
        return False
    return hmac.compare_digest(signature.encode(), _signature(access, until).encode()) and int(until) > clock()


def is_token(access: Access, given: str) -> bool:
    """Whether a text is the token, in a time that says nothing of how much of it is right."""
    return access.token is not None and hmac.compare_digest(given.encode(), access.token.encode())


def session(access: Access, clock: Callable[[], float] = time.time) -> str:
    """Return the value of a new session's cookie."""
    until = str(int(clock()) + SESSION_S)
    return f"{until}.{_signature(access, until)}"


def access_for(host: str, allowed: tuple[str, ...], token: str | None) -> Access:
    """Return who may ask a server bound to `host`; `allowed`: further names of it."""
    names = frozenset(name.lower().removesuffix(".") for name in allowed)
    if is_loopback(host):
        return Access(LOOPBACK | names | {host.lower()}, token=token)
    own = frozenset() if _is_address(host) else frozenset({host.lower()})
    return Access(LOOPBACK | names | own, any_address=True, token=token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server bound to `host`."""
    return host.lower() == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _signature(access: Access, until: str) -> str:
    return hmac.new(access.secret, until.encode(), hashlib.sha256).hexdigest()


def _is_same(origin: str, scheme: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return (parts.scheme, parts.netloc.lower()) == (scheme, host.lower())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
