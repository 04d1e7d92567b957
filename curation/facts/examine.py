"""Examine: stored originals in, one row of facts each out, written once and never changed.

A batch of originals is one task for a Dask worker: every file is read whole, its SHA-256 compared with the
record's, its header read and its picture decoded (`curation.facts.pixels`). Bytes that are no JPEG and pictures that do
not decode get a row that says so. An original that is missing or is not what its record says gets no row: it is
reported as trouble and examined again by the next run, for the store can be mended and the facts cannot.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from corpus.errors import StorageError
from corpus.records import EXAMINED
from corpus.sections import Curation
from corpus.storage import Store
from curation.facts.pixels import pixel_facts
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

EXAMINER_VERSION = 2
"""Raised whenever the same bytes would give other facts: then every original is examined anew."""
HEADERS = "headers"
"""The kind of examination that decodes nothing."""


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
    """Originals that one task examines, and how."""

    originals: tuple[Original, ...]
    kind: str

    @property
    def path(self) -> str:
        """Where its facts are published: a digest of its input, below the kind of examination."""
        text = json.dumps([(one.photo, one.version, one.sha256) for one in self.originals])
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        return f"{facts_folder(self.kind)}/{digest}.parquet"


@dataclass(frozen=True, slots=True)
class Trouble:
    """An original that could not be examined for a reason that is not in its bytes."""

    key: PhotoKey
    reason: str
    error: str


def kind_of(curation: Curation) -> str:
    """Return the kind of examination that the configuration asks for: `headers`, `decoded`, `decoded-grid` …

    Pixels are looked at only where every original is decoded.
    """
    if not curation.decode:
        return HEADERS
    extras = (("grid", curation.grid), ("first-quality", curation.first_quality))
    return "-".join(["decoded", *(name for name, asked in extras if asked)])


def facts_folder(kind: str) -> str:
    """Return the folder of facts made by today's examiner in one kind of examination."""
    return f"facts/v{EXAMINER_VERSION}-{kind}"


def batches(originals: Sequence[Original], *, batch_photos: int, kind: str) -> Iterator[Batch]:
    """Yield originals in batches, ordered by their keys: a re-run makes the missing batches again, name by name."""
    ordered = sorted(originals, key=lambda one: one.key)
    for start in range(0, len(ordered), batch_photos):
        yield Batch(tuple(ordered[start : start + batch_photos]), kind)


def examine_batch(store: Store, batch: Batch) -> list[Trouble]:
    """Examine a batch, publish its facts whole and return what could not be examined.

    Runs on a Dask worker. Facts that are already there are left alone.
    """
    if store.exists(batch.path):
        return []
    rows, troubles = [], []
    for original in batch.originals:
        result = guarded(original, partial(examine, store, original, batch.kind))
        if isinstance(result, Trouble):
            troubles.append(result)
        else:
            rows.append(result)
    if rows:
        store.publish_table(batch.path, pa.Table.from_pylist(rows, EXAMINED))
    return troubles


def guarded(original: Original, examination: Callable[[], dict[str, Any] | Trouble]) -> dict[str, Any] | Trouble:
    """Return what the examination of one original found; an unexpected error becomes its Trouble."""
    try:
        return examination()
    except Exception as error:  # noqa: BLE001 - one photo of millions must not end the run for all others
        return Trouble(original.key, "not_examined", f"{original.path}: {type(error).__name__}: {error}")


def examine(store: Store, original: Original, kind: str) -> dict[str, Any] | Trouble:
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
    return row | examine_bytes(data, kind)


def examine_bytes(data: bytes, kind: str) -> dict[str, Any]:
    """Return the columns of EXAMINED that the bytes of one whole file give: facts, or the error, and pixels' traces."""
    try:
        facts = read_facts(data, whole=True)
    except JpegError as error:
        return {"error": str(error)}
    row = {"facts": facts_row(facts)}
    return row if kind == HEADERS else row | pixel_facts(data, facts, kind)


def facts_row(facts: PhotoFacts) -> dict[str, Any]:
    """Return facts as a row of the Arrow type FACTS."""
    return {field.name: getattr(facts, field.name) for field in fields(facts)}
