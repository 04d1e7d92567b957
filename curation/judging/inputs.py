"""Inputs: read which uploads there are to judge, and their rows, from the tables that crawls and examinations left.

An upload may stand in many windows (a retry, a second query, an album found twice). One record of it counts: deleted
before stored before refused before failed, and among equals that of the last window by name. Of a photo on the takedown
list only its key is read, whatever a table still says. Windows and facts that are not whole are ignored. Raises
StorageError for tables whose columns are not today's.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StorageError
from corpus.records import EXAMINED, RECORD, ExaminedRow, RecordRow, check_schema, with_schema
from corpus.storage import MARKER, Store
from corpus.storage.kept import read_once
from corpus.storage.parquet import open_parquet, read_parquet
from corpus.takedowns import apply_takedowns, taken_down
from curation.facts.examine import Original, PhotoKey, facts_folder
from curation.judging.columns.facts import NEEDED_FACTS

T = TypeVar("T")

RECORDS, FACTS = "records.parquet", "facts"

_STATES = pa.array(["failed", "refused", "stored", "deleted"])
"""From the weakest to the one that counts: another query's window may not know yet that a photo was deleted."""
_STATE_RANKS = {state: rank for rank, state in enumerate(_STATES.to_pylist())}
_UPLOAD = pa.schema([RECORD.field(name) for name in ("photo", "version", "state", "original", "sha256")])
_KEY = pa.schema([RECORD.field("photo")])
_EXAMINED_KEY = pa.schema([EXAMINED.field(name) for name in ("photo", "version", "sha256")])
RECORD_NEEDED = pa.schema(
    [
        *(
            RECORD.field(name)
            for name in (
                "photo", "version", "source", "state", "original", "sha256", "size_bytes", "site_sha1", "page_url",
                "title", "owner_id", "owner_name", "licence", "licence_url", "uploaded_at", "claimed_camera",
                "labelled_camera", "reasons", "error",
            )
        ),
        ("facts", NEEDED_FACTS),
    ]
)  # fmt: skip
"""What a judgement needs of a record."""
EXAMINED_NEEDED = pa.schema(
    [
        *(
            EXAMINED.field(name)
            for name in (
                "photo", "version", "sha256", "error", "pixel_error", "perceptual_hash", "foreign_grid",
                "first_quality_factor",
            )
        ),
        ("facts", NEEDED_FACTS),
    ]
)  # fmt: skip
"""What it needs of an examination."""
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
    states: Mapping[str, str] = field(default_factory=dict)
    """What a listing tells of each table of records, as far as it does (`corpus.storage.Entry`)."""

    @cached_property
    def uploads(self) -> pa.Table:
        """One row an upload, ordered by key: photo, version, state, original, sha256; forgotten ones are `refused`."""
        forgotten = pa.array(sorted(self.forgotten), pa.string())
        tables = [_UPLOAD.empty_table().append_column("rank", pa.array([], pa.int64()))]
        for place, table in enumerate(self._tables(self.windows, _UPLOAD)):
            state = pc.if_else(pc.is_in(table["photo"], value_set=forgotten), "refused", table["state"])
            rank = pc.add(pc.multiply(state_ranks(state).cast(pa.int64()), len(self.windows)), place)
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

    @cached_property
    def keys(self) -> pa.Array:
        """The photos of all records in order, those of several uploads or windows as often; little memory is held."""
        keys = [table["photo"] for table in self._tables(self.windows, _KEY)]
        photos = pa.chunked_array([chunk for column in keys for chunk in column.chunks], pa.string())
        return pc.take(photos, pc.sort_indices(photos)).combine_chunks()

    @property
    def stored(self) -> int:
        """How many uploads have their original in the store, by their records."""
        return int(pc.sum(pc.equal(self.uploads["state"], "stored")).as_py() or 0)

    def state_of(self, path: str) -> str:
        """Return what is known to differ whenever a table does; a table of facts never changes."""
        return FACTS if path.startswith(f"{FACTS}/") else self.states.get(path, "")

    def _tables(self, paths: Sequence[str], schema: pa.Schema) -> Iterator[pa.Table]:
        with ThreadPoolExecutor(_READ_AT_ONCE) as threads:
            yield from threads.map(lambda path: _table(self.store, path, schema, self.state_of(path)), paths)

    def waiting(self) -> list[Original]:
        """Return the stored originals that have no facts yet."""
        stored = self.uploads.filter(pc.equal(self.uploads["state"], "stored"))
        known = list(self._tables(self.facts, _EXAMINED_KEY))
        if known:  # the digest is part of the key: bytes replaced under the same name are other bytes
            stored = stored.join(pa.concat_tables(known), _EXAMINED_KEY.names, join_type="left anti")
        rows = stored.select(["photo", "version", "original", "sha256"]).sort_by("photo").to_pylist()
        return [Original(row["photo"], row["version"], row["original"] or "", row["sha256"] or "") for row in rows]


