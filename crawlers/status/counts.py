"""Counts of what a source's whole windows hold: photos by camera and state, reasons, failures; each upload once.

An upload (photo and version) is in several windows where several queries find it. Then the state furthest along counts
(deleted, else stored, else refused, else failed), for the camera under which the upload was met first. Windows are read
in batches, and only the columns that are counted; a photo takes some 100 bytes of memory. A window that cannot be read
is listed in `troubles`, and none of its rows count.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.errors import StorageError, StorageUnavailableError
from corpus.storage import Store
from corpus.storage.parquet import open_parquet

WITHOUT_CAMERA = "-"
READ_AT_ONCE = 16  # windows read at the same time: an object store takes 30 ms for each, however small
BATCH_WINDOWS = 256

COLUMNS = ("photo", "version", "state", "claimed_camera", "size_bytes", "reasons")
FAILURE_COLUMNS = ("error", "http_status", "attempts", "failed_at")
_FURTHEST_LAST = ("failed", "refused", "stored", "deleted")
_HAVE_ORIGINALS = ("stored", "deleted")

Row = dict[str, Any]


@dataclass
class Tally:
    """The photos found under one camera, by state."""

    found: int = 0
    stored: int = 0
    refused: int = 0
    failed_transient: int = 0
    failed_final: int = 0
    deleted: int = 0  # stored, and since deleted at the site; their originals stay in the store
    size_bytes: int = 0  # size of all originals in the store
    next_attempt: str | None = None  # when the first of the failed photos is tried again, ISO 8601, UTC


@dataclass(frozen=True)
class Failure:
    """A photo whose download has failed so far."""

    photo: str
    camera: str
    error: str
    http_status: int | None
    attempts: int
    failed_at: str | None
    next_attempt: str | None  # None where it is not tried again


@dataclass
class SourceCounts:
    """The counts of one source."""

    source: str
    windows: list[dict[str, Any]] = field(default_factory=list)  # the `details` of every whole window's marker
    cameras: dict[str, Tally] = field(default_factory=dict)
    refusals: dict[str, dict[str, int]] = field(default_factory=dict)  # by reason and camera; photos may have several
    failures: list[Failure] = field(default_factory=list)  # by the next attempt; final ones last
    query_cameras: dict[str, str] = field(default_factory=dict)  # the camera under which each query's photos were found
    troubles: list[str] = field(default_factory=list)


def count_windows(store: Store, source: str) -> SourceCounts:
    """Read all whole windows of a source and return its counts."""
    counts, uploads = SourceCounts(source), _Uploads()
    for path, window in _windows(store, source):
        if isinstance(window, str):
            counts.troubles.append(f"{path}: {window}")
        elif window is not None:
            details, retry, rows = window
            counts.windows.append(details)
            for row in rows:
                uploads.add(row, retry)
            if rows and "query" in details and rows[0]["claimed_camera"]:
                counts.query_cameras.setdefault(str(details["query"]), rows[0]["claimed_camera"])
    uploads.finish(counts)
    return counts


class _Uploads:
    def __init__(self) -> None:
        # (rank of the state, camera, reasons) by a hash of photo and version; of a billion uploads, two might collide
        self.seen: dict[int, tuple[int, str, tuple[str, ...]]] = {}
        self.kinds: dict[tuple[int, str, tuple[str, ...]], tuple[int, str, tuple[str, ...]]] = {}
        self.failures: dict[int, Failure] = {}
        self.sizes_bytes: Counter[str] = Counter()

    def add(self, row: Row, retry: dict[str, str]) -> None:
        """Count a row; `retry`: when the window's failed photos are tried again, by photo."""
        key, state = hash((row["photo"], row["version"])), row["state"]
        rank = _FURTHEST_LAST.index(state)
        before = self.seen.get(key)
        camera = before[1] if before else row["claimed_camera"] or WITHOUT_CAMERA
        if state == "failed" and (before is None or before[0] == rank):
            what = {name: row[name] for name in FAILURE_COLUMNS}
            failure = Failure(photo=row["photo"], camera=camera, next_attempt=retry.get(row["photo"]), **what)
            if key not in self.failures or self.failures[key].next_attempt is None:
                self.failures[key] = failure
        if before is not None and before[0] >= rank:
            return
        if state != "failed":
            self.failures.pop(key, None)
        had_original = before is not None and _FURTHEST_LAST[before[0]] in _HAVE_ORIGINALS
        if state in _HAVE_ORIGINALS and not had_original:
            self.sizes_bytes[camera] += row["size_bytes"] or 0
        kind = (rank, camera, tuple(row["reasons"] or ()))
        self.seen[key] = self.kinds.setdefault(kind, kind)  # millions of photos share few kinds: one object each

    def finish(self, counts: SourceCounts) -> None:
        """Write the sums into a source's counts."""
        tallies: defaultdict[str, Tally] = defaultdict(Tally)
        refusals: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (rank, camera, reasons), number in Counter(self.seen.values()).items():
            tallies[camera].found += number
            state = _FURTHEST_LAST[rank]
            if state != "failed":
                setattr(tallies[camera], state, getattr(tallies[camera], state) + number)
            if state == "refused":
                for reason in reasons:
                    refusals[reason][camera] += number
        for failure in self.failures.values():
            tally = tallies[failure.camera]
            tally.failed_final += failure.next_attempt is None
            tally.failed_transient += failure.next_attempt is not None
            if failure.next_attempt is not None:
                tally.next_attempt = min(tally.next_attempt or failure.next_attempt, failure.next_attempt)
        for camera, size_bytes in self.sizes_bytes.items():
            tallies[camera].size_bytes = size_bytes
        counts.cameras = dict(sorted(tallies.items()))
        counts.refusals = {reason: dict(sorted(refusals[reason].items())) for reason in sorted(refusals)}
        counts.failures = sorted(self.failures.values(), key=lambda each: (each.next_attempt or "~", each.photo))


