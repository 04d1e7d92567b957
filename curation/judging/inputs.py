"""Inputs: whole windows of all crawls and the facts examined so far in; keys, originals and rows out.

An upload may stand in many windows (a retry, a second query, an album found twice). The best word counts: deleted
before stored before refused before failed, and of equals the latest window by name. Of a photo on the takedown list
nothing but its key comes in, whatever a table still says. Windows and facts without their end are not there. Refuses
(StorageError) tables whose columns are not today's.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.errors import StorageError
from corpus.records import EXAMINED, RECORD, with_schema
from corpus.storage import Store
from corpus.takedowns import apply_takedowns, taken_down
from curation.facts.examine import Original, PhotoKey, facts_folder

Row = dict[str, Any]
T = TypeVar("T")

_STATES = {"deleted": 3, "stored": 2, "refused": 1, "failed": 0}
"""Deleted first: another query's window may not have heard yet that the site has it no more."""
_UPLOAD = ("photo", "version", "state", "original", "sha256")


@dataclass(frozen=True)
class Inputs:
    """Where the rows of one judgement stand, as a run finds them when it begins."""

    store: Store
    windows: tuple[str, ...]
    """Record tables of whole windows, by source and window name."""
    facts: tuple[str, ...]
    """Tables of facts."""
    forgotten: frozenset[str]
    """Keys of the photos on the takedown list."""

    @cached_property
    def uploads(self) -> pa.Table:
        """One row an upload, ordered by key: photo, version, state, original, sha256; those forgotten are `refused`."""
        tables = []
        for place, path in enumerate(self.windows):
            table = _table(self.store, path, RECORD, _UPLOAD)
            gone = pc.is_in(table["photo"], value_set=pa.array(sorted(self.forgotten), pa.string()))
            state = pc.if_else(gone, "refused", table["state"])
            table = table.set_column(table.column_names.index("state"), "state", state)
            table = table.set_column(table.column_names.index("version"), "version", pc.fill_null(table["version"], ""))
            ranks = [_STATES.get(text, -1) for text in state.to_pylist()]
            rank = pa.array(np.array(ranks, np.int64) * len(self.windows) + place)
            tables.append(table.append_column("rank", rank))
        if not tables:
            return pa.table({name: pa.array([], pa.string()) for name in _UPLOAD})
        ordered = pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("photo", "version", "rank")])
        last = np.ones(len(ordered), bool)
        for name in ("photo", "version"):  # the last of each key: another one follows, or none
            values = ordered[name].combine_chunks()
            same = pc.equal(values[:-1], values[1:]).to_numpy(zero_copy_only=False)
            last[:-1] = ~same if name == "photo" else last[:-1] | ~same
        return ordered.filter(pa.array(last)).drop_columns(["rank"]).combine_chunks()

    def waiting(self) -> list[Original]:
        """Return the stored originals that have no facts yet."""
        stored = self.uploads.filter(pc.equal(self.uploads["state"], "stored"))
        key = ["photo", "version", "sha256"]  # bytes that were replaced under one name are other bytes
        known = [_table(self.store, path, EXAMINED, key) for path in self.facts]
        if known:
            stored = stored.join(pa.concat_tables(known), key, join_type="left anti")
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


def record_rows(store: Store, path: str, forgotten: Collection[str]) -> list[Row]:
    """Return the rows (RECORD) of one window."""
    return apply_takedowns(_table(store, path, RECORD).to_pylist(), forgotten)


def facts_rows(store: Store, path: str, forgotten: Collection[str]) -> list[Row]:
    """Return the rows (EXAMINED) of one table of facts, without those of forgotten photos."""
    return [row for row in _table(store, path, EXAMINED).to_pylist() if row["photo"] not in forgotten]


def rows_where(
    store: Store, path: str, schema: pa.Schema, column: str, values: Collection[str], forgotten: Collection[str]
) -> list[Row]:
    """Return the rows of a table (RECORD or EXAMINED) whose `column` has one of `values`; the others are not built.

    Of forgotten photos only what the takedown list leaves.
    """
    wanted = pc.field(column).isin(pa.array(sorted(values), pa.string()))
    with store.open(path) as file:
        try:
            rows = with_schema(pq.read_table(file, filters=wanted), schema).to_pylist()
        except ValueError as error:
            raise _of_another_version(store, path, error) from error
    return (
        apply_takedowns(rows, forgotten) if schema is RECORD else [row for row in rows if row["photo"] not in forgotten]
    )


def best_of(statements: Iterable[tuple[str, str, T]]) -> T:
    """Return the record that counts of several of one upload: (window's path, state, record) each."""
    return max(statements, key=lambda one: (_STATES.get(one[1], -1), one[0]))[2]


def key_of_row(row: Row) -> PhotoKey:
    """Return which upload a row is of."""
    return PhotoKey(row["photo"], row["version"] or "")


def _table(store: Store, path: str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Return columns of a table, all by default, as `schema` has them."""
    try:
        table = with_schema(store.read_table(path), schema)
    except ValueError as error:
        raise _of_another_version(store, path, error) from error
    return table if columns is None else table.select(columns)


def _of_another_version(store: Store, path: str, error: ValueError) -> StorageError:
    return StorageError(
        f"{store.url}: {path} was written by another version of this program ({error}); remove its folder's "
        "marker and run the stage that made it again"
    )