def find_inputs(store: Store, kind: str) -> Inputs:
    """Return what there is to judge; `kind` of examination: see `curation.facts.examine.kind_of`."""
    found = store.entries("crawl")
    folders = (
        path.removesuffix(f"/{MARKER}") for path in found if path.count("/") == 3 and path.endswith(f"/{MARKER}")
    )
    windows = [f"{folder}/{RECORDS}" for folder in sorted(folders, key=lambda folder: folder.split("/"))]
    is_told = store.is_s3 or store.is_local  # of other stores a listing may tell too little
    states = {path: found[path].state for path in windows if path in found} if is_told else {}
    folder = facts_folder(kind)
    facts = [f"{folder}/{name}" for name in store.names(folder) if name.endswith(".parquet")]
    return Inputs(store, tuple(windows), tuple(facts), taken_down(store), states)


def whole_table(store: Store, path: str, forgotten: Collection[str], state: str = "") -> pa.Table:
    """Return all columns of a window or of a table of facts; of forgotten photos what the takedown list leaves.

    `state`: what a listing tells of a table of records.
    """
    is_facts = path.startswith(f"{FACTS}/")
    return _without_forgotten(_table(store, path, EXAMINED if is_facts else RECORD, state), forgotten, is_facts)


def record_table(store: Store, path: str, forgotten: Collection[str], state: str = "") -> pa.Table:
    """Return the rows of one window, columns as in RECORD_NEEDED; of forgotten photos what the takedown list leaves.

    `state`: see `whole_table`.
    """
    return _without_forgotten(_table(store, path, RECORD_NEEDED, state), forgotten, is_facts=False)


def facts_table(store: Store, path: str, forgotten: Collection[str], state: str = "") -> pa.Table:
    """Return the rows of one table of facts, columns as in EXAMINED_NEEDED, without those of forgotten photos.

    `state`: see `whole_table`.
    """
    return _without_forgotten(_table(store, path, EXAMINED_NEEDED, state), forgotten, is_facts=True)


def _without_forgotten(table: pa.Table, forgotten: Collection[str], is_facts: bool) -> pa.Table:
    if not forgotten:
        return table
    is_forgotten = pc.is_in(table["photo"], value_set=pa.array(sorted(forgotten), pa.string()))
    rest = table.filter(pc.invert(is_forgotten))
    if is_facts or len(rest) == len(table):
        return rest
    left = apply_takedowns(table.filter(is_forgotten).to_pylist(), forgotten)
    places = np.argsort(is_forgotten.to_numpy(), kind="stable")
    return pa.concat_tables([rest, pa.Table.from_pylist(left, table.schema)]).take(pa.array(np.argsort(places)))


def state_ranks(states: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the rank of each state among the records of one upload; the highest counts."""
    return pc.fill_null(pc.index_in(states, value_set=_STATES), -1)  # -1: a state that this program does not know


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


def _table(store: Store, path: str, schema: pa.Schema, state: str) -> pa.Table:
    """Return the columns of `schema` of one table; no others are decoded, nor other fields of nested ones."""
    data = pa.BufferReader(read_once(store, path, state))
    try:
        file = open_parquet(data)
        table = file.read(_leaves(schema), use_threads=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{store.url}: {path} is not Parquet: {error}") from error
    try:
        whole = RECORD if set(schema.names) <= set(RECORD.names) else EXAMINED
        check_schema(file.schema_arrow, pa.schema([whole.field(name) for name in schema.names]))
        return with_schema(table, schema)
    except ValueError as error:
        raise _of_another_version(store, path, error) from error


def _leaves(schema: pa.Schema) -> list[str]:
    found: list[str] = []
    for leaf in schema:
        nested = pa.types.is_struct(leaf.type)
        found += [f"{leaf.name}.{one.name}" for one in leaf.type] if nested else [leaf.name]
    return found


def _of_another_version(store: Store, path: str, error: ValueError) -> StorageError:
    return StorageError(
        f"{store.url}: {path} was written by another version of this program ({error}); remove its folder's "
        "marker and run the stage that made it again"
    )
