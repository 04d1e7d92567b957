"""Thumbnails: draws originals, and the thumbnails of refused photos, as small JPEGs for the report.

Pictures are decoded at a reduced scale, so that 100 megapixels cost little memory; a file whose stated size or number
of scans would cost more than a photograph may is refused. A thumbnail has no EXIF, equal bytes give equal thumbnails,
and a damaged picture is shown as far as it decodes.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from PIL import Image

from corpus.errors import StorageError
from corpus.page import Tile, jpeg_address
from corpus.records import CURATED, REFUSED_PICTURES
from corpus.storage import Store
from corpus.storage.kept import ORIGINAL, KeptStore, read_once
from corpus.takedowns import READ_AT_ONCE
from curation.generations import Past
from curation.judging.counts import SAMPLES, sample_of
from forensics.pixels.reduced import decode_reduced

EDGE_PX = 144
"""Longer edge of a thumbnail: six of them, as the report shows for each reason, take about 100 kB."""

_ORIGINAL_MAX_BYTES = 256 << 20
_JPEG_QUALITY = 72

Sample = Mapping[str, Any]


def thumbnail(data: bytes) -> bytes | None:
    """Return the picture in `data` as a JPEG of at most EDGE_PX a side, as stored, not turned by its EXIF.

    None where it does not decode at all, or costs too much.
    """
    pixels = decode_reduced(data, EDGE_PX)
    if pixels is None:
        return None
    picture = Image.fromarray(pixels)
    picture.thumbnail((EDGE_PX, EDGE_PX), Image.Resampling.LANCZOS)
    drawn = io.BytesIO()
    picture.save(drawn, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return drawn.getvalue()


@dataclass(frozen=True)
class RefusedPictures:
    """The EXIF thumbnails that crawls kept of a few refused photos: JPEG bytes by (photo, version)."""

    jpegs: Mapping[tuple[str, str], bytes]

    @classmethod
    def read(cls, store: Store) -> Self:
        """Return those of a store; what is damaged, or has been removed meanwhile, is left out."""
        folders = [f"{REFUSED_PICTURES}/{source}" for source in store.names(REFUSED_PICTURES)]
        folders = [f"{folder}/{reason}" for folder in folders for reason in store.names(folder)]
        paths = [f"{folder}/{name}" for folder in folders for name in store.names(folder)]
        with ThreadPoolExecutor(READ_AT_ONCE) as threads:
            return cls(dict(found for found in threads.map(partial(_refused_picture, store), paths) if found))

    def samples(self, past: Past, samples: Mapping[str, Sequence[Sample]]) -> dict[str, list[Sample]]:
        """Return samples of each reason: photos with an original, then those of `jpegs`, then any other.

        `past`: the generation; `samples`: photos as in `curation.judging.counts.Tally.samples`.
        """
        seen: dict[str, list[Sample]] = {reason: list(some) for reason, some in samples.items()}
        wanted = [[("photo", "in", sorted({photo for photo, _ in self.jpegs}))]]
        rows = past.matching(wanted, list(CURATED.names)) if self.jpegs else []
        for row in sorted(rows, key=lambda row: (row["photo"], row["version"])):
            for reason in row["reasons"] if (row["photo"], row["version"]) in self.jpegs else ():
                seen.setdefault(reason, []).append(sample_of(row))
        return {reason: self._best(some) for reason, some in seen.items()}

    def _best(self, samples: Sequence[Sample]) -> list[Sample]:
        distinct = {(one["photo"], one["version"]): one for one in samples}
        return sorted(distinct.values(), key=self._rank)[:SAMPLES]

    def _rank(self, sample: Sample) -> int:
        if sample["original"]:
            return 0
        return 1 if (sample["photo"], sample["version"]) in self.jpegs else 2


def thumbnails(
    store: Store, samples: Mapping[str, Sequence[Sample]], pictures: RefusedPictures | None = None
) -> dict[str, list[Tile]]:
    """Return tiles for the report, by reason.

    `samples`: by reason, each with `photo`, `version`, `value` (what the rule objected to), `page_url` and `original`,
    a path in the store or None. Of a sample without original, `pictures` may have a thumbnail. A tile has no picture
    where there is neither, or it does not decode.
    """
    jpegs = pictures.jpegs if pictures else {}
    return {reason: [_tile(store, sample, jpegs) for sample in some] for reason, some in samples.items()}


def _tile(store: Store, sample: Sample, jpegs: Mapping[tuple[str, str], bytes]) -> Tile:
    caption = f"{sample['photo']}: {sample['value']}" if sample["value"] else str(sample["photo"])
    data = _original(store, sample["original"]) or jpegs.get((sample["photo"], sample.get("version") or ""))
    # drawn anew, so that nothing but the picture enters the report
    drawn = thumbnail(data) if data else None
    return Tile(None if drawn is None else jpeg_address(drawn), caption, sample["page_url"])


def _original(store: Store, original: str | None) -> bytes | None:
    if original is None:
        return None
    try:
        if not isinstance(store, KeptStore) and store.size_bytes(original) > _ORIGINAL_MAX_BYTES:
            return None
        data = read_once(store, original, ORIGINAL)  # of a KeptStore it is mostly here already
        return data if len(data) <= _ORIGINAL_MAX_BYTES else None
    except StorageError:  # taken down since; the report can do without
        return None


def _refused_picture(store: Store, path: str) -> tuple[tuple[str, str], bytes] | None:
    try:
        value = store.read_json(path)
        return (str(value["photo"]), str(value["version"] or "")), base64.b64decode(value["jpeg"], validate=True)
    except (StorageError, OSError, KeyError, TypeError, ValueError):
        return None
