"""Tables: which record tables and tables of facts hold which upload, so that a refresh reads only those that changed.

A table of facts never changes, and its name says what is in it. A window's records may be replaced as one file, so its
state is remembered: on a disk its size, inode and time, in an object store its size and ETag.

The index (`judged/index/`) has a row for each distinct row of a table, by a digest of the table's path and of the whole
row. So a window that is read again, since one of its uploads has changed, costs a row that goes and one that comes. The
states of tables lie beside (`judged/states/`). Both are kept in segments (`curation.judging.refresh.state.segments`).
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.storage import Store
from corpus.storage.errors import attempted
from curation.judging.arrays.numbers import SPREADING, numbers_of
from curation.judging.arrays.packed_tables import packed
from curation.judging.columns.spelling import row_digests
from curation.judging.inputs import Inputs, whole_table
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.segments import Segments, read_segments, write_segments

Numbers = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

INDEX, STATES = "judged/index", "judged/states"
_ROWS_MAX = 100_000
"""A segment of so many rows, some 2 MB, is not merged with others any more."""
_STATE_KEYS = ("size", "mtime", "ino", "ETag", "created")
_INDEX_SCHEMA = pa.schema([("path", pa.uint64()), ("id", pa.uint64())])
"""`path`: `number_of` the table's path."""
_STATES_SCHEMA = pa.schema([("path", pa.string()), ("state", pa.string())])


def number_of(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def id_of(photo: str, version: str) -> int:
    """Return the id of an upload, as the judgement numbers uploads."""
    return number_of(f"{photo}\n{version}")


def ids_in(table: pa.Table) -> Numbers:
    """Return the id of the upload of each row of a table of records or of facts."""
    version = pc.fill_null(table["version"], "")
    return numbers_of(pc.binary_join_element_wise(table["photo"], version, "\n"))


def sha_number(sha256: str | None) -> int:
    """Return the first 64 bits of a file's SHA-256; 0 where it is not known."""
    return int(sha256[:16], 16) if sha256 else 0


def states_of(inputs: Inputs) -> dict[str, str]:
    """Return the state of every table by its path; that of a table of facts is empty."""
    found = dict.fromkeys(inputs.facts, "")
    store = inputs.store
    for path in inputs.windows:
        if path in inputs.states:
            found[path] = inputs.states[path]
            continue
        asked = partial(store.filesystem.info, store.path(path))
        told = attempted(f"{store.url}: {path}", asked, is_patient=store.is_patient)
        found[path] = json.dumps([str(told[key]) for key in _STATE_KEYS if key in told])
    return found


@dataclass(frozen=True)
class Index:
    """What was in all tables when they were read."""

    rows: Segments
    """Columns `path` and `id`."""
    tables: Segments
    """Columns `path` and `state`, by `number_of` the path."""

    @classmethod
    def empty(cls) -> "Index":
        """Return the index of no table."""
        return cls(Segments(_INDEX_SCHEMA), Segments(_STATES_SCHEMA))

    @classmethod
    def read(cls, store: Store, rows: Collection[str], tables: Collection[str]) -> "Index":
        """Return the index of these segments."""
        return cls(
            read_segments(store, INDEX, tuple(rows), _INDEX_SCHEMA),
            read_segments(store, STATES, tuple(tables), _STATES_SCHEMA),
        )

    @cached_property
    def states(self) -> Mapping[str, str]:
        """The state of each table when it was read, by path."""
        table = self.tables.table()
        return dict(zip(table["path"].to_pylist(), table["state"].to_pylist(), strict=True))

    @cached_property
    def paths(self) -> Mapping[int, str]:
        """The path of each table by its number."""
        return dict(zip(self.tables.column("key").tolist(), self.tables.table()["path"].to_pylist(), strict=True))

    def rows_of(self, paths: Iterable[str]) -> Places:
        """Return the rows of these tables."""
        return among(self.rows.column("path"), np.array([number_of(path) for path in paths], np.uint64))

    def written(
        self, store: Store, states: Mapping[str, str], gone: Iterable[str], new: "Rows", ended: Numbers
    ) -> "Index":
        """Return the index after tables have come, changed and gone, and write it.

        `new`: the rows that it did not have; `ended`: the keys of those that are no more.
        """
        told = pa.table([pa.array(list(states)), pa.array(list(states.values()))], _STATES_SCHEMA)
        of_rows = pa.table([new.path, new.id], _INDEX_SCHEMA)
        keys, of_gone = (np.array([number_of(path) for path in some], np.uint64) for some in (states, gone))
        return Index(
            write_segments(store, INDEX, self.rows, new.key, of_rows, ended, _ROWS_MAX, np.zeros(len(new.key), bool)),
            write_segments(store, STATES, self.tables, keys, told, of_gone),
        )


@dataclass(frozen=True)
class Rows:
    """The distinct rows of some tables."""

    key: Numbers
    path: Numbers
    id: Numbers

    @classmethod
    def of(cls, tables: Iterable[tuple[str, pa.Table]]) -> "Rows":
        """Return those of tables of records and facts, each with its path, as `inputs.whole_table` reads them."""
        found: list[tuple[Numbers, Numbers, Numbers]] = [(np.zeros(0, np.uint64),) * 3]
        for name, table in tables:
            found.append((np.full(len(table), number_of(name), np.uint64), ids_in(table), _digests(table)))
        path, one, digest = (np.concatenate(columns) for columns in zip(*found, strict=True))
        key, first = np.unique(digest ^ (path * SPREADING), return_index=True)
        return cls(key, path[first], one[first])

    def where(self, wanted: npt.NDArray[np.bool_]) -> "Rows":
        """Return some of them."""
        return Rows(self.key[wanted], self.path[wanted], self.id[wanted])


def _digests(table: pa.Table) -> Numbers:
    """Return 64 bits of a digest of each whole row."""
    return np.array([int.from_bytes(digest[:8]) for digest in row_digests(_flat(table.combine_chunks()))], np.uint64)


def _flat(table: pa.Table) -> pa.Table:
    """Return a table whose columns are plain values and lists of these; of a struct also whether it is there."""
    columns: list[pa.ChunkedArray | pa.Array] = []
    for column in table.columns:
        if pa.types.is_struct(column.type):
            whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            columns += [whole.is_valid(), *_flat(pa.Table.from_arrays(whole.flatten(), _numbered(whole.type))).columns]
        elif pa.types.is_list(column.type) and pa.types.is_list(column.type.value_type):
            columns.append(pa.array([data and data.hex() for data in packed(column.combine_chunks()).to_pylist()]))
        else:
            columns.append(column)
    return pa.Table.from_arrays(columns, [str(at) for at in range(len(columns))])


def _numbered(struct: pa.StructType) -> list[str]:
    return [str(at) for at in range(struct.num_fields)]


def whole_tables(inputs: Inputs, paths: Iterable[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield tables of records and facts with all their columns, each with its path; one at a time is in memory."""
    for path in paths:
        yield path, whole_table(inputs.store, path, inputs.forgotten, inputs.state_of(path))
