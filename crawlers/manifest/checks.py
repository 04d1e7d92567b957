"""Checks: whether what a manifest asks for may be fetched and believed, before anything is fetched.

A manifest may come from a stranger. Its addresses may name hosts of this machine's own network, its sizes may fill the
disk, and what it says of cameras goes into the rules. Each fault is a ConfigurationError of one sentence.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import ValidationError

from corpus.catalogue import Camera, Catalogue
from corpus.errors import ConfigurationError
from corpus.manifests.about import Learned
from corpus.manifests.reading import Manifest
from corpus.text import escaped
from crawlers.network.hosts import url_refusal
from curation.consensus import ASPECTS, CAMERA, FIELDS, SHOWN
from curation.reasons import REASONS


def check_manifest(manifest: Manifest, hosts: Sequence[str], original_max_bytes: int, *, is_mirrored: bool) -> None:
    """Read a whole manifest and check what it asks for.

    `hosts`: shell-style patterns of those that may be contacted; with a mirror no other address is.
    """
    check_natives(manifest)
    origins: dict[str, str | None] = {}
    first = 0
    for batch in manifest.batches():
        columns = (batch[name].to_pylist() for name in ("photo", "url", "size_bytes", "reasons"))
        for place, (photo, url, size_bytes, reasons) in enumerate(zip(*columns, strict=True)):
            where = f"{escaped(manifest.file)}: row {first + place + 1:,}: {escaped(photo)}"
            if (size_bytes or 0) > original_max_bytes:
                raise ConfigurationError(
                    f"{where} has {size_bytes:,} bytes, more than crawl.original_max_bytes, {original_max_bytes:,}; "
                    "nothing was fetched"
                )
            for reason in reasons or ():
                if reason not in REASONS:
                    raise ConfigurationError(f"{where}: {reason} is not a reason that this program gives")
            if url is None or is_mirrored:
                continue
            origin = "/".join(url.split("/", 3)[:3])
            if origin not in origins:
                origins[origin] = _refusal(url, hosts)
            if (refusal := origins[origin]) is not None:
                raise ConfigurationError(
                    f"{where}: {escaped(refusal)}; nothing was fetched. If you trust it, add it to "
                    "sources.manifest.hosts"
                )
        first += len(batch)


def _refusal(url: str, hosts: Sequence[str]) -> str | None:
    try:
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
