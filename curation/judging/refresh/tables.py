"""Tables: which record tables and tables of facts hold which upload, so that a refresh reads only those that changed.

A table of facts never changes, and its name says what is in it. A window's records may be replaced as one file, so its
state is remembered: on a disk its size, inode and time, in an object store its size and ETag.

The index is kept in segments (`judged/index/<digest>.arrow`), one for each refresh that saw new tables: a row for each
row of a table, with the number of its table. A later segment counts more than an earlier one. Segments are brought
together when they are many.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import ExaminedRow, RecordRow
from corpus.storage import Store
from corpus.storage.errors import attempted
from curation.judging.arrays.numbers import numbers_of
from curation.judging.inputs import Inputs, facts_rows, key_of_row, record_rows
from curation.judging.refresh.files import read_arrow, write_arrow

Numbers = npt.NDArray[Any]

FOLDER = "judged/index"
SEGMENTS_MAX = 32
_STATE_KEYS = ("size", "mtime", "ino", "ETag", "created")
_TABLES = b"tables"
_SCHEMA = pa.schema([("table", pa.int32()), ("id", pa.uint64()), ("digest", pa.uint64()), ("sha", pa.uint64())])


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
    """All segments together, without rows of tables that were read again since."""

    segments: tuple[str, ...]
    states: Mapping[str, str]
    """The state of each table when it was read, by path, in the order of their numbers."""
    table: Numbers
    """Of each row: the number of its table."""
    id: Numbers
    digest: Numbers
    sha: Numbers

    @property
    def paths(self) -> list[str]:
        """The tables in the order of their numbers."""
        return list(self.states)

    def rows_of(self, paths: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Return which rows are of these tables."""
        wanted = np.zeros(len(self.states) + 1, bool)
        number = {path: at for at, path in enumerate(self.states)}
        wanted[[number[path] for path in paths if path in number]] = True
        found: npt.NDArray[np.bool_] = wanted[self.table]
        return found


def read_index(store: Store, segments: Sequence[str]) -> Index:
    """Return the index of these segments, the earliest first."""
    tables = [read_arrow(store, f"{FOLDER}/{name}.arrow") for name in segments]
    states: dict[str, str] = {}
    last: dict[str, int] = {}
    told = [json.loads(table.schema.metadata[_TABLES]) for table in tables]
    for at, of in enumerate(told):
        states |= of
        last |= dict.fromkeys(of, at)
    gone = {path for path, state in states.items() if state == "gone"}
    states = {path: state for path, state in states.items() if path not in gone}
    number = {path: at for at, path in enumerate(states)}
    parts: list[pa.Table] = []
    for at, (table, of) in enumerate(zip(tables, told, strict=True)):
        renumbered = np.array([number[path] if path in number and last[path] == at else -1 for path in of], np.int32)
        of_row = renumbered[table["table"].to_numpy()] if len(table) else np.zeros(0, np.int32)
        kept = of_row >= 0
        parts.append(pa.table([pa.array(of_row), *table.columns[1:]], schema=_SCHEMA).filter(pa.array(kept)))
    whole = pa.concat_tables([_SCHEMA.empty_table(), *parts])
    return Index(tuple(segments), states, *(whole[name].to_numpy() for name in _SCHEMA.names))


def write_segment(store: Store, states: Mapping[str, str], rows: Mapping[str, Sequence[tuple[int, int, int]]]) -> str:
    """Write a segment of these tables, and return its name; `rows`: (id, digest, sha) by path."""
    number = {path: at for at, path in enumerate(states)}
    flat = [(number[path], *row) for path, of in rows.items() for row in of]
    columns = zip(*flat, strict=True) if flat else ((), (), (), ())
    table = pa.table([pa.array(column, kind) for column, kind in zip(columns, _SCHEMA.types, strict=True)], _SCHEMA)
    return write_arrow(store, FOLDER, table.replace_schema_metadata({_TABLES: json.dumps(dict(states))}))


def together(store: Store, index: Index) -> str:
    """Write one segment that holds all of an index, and return its name."""
    columns = [pa.array(getattr(index, name), kind) for name, kind in zip(_SCHEMA.names, _SCHEMA.types, strict=True)]
    table = pa.table(columns, schema=_SCHEMA)
    return write_arrow(store, FOLDER, table.replace_schema_metadata({_TABLES: json.dumps(dict(index.states))}))


def rows_in(inputs: Inputs, path: str) -> Sequence[RecordRow | ExaminedRow]:
    """Return the rows of a table of records or of facts."""
    read: Any = facts_rows if path.startswith("facts/") else record_rows
    found: Sequence[RecordRow | ExaminedRow] = read(inputs.store, path, inputs.forgotten, inputs.state_of(path))
    return found


def indexed(row: RecordRow | ExaminedRow) -> tuple[int, int, int]:
    """Return what the index has of a row: id, digest of all of it, and the first bits of its SHA-256."""
    key = key_of_row(row)
    digest = number_of(json.dumps(row, sort_keys=True))
    return id_of(key.photo, key.version), digest, sha_number(row["sha256"])
