"""Checks: whether what a manifest asks for may be fetched and believed, before anything is fetched.

A manifest may come from a stranger. Its addresses may name hosts of this machine's own network, its sizes may fill the
disk, its keys may be those under which a later crawl looks for other photographs, and what it says of cameras goes into
the rules. Each fault is a ConfigurationError of one sentence.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from pydantic import ValidationError

from corpus.cameras.catalogue import Camera, Catalogue
from corpus.errors import ConfigurationError
from corpus.manifests.about import Learned
from corpus.manifests.reading import Manifest
from corpus.records import version_of
from corpus.text import escaped
from crawlers.network.hosts import url_refusal
from curation.consensus import ASPECTS, CAMERA, FIELDS, SHOWN
from curation.reasons import REASONS

_CHECKED = ("photo", "version", "source", "kept", "url", "sha256", "size_bytes", "reasons")


def check_manifest(manifest: Manifest, hosts: Sequence[str], original_max_bytes: int, *, is_mirrored: bool) -> None:
    """Read a whole manifest and check what it asks for.

    `hosts`: shell-style patterns of those that may be contacted; with a mirror no other address is.
    """
    check_natives(manifest)
    origins: dict[str, str | None] = {}
    first = 0
    for batch in manifest.batches():
        columns = (batch[name].to_pylist() for name in _CHECKED)
        for place, (photo, version, source, kept, url, sha256, size_bytes, reasons) in enumerate(
            zip(*columns, strict=True)
        ):
            where = f"{escaped(manifest.file)}: row {first + place + 1:,}: {escaped(photo)}"
            if (size_bytes or 0) > original_max_bytes:
                raise ConfigurationError(
                    f"{where} has {size_bytes:,} bytes, more than crawl.original_max_bytes, {original_max_bytes:,}; "
                    "nothing was fetched"
                )
            for reason in reasons or ():
                if reason not in REASONS:
                    raise ConfigurationError(f"{where}: {reason} is not a reason that this program gives")
            origin = "/".join((url or "").split("/", 3)[:3])
            if origin not in origins:
                origins[origin] = None if url is None or is_mirrored else _refusal(url, hosts)
            if (refusal := origins[origin]) is not None:
                raise ConfigurationError(
                    f"{where}: {escaped(refusal)}; nothing was fetched. If you trust it, add it to "
                    "sources.manifest.hosts"
                )
            if source is not None and source != photo.partition(":")[0]:
                raise ConfigurationError(f"{where} is said to be of another source, {source}; nothing was fetched")
            is_fetched = kept is not False or (url is not None and sha256 is not None)
            if is_fetched and not _is_version_of(photo, version, url, sha256):
                raise ConfigurationError(
                    f"{where}: version {version} is not the one that a crawl gives to "
                    f"{escaped(str(url or sha256))[:80]}; nothing was fetched"
                )
        first += len(batch)


def _is_version_of(photo: str, version: str, url: str | None, sha256: str | None) -> bool:
    """Whether a version is made of the address or the digest as the crawl of its source makes it.

    Else a list could put other bytes where a later crawl takes an upload for one that it has. Those of Wikimedia are
    made of SHA-1, so the downloaded bytes tell (`crawlers.manifest.originals`).
    """
    match photo.partition(":")[0]:
        case "flickr":
            made_of = [_path(url)]
        case "folder":
            made_of = [sha256]
        case "manifest":
            made_of = [sha256, url]
        case _:
            return True
    return version in [version_of(identity) for identity in made_of if identity is not None]


def _path(url: str | None) -> str | None:
    try:
        return None if url is None else urlsplit(url).path
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    """Whether a host is an address of this machine, which only a configuration that names it lets through."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(url: str, hosts: Sequence[str]) -> str | None:
    try:
        port, host = urlsplit(url).port, urlsplit(url).hostname or ""
        if port not in (None, 80, 443) and not _is_loopback(host):
            return f"port {port} of {host} is not asked for files"
        return url_refusal(url, hosts)
    except ValueError as error:  # brackets that close nothing, a port that is no number
        return f"{url[:80]} is not an address: {error}"


def check_natives(manifest: Manifest) -> None:
    """Check what a manifest says of cameras as a catalogue's entries are checked."""
    by_camera: dict[str, list[Learned]] = defaultdict(list)
    for row in manifest.about.natives:
        if row.aspect not in (CAMERA, *ASPECTS, *SHOWN):
            raise ConfigurationError(
                f"{escaped(manifest.file)}: {row.camera}: {escaped(row.aspect)[:80]!r} is nothing that is learned"
            )
        by_camera[row.camera].append(row)
    for camera, rows in by_camera.items():
        check_camera(camera, rows, escaped(manifest.file))


def check_camera(camera: str, rows: Iterable[Learned], name: str) -> Catalogue:
    """Check one camera's native values; returns them as a catalogue of this camera."""
    values: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.native and row.aspect in FIELDS:
            values[FIELDS[row.aspect]].append(row.value)
    named = {
        "key": camera,
        "name": camera,
        "make": ["-"],
        "model": ["-"],
        "sizes": values.pop("sizes", None) or ["10x10"],
    }
    try:
        return Catalogue(cameras=(Camera.model_validate(named | values),))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigurationError(
            f"{name}: {camera}: what was learned of it is wrong: {where}: {first['msg']}"
        ) from error
