"""Listing: a file that lists a data set → the checked manifest in the store, and its rows as windows of photos.

The manifest stands at `manifests/<digest>.parquet`, where curation finds what it says beside addresses. The digest is
of the file and of how its columns are mapped, so the same command goes on where it was.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError
from corpus.manifests.about import KEY
from corpus.manifests.handed_on import FOLDER, leave_out
from corpus.manifests.reading import Manifest, open_manifest, table_of
from corpus.storage import Store
from corpus.takedowns import taken_down
from corpus.text import escaped
from crawlers.manifest.checks import check_manifest
from crawlers.manifest.foreign import parse_columns, write_list
from crawlers.manifest.originals import ManifestPhoto
from crawlers.vetting.door import Refused
from crawlers.windows.records import Row, refused

Said = dict[str, Any]


@dataclass(frozen=True)
class Window:
    """Rows of a manifest that are crawled in one go."""

    name: str
    details: dict[str, Any]
    rows: list[Said]


@dataclass(frozen=True)
class Listing:
    """A manifest that was checked and stands in the store."""

    digest: str
    manifest: Manifest
    rows: int

    def windows(self) -> Iterator[Window]:
        """Yield all rows in their order."""
        first = 0
        for batch in self.manifest.batches():
            rows = batch.to_pylist()
            details = {"manifest": self.digest, "first": first, "rows": len(rows)}
            yield Window(f"{self.digest}-{first:08d}-{len(rows)}", details, rows)
            first += len(rows)


def take_in(
    store: Store,
    file: str,
    columns: str,
    hosts: Sequence[str],
    original_max_bytes: int,
    folder: Path,
    *,
    is_mirrored: bool,
) -> Listing:
    """Check a file, publish it as a manifest of the store and return it; nothing is published where a check fails.

    `columns`: how those of a list by others are mapped. `folder`: a temporary folder of this crawl. Raises
    ConfigurationError.
    """
    if not file:
        raise ConfigurationError("-a file=FILE: is missing; name the manifest, or a list of addresses (CSV or Parquet)")
    path = Path(file).expanduser()
    mapping = parse_columns(columns)
    if not path.is_file():
        raise ConfigurationError(f"-a file={escaped(file)}: there is no such file")
    with path.open("rb") as opened:
        hashed = hashlib.file_digest(opened, "sha256")
    digest = hashlib.sha256(repr((hashed.hexdigest(), sorted(mapping.items()))).encode()).hexdigest()[:16]
    if mapping or path.suffix.lower() in (".csv", ".tsv") or KEY not in (table_of(path)[0].metadata or {}):
        listed = folder / f"{digest}.parquet"
        write_list(path, mapping, listed)
        path = listed
    manifest = open_manifest(path)
    check_manifest(manifest, hosts, original_max_bytes, is_mirrored=is_mirrored)
    published = f"{FOLDER}/{digest}.parquet"
    if not store.exists(published):
        # without what is forgotten from the first moment on: nothing looks at a manifest again that is there
        remaining, forgotten = folder / f"{digest}-remaining.parquet", taken_down(store)
        with path.open("rb") as opened:
            left_out = leave_out(opened, forgotten, remaining) if forgotten else None
        store.publish_file(published, remaining if left_out else path)
    return Listing(digest, manifest, manifest.rows)


def photo_of(said: Said) -> ManifestPhoto:
    """Return a photo as its row lists it."""
    return ManifestPhoto(
        photo=said["photo"],
        source=said["source"] or said["photo"].partition(":")[0],
        version=said["version"] or None,
        page_url=said["page_url"],
        original_url=said["url"],
        title=said["title"],
        owner_id=said["owner"],
        owner_name=said["author"],
        licence=said["licence"],
        licence_url=said["licence_url"],
        uploaded_at=said["uploaded_at"],
        claimed_camera=said["camera"],
        labelled_camera=said["camera"] if said["is_labelled"] else None,
        size_bytes=said["size_bytes"],
        wanted_sha256=said["sha256"],
        has_verdict=said["kept"] is not None,
    )


def refused_row(said: Said) -> Row:
    """Return the row of a photo that is not fetched, with the reasons that the manifest gives."""
    return refused(photo_of(said), Refused(tuple(said["reasons"] or ())))


def is_wanted(said: Said, *, with_refused: bool) -> bool:
    """Whether the original of a row is fetched; of a refused one only on request, and where its bytes are known."""
    if said["kept"] is None or said["kept"]:
        return True
    return with_refused and said["url"] is not None and said["sha256"] is not None
