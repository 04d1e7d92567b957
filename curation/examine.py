"""Examine: stored originals in, one row of facts each out, written once and never changed.

A batch of originals is one task for a Dask worker: every file is read whole, its SHA-256 compared with the
record's, its header read and its picture decoded once. Bytes that are no JPEG and pictures that do not decode
get a row that says so. An original that is missing or is not what its record says gets no row: it is reported
as trouble and examined again by the next run, for the store can be mended and the facts cannot.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import pyarrow as pa
import simplejpeg

from corpus.errors import StorageError
from corpus.records import EXAMINED
from corpus.storage import Store
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

EXAMINER_VERSION = 1
"""Raised whenever the same bytes would give other facts: then every original is examined anew."""

DECODED_MAX_PX = 200_000_000
"""Largest picture decoded; the largest native size of any camera on sale is about 150 megapixels."""
COEFFICIENTS_MAX_BYTES = 512 << 20
"""A progressive picture is held whole, two bytes a coefficient, until its last scan has come."""
_COLOUR_SPACES = {4: "CMYK"}


class PhotoKey(NamedTuple):
    """What tells one upload from all others."""

    photo: str
    version: str


@dataclass(frozen=True, slots=True)
class Original:
    """One stored original that waits for examination."""

    photo: str
    version: str
    path: str
    sha256: str

    @property
    def key(self) -> PhotoKey:
        """The upload it is the original of."""
        return PhotoKey(self.photo, self.version)


@dataclass(frozen=True, slots=True)
class Batch:
    """Originals that one task examines."""

    originals: tuple[Original, ...]
    decode: bool

    @property
    def path(self) -> str:
        """Where its facts are published: a digest of its input, below the kind of examination."""
        text = json.dumps([(one.photo, one.version, one.sha256) for one in self.originals])
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        return f"{facts_folder(decode=self.decode)}/{digest}.parquet"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An original that could not be examined for a reason that is not in its bytes."""

    key: PhotoKey
    reason: str
    error: str


def facts_folder(*, decode: bool) -> str:
    """Return the folder of facts made by today's examiner, with or without decoding."""
    return f"facts/v{EXAMINER_VERSION}-{'decoded' if decode else 'headers'}"


def batches(originals: Sequence[Original], *, batch_photos: int, decode: bool) -> Iterator[Batch]:
    """Yield originals in batches, ordered by their keys: a re-run makes the missing batches again, name by name."""
    ordered = sorted(originals, key=lambda one: one.key)
    for start in range(0, len(ordered), batch_photos):
        yield Batch(tuple(ordered[start : start + batch_photos]), decode)


def examine_batch(store: Store, batch: Batch) -> list[Trouble]:
    """Examine a batch, publish its facts whole and return what could not be examined.

    Runs on a Dask worker. Facts that are already there are left alone.
    """
    if store.exists(batch.path):
        return []
    rows, troubles = [], []
    for original in batch.originals:
        result = examine(store, original, decode=batch.decode)
        if isinstance(result, Trouble):
            troubles.append(result)
        else:
            rows.append(result)
    if rows:
        store.publish_table(batch.path, pa.Table.from_pylist(rows, EXAMINED))
    return troubles


def examine(store: Store, original: Original, *, decode: bool) -> dict[str, Any] | Trouble:
    """Return the row of one original (EXAMINED), or why there is none."""
    try:
        data = store.read(original.path)
    except (StorageError, OSError) as error:  # OSError: an unreadable disk or a network store's refusal
        return Trouble(original.key, "original_missing", f"{original.path}: {error}")
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != original.sha256:
        text = f"{original.path}: SHA-256 is {sha256}, its record says {original.sha256}"
        return Trouble(original.key, "original_damaged", text)
    row: dict[str, Any] = {
        "photo": original.photo,
        "version": original.version,
        "original": original.path,
        "sha256": sha256,
        "size_bytes": len(data),
    }
    try:
        facts = read_facts(data, whole=True)
    except JpegError as error:
        return {**row, "error": str(error)}
    return {**row, "facts": facts_row(facts), "pixel_error": pixel_error(data, facts) if decode else None}


def pixel_error(data: bytes, facts: PhotoFacts) -> str | None:
    """Return why a picture does not decode cleanly; None where it does.

    Decoded at an eighth of its size: every coefficient is still read, so that damage is found as in a whole
    decode, in a 64th of the memory. Bounded before decoding by the size the header states.
    """
    size_px = facts.width_px * facts.height_px
    if size_px > DECODED_MAX_PX:
        return f"{facts.width_px}x{facts.height_px} pixels are more than the {DECODED_MAX_PX} that are decoded"
    if facts.coding not in ("baseline", "extended") and size_px * facts.components * 2 > COEFFICIENTS_MAX_BYTES:
        return f"{facts.coding} coding of {facts.width_px}x{facts.height_px} pixels is too large to decode"
    try:
        simplejpeg.decode_jpeg(data, colorspace=_COLOUR_SPACES.get(facts.components, "GRAY"), min_factor=8, strict=True)
    except (ValueError, MemoryError) as error:
        return str(error) or type(error).__name__
    return None


def facts_row(facts: PhotoFacts) -> dict[str, Any]:
    """Return facts as a row of the Arrow type FACTS."""
    return {field.name: getattr(facts, field.name) for field in fields(facts)}
