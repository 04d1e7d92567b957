"""Examine: read the facts of stored originals, one row each, written once and never changed.

A batch of originals is one task for a Dask worker: it reads every file whole, compares its SHA-256 with the record's,
reads its header and decodes its picture (`curation.facts.pixels`). Bytes that are no JPEG and pictures that do not
decode get a row that says so. An original that is missing or differs from its record gets no row: it is reported as
trouble, looked at once more by the machine that publishes (`curation.facts.second_look`) and examined again by the next
run, because the store can be repaired and facts never change. A storage that refuses or does not answer, or a package
that a worker lacks, is no trouble of an original: it is raised.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any, NamedTuple, cast

import pyarrow as pa

from corpus.errors import ShutterprintError, StorageError
from corpus.records import EXAMINED, ExaminedRow, FactsRow, full_row
from corpus.sections import Curation
from corpus.storage import Store
from corpus.storage.errors import unavailable
from corpus.storage.kept import ORIGINAL, read_once
from curation.facts.pixels import pixel_facts
from forensics.errors import JpegError
from forensics.header import read_facts
from forensics.photo_facts import PhotoFacts

EXAMINER_VERSION = 3
"""Increase it whenever the same bytes would give other facts: every original is then examined anew."""
ORIGINAL_LOST, ORIGINAL_DAMAGED = "original_lost", "original_damaged"
NOT_EXAMINED, KILLS_EXAMINER = "not_examined", "kills_examiner"
HEADERS = "headers"
"""The kind of examination that decodes nothing."""


class PhotoKey(NamedTuple):
    """The key of one upload."""

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

    @property
    def columns(self) -> dict[str, str]:
        """What its row of EXAMINED says of it, whatever its bytes say."""
        return {"photo": self.photo, "version": self.version, "original": self.path, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Batch:
    """Originals that one task examines, and how."""

    originals: tuple[Original, ...]
    kind: str

    @property
    def path(self) -> str:
        """Where its facts are published: named by a digest of its originals, below the kind of examination."""
        text = json.dumps([(one.photo, one.version, one.sha256) for one in self.originals])
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        return f"{facts_folder(self.kind)}/{digest}.parquet"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why an original could not be examined, where its bytes are not the reason."""

    key: PhotoKey
    reason: str
    error: str

    @property
    def is_death(self) -> bool:
        """Whether it ended its process, or would have for want of memory."""
        return self.reason == KILLS_EXAMINER


def kind_of(curation: Curation) -> str:
    """Return the kind of examination that the configuration asks for: `headers`, `decoded`, `decoded-grid` …

    Pixels are searched only where every original is decoded.
    """
    if not curation.decode:
        return HEADERS
    extras = (("grid", curation.grid), ("first-quality", curation.first_quality))
    return "-".join(["decoded", *(name for name, asked in extras if asked)])


def facts_folder(kind: str) -> str:
    """Return the folder of the facts that today's examiner finds by one kind of examination."""
    return f"facts/v{EXAMINER_VERSION}-{kind}"


def batches(originals: Sequence[Original], *, batch_photos: int, kind: str) -> Iterator[Batch]:
    """Yield originals in batches, ordered by key, so that a re-run makes missing batches under the same names."""
    ordered = sorted(originals, key=lambda one: one.key)
    for start in range(0, len(ordered), batch_photos):
        yield Batch(tuple(ordered[start : start + batch_photos]), kind)


def examine_batch(store: Store, batch: Batch) -> list[Trouble]:
    """Examine a batch, publish its facts whole and return the originals that could not be examined.

    Runs on a Dask worker. Facts that exist already are left alone.
    """
    if store.exists(batch.path):
        return []
    results = [examine_guarded(store, original, batch.kind) for original in batch.originals]
    publish_facts(store, batch, [result for result in results if not isinstance(result, Trouble)])
    return [result for result in results if isinstance(result, Trouble)]


def publish_facts(store: Store, batch: Batch, rows: Sequence[ExaminedRow]) -> None:
    """Publish the facts of a batch; nothing where none of its originals has any."""
    if rows:
        store.publish_table(batch.path, pa.Table.from_pylist(list(rows), EXAMINED))


def guarded(original: Original, examination: Callable[[], ExaminedRow | Trouble]) -> ExaminedRow | Trouble:
    """Return what the examination of one original found; an unexpected error becomes its Trouble.

    Raises StorageUnavailableError where the storage or a disk of this machine is at fault, or a package is missing.
    """
    try:
        return _raising(original, examination)
    except MemoryError:
        return Trouble(original.key, KILLS_EXAMINER, "asking for more memory than its process could get")


def _raising(original: Original, examination: Callable[[], ExaminedRow | Trouble]) -> ExaminedRow | Trouble:
    try:
        return examination()
    except (ShutterprintError, MemoryError):
        raise
    except Exception as error:
        refusal = unavailable(original.path, error)
        if refusal is not None:
            raise refusal from error
        # one photo of millions must not end the run for all others
        return Trouble(original.key, NOT_EXAMINED, f"{original.path}: {type(error).__name__}: {error}")


def examine_guarded(store: Store, original: Original, kind: str) -> ExaminedRow | Trouble:
    """Return the row of one original, or why there is none; see `guarded`."""
    return guarded(original, partial(examine, store, original, kind))


def examine_alone(store: Store, original: Original, kind: str) -> ExaminedRow | Trouble:
    """Do as `examine_guarded`, but raise MemoryError: `Alone` knows whether its limit or the machine's was reached."""
    return _raising(original, partial(examine, store, original, kind))


def examine(store: Store, original: Original, kind: str) -> ExaminedRow | Trouble:
    """Return the row of one original, or why there is none."""
    data = stored_bytes(store, original)
    if isinstance(data, Trouble):
        return data
    row: ExaminedRow = full_row(ExaminedRow, examine_bytes(data, kind) | original.columns)
    row["size_bytes"] = len(data)
    return row


def stored_bytes(store: Store, original: Original) -> bytes | Trouble:
    """Return an original's bytes, or the Trouble that they are gone or not those of its record."""
    try:
        data = read_once(store, original.path, ORIGINAL)
    except StorageError:
        return Trouble(original.key, ORIGINAL_LOST, f"{original.path}: the storage has no such file")
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != original.sha256:
        text = f"{original.path}: SHA-256 is {sha256}, its record says {original.sha256}"
        return Trouble(original.key, ORIGINAL_DAMAGED, text)
    return data


def examine_bytes(data: bytes, kind: str) -> dict[str, Any]:
    """Return the columns of EXAMINED that the bytes of a whole file give: facts and traces in pixels, or the error."""
    try:
        facts = read_facts(data, whole=True)
    except JpegError as error:
        return {"error": str(error)}
    if kind == HEADERS:
        return {"facts": facts_row(facts)}
    columns, oddities = pixel_facts(data, facts, kind)
    return {"facts": facts_row(replace(facts, oddities=oddities))} | columns


def facts_row(facts: PhotoFacts) -> FactsRow:
    """Return facts as a row."""
    return cast(FactsRow, {field.name: getattr(facts, field.name) for field in fields(facts)})