Window = tuple[dict[str, Any], dict[str, str], list[Row]]  # details, when each failed photo is retried, rows


def _windows(store: Store, source: str) -> Iterator[tuple[str, Window | str | None]]:
    """Yield every window's path with its content, None where it is not whole, or a text where it cannot be read."""
    names = [name for name in store.names(f"crawl/{source}") if not name.startswith("_")]
    paths = [f"crawl/{source}/{name}" for name in names]
    with ThreadPoolExecutor(READ_AT_ONCE) as threads:
        for first in range(0, len(paths), BATCH_WINDOWS):
            batch = paths[first : first + BATCH_WINDOWS]
            yield from zip(batch, threads.map(lambda path: _window(store, path), batch), strict=True)


def _window(store: Store, path: str) -> Window | str | None:
    try:
        marker = store.done(path)
        if marker is None:
            return None
        rows = _rows(store.read(f"{path}/records.parquet"))
        return dict(marker["details"]), dict(marker.get("retry", {})), rows
    except StorageUnavailableError as error:
        store.exists(path)  # raises where the whole storage does not answer; else this window's files are unreadable
        return f"cannot be read ({error})"
    except (StorageError, pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"cannot be read ({type(error).__name__}: {error})"


def _rows(data: bytes) -> list[Row]:
    file = open_parquet(pa.BufferReader(data))
    rows = _columns(file, COLUMNS)
    for row in rows:
        if row["state"] not in _FURTHEST_LAST:
            raise ValueError(f"a photo's state is {row['state']!r}")
    if any(row["state"] == "failed" for row in rows):  # few windows have one, and columns cost as much as rows
        for row, more in zip(rows, _columns(file, FAILURE_COLUMNS), strict=True):
            row |= more
    return rows


def _columns(file: pq.ParquetFile, names: Sequence[str]) -> list[Row]:
    return list(file.read(list(names), use_threads=False).to_pylist())
