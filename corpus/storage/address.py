"""Address: the URL of a storage → the store there, or what is wrong with the URL."""

import re
from pathlib import Path

from corpus.errors import ConfigurationError
from corpus.storage.store import Store
from corpus.text import escaped

_SUPPORTED = ("file://", "s3://")
_SCHEMES = ("s3", "memory")
"""Schemes of object stores; `memory` is one process's own, for tests."""


def storage_fault(url: str) -> str | None:
    """Return what is wrong with the address of a storage, as the end of a sentence; None where nothing is."""
    scheme, separator, rest = url.partition("://")
    if not url.strip() or "\0" in url:
        return "is not a folder; give a path or s3://bucket/prefix"
    if not separator:
        beginning = re.match(r"[a-z][a-z0-9+]+:/", url)  # also what `//` becomes when a path is normalised
        return f"is not a folder's path; did you mean {beginning[0]}/…?" if beginning else None
    if "::" in url and (scheme != "file" or "://" in rest):
        return "is not one address; chains of file systems (`::`) are not supported"
    if scheme == "file":
        return None if rest.startswith("/") else "is not a folder on this machine; write file:///path or the path alone"
    if scheme not in _SCHEMES:
        return f"is not a storage that is supported: {scheme}:// is none of a folder, {', '.join(_SUPPORTED)}"
    return None if rest.strip("/") else f"is not whole; write {scheme}://bucket/prefix"


def open_store(url: str, base: Path | None = None) -> Store:
    """Return the store at `url`; a relative folder starts at `base` (default: the working directory).

    `file:///path` is the folder `/path`. Raises ConfigurationError for other addresses than of a folder or of S3.
    """
    if fault := storage_fault(url):
        raise ConfigurationError(f"storage: {escaped(url)} {fault}")
    if "://" in url and not url.startswith("file://"):
        return Store(url.rstrip("/"))
    try:
        folder = Path(url.removeprefix("file://")).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"storage: {escaped(url)}: {error}") from error
    return Store(str((base or Path.cwd()).joinpath(folder).resolve()))
