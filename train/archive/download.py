"""Download: fetches a file handed on from an address that a person typed, together with the file's SHA-256.

The digest says which bytes are wanted, so neither the server nor anybody on the way can give others. The file is kept
by its digest in this user's private folder and fetched once. Another host is never asked: a server that points to one
is refused, and the sentence names it.
"""

import hashlib
import http.client
import re
import ssl
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import temporary_beside
from corpus.text import escaped
from shards.remote.cache import private_folder
from train.archive.reading import ARCHIVE_MAX_BYTES

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_REDIRECTS_MAX = 3
_MOVED = (301, 302, 303, 307, 308)
_TIMEOUT_S = 60.0
_PART_BYTES = 1 << 20
_GRACE_S, _LEAST_BYTES_PER_S = 60.0, 20_000
"""After so many seconds a server must have sent so much a second: one that trickles would keep a command for days."""


def is_address(where: str) -> bool:
    """Whether this is the address of a file on the web."""
    return where.lower().startswith(("https://", "http://"))


def downloaded(address: str) -> Path:
    """Return where the file at `https://…#sha256=<64 hex digits>` is on this machine, after fetching it if need be.

    Plain http is taken from this machine itself only. Raises StorageError for an address without a digest, another
    file than that, a redirect to another host and a file above the limit; StorageUnavailableError where the server does
    not answer.
    """
    url, _, fragment = address.partition("#")
    named = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
    if named is None:
        raise StorageError(
            f"{escaped(address)}: say which file is wanted by its SHA-256: {escaped(url)}#sha256=<64 hex digits>; "
            "`sha256sum model.zip` prints it"
        )
    sha256 = named[1].lower()
    kept = private_folder() / "models" / f"{sha256}.zip"
    if not kept.exists() or _sha256(kept) != sha256:
        kept.parent.mkdir(exist_ok=True, mode=0o700)
        temporary = temporary_beside(kept)
        try:
            found = _fetch(url, temporary)
            if found != sha256:
                raise StorageError(f"{escaped(url)}: the file there has SHA-256 {found}, not {sha256}; it is not read")
            temporary.replace(kept)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return kept


def _fetch(url: str, target: Path) -> str:
    """Write the file at an address and return its SHA-256."""
    began = _split(url)
    for _ in range(1 + _REDIRECTS_MAX):
        parts = _split(url)
        if (parts.scheme, parts.netloc) != (began.scheme, began.netloc):
            raise StorageError(
                f"{escaped(began.netloc)} points to another host, {escaped(parts.netloc)}, which is not asked; give "
                "its address if you trust it"
            )
        connection = _connection(parts)
        try:
            try:
                connection.request("GET", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise _unfetched(url, error) from error
            if response.status in _MOVED:
                url = urljoin(url, response.headers.get("Location", ""))
                continue
            if response.status != http.client.OK:
                raise StorageUnavailableError(f"{escaped(url)}: the server answers {response.status} {response.reason}")
            return _saved(response, target, url)
        finally:
            connection.close()
    raise StorageError(f"{escaped(url)}: the server points from one address to the next without end")


def _saved(response: http.client.HTTPResponse, target: Path, url: str) -> str:
    """Write what the server sends; faults of the disk are not the server's and go through."""
    digest, size_bytes, began_s = hashlib.sha256(), 0, time.monotonic()
    with target.open("xb") as file:
        while part := _part(response, url):
            size_bytes += len(part)
            if size_bytes > ARCHIVE_MAX_BYTES:
                raise StorageError(f"{escaped(url)}: is above {ARCHIVE_MAX_BYTES} bytes; no model is that large")
            if size_bytes < (time.monotonic() - began_s - _GRACE_S) * _LEAST_BYTES_PER_S:
                raise StorageUnavailableError(
                    f"{escaped(url)}: the server sends less than {_LEAST_BYTES_PER_S} bytes a second; try again later"
                )
            digest.update(part)
            file.write(part)
    if response.length:
        raise StorageUnavailableError(
            f"{escaped(url)}: the server has ended {response.length} bytes too early; try again later"
        )
    return digest.hexdigest()


def _part(response: http.client.HTTPResponse, url: str) -> bytes:
    try:
        return response.read1(_PART_BYTES)  # as it comes: `read` would wait for all of these bytes
    except (OSError, http.client.HTTPException) as error:
        raise _unfetched(url, error) from error


def _unfetched(url: str, error: Exception) -> StorageUnavailableError:
    return StorageUnavailableError(f"{escaped(url)}: cannot be fetched: {error}; try again later")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise StorageError(f"{escaped(url)}: is no address: {error}") from error
    if not parts.hostname or parts.username is not None or not re.fullmatch(r"[!-~]+", url):
        raise StorageError(f"{escaped(url)}: is no address like https://host/model.zip")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise StorageError(f"{escaped(url)}: only https is used, and http from this machine itself")
    return parts


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_S)
    return http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT_S, context=ssl.create_default_context())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
