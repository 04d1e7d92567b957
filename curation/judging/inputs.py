"""Inputs: read which uploads there are to judge, and their rows, from the tables that crawls and examinations left.

An upload may stand in many windows (a retry, a second query, an album found twice). One record of it counts: deleted
before stored before refused before failed, and among equals that of the last window by name. Of a photo on the takedown
list only its key is read, whatever a table still says. Windows and facts that are not whole are ignored. Raises
StorageError for tables whose columns are not today's.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StorageError
from corpus.records import EXAMINED, RECORD, ExaminedRow, RecordRow, with_schema
from corpus.storage import Store
from corpus.storage.parquet import open_parquet, read_parquet
from corpus.takedowns import apply_takedowns, taken_down
from curation.facts.examine import Original, PhotoKey, facts_folder

T = TypeVar("T")

_STATES = pa.array(["failed", "refused", "stored", "deleted"])
"""From the weakest to the one that counts: another query's window may not know yet that a photo was deleted."""
_STATE_RANKS = {state: rank for rank, state in enumerate(_STATES.to_pylist())}
_UPLOAD = pa.schema([RECORD.field(name) for name in ("photo", "version", "state", "original", "sha256")])
_EXAMINED_KEY = pa.schema([EXAMINED.field(name) for name in ("photo", "version", "sha256")])
_READ_AT_ONCE = 8
"""Tables read at the same time, each of some megabytes: an object store takes 30 ms for each, however small."""


@dataclass(frozen=True)
class Inputs:
    """The tables of one judgement, as a run finds them when it begins."""

    store: Store
    windows: tuple[str, ...]
    """Record tables of whole windows, by source and window name."""
    facts: tuple[str, ...]
    """Tables of facts."""
    forgotten: frozenset[str]
    """Keys of the photos on the takedown list."""

    @cached_property
    def uploads(self) -> pa.Table:
        """One row an upload, ordered by key: photo, version, state, original, sha256; forgotten ones are `refused`."""
        forgotten = pa.array(sorted(self.forgotten), pa.string())
        tables = [_UPLOAD.empty_table().append_column("rank", pa.array([], pa.int64()))]
        for place, table in enumerate(_tables(self.store, self.windows, _UPLOAD)):
            state = pc.if_else(pc.is_in(table["photo"], value_set=forgotten), "refused", table["state"])
            # -1: a state that this program does not know
            state_rank = pc.fill_null(pc.index_in(state, value_set=_STATES), -1).cast(pa.int64())
            rank = pc.add(pc.multiply(state_rank, len(self.windows)), place)
            version = pc.fill_null(table["version"], "")
            columns = [table["photo"], version, state, table["original"], table["sha256"], rank]
            tables.append(pa.table(columns, names=[*_UPLOAD.names, "rank"]))
        ordered = pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("photo", "version", "rank")])
        is_last = np.zeros(len(ordered), bool)  # of its key: another key follows, or none
        is_last[-1:] = True
        for name in ("photo", "version"):
            values = ordered[name].combine_chunks()
            is_last[:-1] |= pc.not_equal(values[:-1], values[1:]).to_numpy(zero_copy_only=False)
        return ordered.filter(pa.array(is_last)).drop_columns(["rank"]).combine_chunks()

    def moved(self) -> frozenset[str]:
        """Return the SHA-256s of bytes that a deleted upload had and a stored one has: files that were moved."""
        state, digest = self.uploads["state"], self.uploads["sha256"]
        deleted, stored = (digest.filter(pc.equal(state, name)).drop_null() for name in ("deleted", "stored"))
        return frozenset(deleted.filter(pc.is_in(deleted, value_set=stored.combine_chunks())).to_pylist())

    @property
    def stored(self) -> int:
        """How many uploads have their original in the store, by their records."""
        return int(pc.sum(pc.equal(self.uploads["state"], "stored")).as_py() or 0)

    def waiting(self) -> list[Original]:
        """Return the stored originals that have no facts yet."""
        stored = self.uploads.filter(pc.equal(self.uploads["state"], "stored"))
        known = list(_tables(self.store, self.facts, _EXAMINED_KEY))
        if known:  # the digest is part of the key: bytes replaced under the same name are other bytes
            stored = stored.join(pa.concat_tables(known), _EXAMINED_KEY.names, join_type="left anti")
        rows = stored.select(["photo", "version", "original", "sha256"]).sort_by("photo").to_pylist()
        return [Original(row["photo"], row["version"], row["original"] or "", row["sha256"] or "") for row in rows]


def find_inputs(store: Store, kind: str) -> Inputs:
    """Return what there is to judge; `kind` of examination: see `curation.facts.examine.kind_of`."""
    windows = [
        f"crawl/{source}/{window}/records.parquet"
        for source in store.names("crawl")
        for window in store.done_names(f"crawl/{source}")
    ]
    folder = facts_folder(kind)
    facts = [f"{folder}/{name}" for name in store.names(folder) if name.endswith(".parquet")]
    return Inputs(store, tuple(windows), tuple(facts), taken_down(store))


def record_rows(store: Store, path: str, forgotten: Collection[str]) -> list[RecordRow]:
    """Return the rows of one window."""
    return apply_takedowns(_table(store, path, RECORD).to_pylist(), forgotten)


def facts_rows(store: Store, path: str, forgotten: Collection[str]) -> list[ExaminedRow]:
    """Return the rows of one table of facts, without those of forgotten photos."""
    return [row for row in _table(store, path, EXAMINED).to_pylist() if row["photo"] not in forgotten]


def rows_where(
    store: Store, path: str, schema: pa.Schema, column: str, values: Collection[str], forgotten: Collection[str]
) -> list[Any]:
    """Return the rows of a table (RECORD or EXAMINED) whose `column` has one of `values`; no others are built.

    Of forgotten photos only what the takedown list leaves.
    """
    with store.open(path) as file:
        try:
            rows = with_schema(read_parquet(file, where=[[(column, "in", sorted(values))]]), schema).to_pylist()
        except ValueError as error:
            raise _of_another_version(store, path, error) from error
    if schema is RECORD:
        return apply_takedowns(rows, forgotten)
    return [row for row in rows if row["photo"] not in forgotten]


def best_of(statements: Iterable[tuple[str, str, T]]) -> T:
    """Return the record that counts among those of one upload: (window's path, state, record) each."""
    return max(statements, key=lambda one: (_STATE_RANKS.get(one[1], -1), one[0]))[2]


def key_of_row(row: RecordRow | ExaminedRow) -> PhotoKey:
    """Return which upload a row is of."""
    return PhotoKey(row["photo"], row["version"] or "")


def _tables(store: Store, paths: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
    with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
        yield from threads.map(lambda path: _table(store, path, schema), paths)


def _table(store: Store, path: str, schema: pa.Schema) -> pa.Table:
    """Return the columns of `schema` of one table; no others are decoded."""
    data = pa.BufferReader(store.read(path))
    try:
        table = open_parquet(data).read(schema.names, use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{store.url}: {path} is not Parquet: {error}") from error
    try:
        return with_schema(table, schema)
    except ValueError as error:
        raise _of_another_version(store, path, error) from error


def _of_another_version(store: Store, path: str, error: ValueError) -> StorageError:
    return StorageError(
        f"{store.url}: {path} was written by another version of this program ({error}); remove its folder's "
        "marker and run the stage that made it again"
    )
