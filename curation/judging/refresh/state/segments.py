"""Segments: a table that grows for years, kept in files of which a refresh writes only the newest.

A segment (`<folder>/<digest>.arrow`) never changes. Its rows have a key (`key`, a digest of 64 bits, unique among the
rows that count) and say by `ends` whether they end an earlier row of the same key: FIRST, there was none; AGAIN, they
stand in its place; GONE, none does. Where FAN of the newest segments are about equally large, they become one, so that
each row is written again as often as the logarithm of all says. The segments of a table with a `rows_max` are not
merged beyond it. Whenever segments are merged, each other one in which most rows no longer count is written anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from corpus.storage import Store
from curation.judging.arrays.ordered import setdiff1d, unique
from curation.judging.refresh.state.few import Few, are_among
from curation.judging.refresh.state.files import read_arrow, write_arrow

Numbers = npt.NDArray[Any]
Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

FIRST, AGAIN, GONE = range(3)
FAN = 8
_KEYS = [("key", pa.uint64()), ("ends", pa.int8())]


def segment_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema of the segments of a table with these columns."""
    return pa.schema([*_KEYS, *schema])


@dataclass(frozen=True)
class Segments:
    """The segments of a table, the earliest first, and the rows that count, in the order of segments."""

    schema: pa.Schema
    names: tuple[str, ...] = ()
    tables: tuple[pa.Table, ...] = ()
    """As the files have them, columns as in `segment_schema`."""
    _made: dict[str, Numbers] = field(default_factory=dict, compare=False)

    @cached_property
    def _keys(self) -> tuple[Keys, npt.NDArray[np.int8], Places]:
        """Key and `ends` of all rows of all segments; the place of the first row of each segment, and of the end."""
        key, ends = (
            np.concatenate([np.zeros(0, kind.to_pandas_dtype()), *[table[name].to_numpy() for table in self.tables]])
            for name, kind in _KEYS
        )
        return key, ends, np.cumsum([0, *map(len, self.tables)])

    @cached_property
    def counting(self) -> list[Places]:
        """Of each segment: the rows that count."""
        key, ends, first = self._keys
        ending = np.flatnonzero(ends != FIRST)
        ended = Few(unique(key[ending]))
        last_end = np.zeros(len(ended.ordered), np.int64)
        np.maximum.at(last_end, np.searchsorted(ended.ordered, key[ending]), _segment_of(first, ending))
        counts = ends != GONE
        places, which = ended.found_in(key)
        counts[places[last_end[which] > _segment_of(first, places)]] = False
        edges = first.tolist()
        return [np.flatnonzero(counts[start:end]) for start, end in pairwise(edges)]

    @cached_property
    def starts(self) -> Places:
        """The number of rows that count before each segment, and of all."""
        return np.cumsum([0, *map(len, self.counting)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def column(self, name: str) -> Numbers:
        """Return a column of numbers or of truth values."""
        if name not in self._made:
            kind = segment_schema(self.schema).field(name).type
            found = np.empty(len(self), kind.to_pandas_dtype())
            for table, rows, start in zip(self.tables, self.counting, self.starts.tolist(), strict=False):
                column = table[name]  # null where a row only ends another one
                values = (column.fill_null(pa.scalar(0).cast(kind)) if column.null_count else column).to_numpy()
                values.take(rows, out=found[start : start + len(rows)], mode="clip")  # other modes copy twice
            self._made[name] = found
        return self._made[name]

    def there(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Return which of some keys, each given once, a row has that counts."""
        return self._places_of(keys)[0] >= 0

    def values_of(self, keys: Keys, name: str, missing: int = 0) -> Numbers:
        """Return a column of numbers in the rows of some keys, each given once; `missing` for a key that no row has."""
        segment, row = self._places_of(keys)
        found = np.full(len(keys), missing, self.schema.field(name).type.to_pandas_dtype())
        for at, table in enumerate(self.tables):
            wanted = np.flatnonzero(segment == at)
            found[wanted] = table[name].take(pa.array(row[wanted])).to_numpy()
        return found

    def _places_of(self, keys: Keys) -> tuple[Places, Places]:
        """Return the segment and the row there of some keys, each given once; -1 for a key that no row has.

        What counts is looked up for these keys alone: the newest segment that has a key says what becomes of it.
        """
        order = np.argsort(keys)
        all_keys, ends, first = self._keys
        places, which = Few(keys).found_in(all_keys)
        newest = np.full(len(keys), -1)
        np.maximum.at(newest, order[which], places)
        there = np.flatnonzero(newest >= 0)
        there = there[ends[newest[there]] != GONE]
        segment, row = np.full(len(keys), -1), np.full(len(keys), -1)
        segment[there] = _segment_of(first, newest[there])
        row[there] = newest[there] - first[segment[there]]
        return segment, row

    def having(self, name: str, values: Keys) -> Places:
        """Return the rows whose list, in a column of lists of numbers, has one of these values."""
        return np.concatenate([np.zeros(0, np.int64), *[*self.having_newest_first(name, values)][::-1]])

    def having_newest_first(self, name: str, values: Keys) -> Iterator[Places]:
        """Yield the same segment by segment, the newest first."""
        few = Few(values)
        for at in reversed(range(len(self.tables))):
            counting, column = self.counting[at], self.tables[at][name].combine_chunks()
            offsets = column.offsets.to_numpy()
            items = column.values.to_numpy()[offsets[0] : offsets[-1]]
            rows = unique(np.searchsorted(offsets - offsets[0], few.found_in(items)[0], "right") - 1)
            there = np.searchsorted(counting, rows)
            if len(counting):
                yield self.starts[at] + there[counting[np.minimum(there, len(counting) - 1)] == rows]

    def take(self, rows: Places, names: Sequence[str] | None = None) -> pa.Table:
        """Return some rows, in their order; only the segments that have some of them are read."""
        schema = self.schema if names is None else pa.schema([self.schema.field(name) for name in names])
        part = _segment_of(self.starts, rows)
        order = np.argsort(part, kind="stable")
        parts, first = np.unique(part[order], return_index=True)
        found = [schema.empty_table()]
        for at, some in zip(parts.tolist(), np.split(order, first[1:]), strict=False):
            places = self.counting[at][rows[some] - self.starts[at]]
            some_rows = self.tables[at].select(schema.names).take(pa.array(places))
            found.append(some_rows if some_rows.schema.equals(schema) else some_rows.cast(schema))
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return pa.concat_tables(found).combine_chunks().take(pa.array(back))

    def keys_of(self, rows: Places) -> Keys:
        """Return the keys of some rows, in their order."""
        part = _segment_of(self.starts, rows)
        found = np.empty(len(rows), np.uint64)
        for at in unique(part).tolist():
            places = self.counting[at][rows[part == at] - self.starts[at]]
            found[part == at] = self.tables[at]["key"].to_numpy()[places]
        return found

    def table(self) -> pa.Table:
        """Return all rows, without their keys."""
        return self.take(np.arange(len(self)))


def _segment_of(first: Places, places: Places) -> Places:
    return np.searchsorted(first, places, "right") - 1


def read_segments(store: Store, folder: str, names: Sequence[str], schema: pa.Schema) -> Segments:
    """Return a table of these segments, the earliest first."""
    return Segments(schema, tuple(names), tuple(read_arrow(store, f"{folder}/{name}.arrow") for name in names))


def write_segments(
    store: Store, folder: str, was: Segments, keys: Keys, rows: pa.Table, gone: Keys, rows_max: int | None = None,
    is_there: npt.NDArray[np.bool_] | None = None,
) -> Segments:  # fmt: skip
    """Return the table with these rows, by their keys, and without the rows of the keys that are gone; write it.

    `keys`: of `rows`, each once; a row of before with one of them is replaced. `gone`: keys that rows of before have.
    `is_there`: which of `keys` rows of before have, where that is known; else it is looked up.
    """
    if not len(keys) and not len(gone):
        return was
    if is_there is None:
        is_there = was.there(keys)
    columns = [
        pa.array(np.concatenate([keys, gone]), pa.uint64()),
        pa.array(np.concatenate([np.where(is_there, AGAIN, FIRST), np.full(len(gone), GONE)]), pa.int8()),
        *(pa.chunked_array([*column.chunks, pa.nulls(len(gone), column.type)], column.type) for column in rows.columns),
    ]
    new = pa.table(columns, segment_schema(was.schema))
    most = max(len(new), 1) if rows_max is None else FAN * rows_max
    many = [new.slice(at, most).combine_chunks() for at in range(0, len(new), most)]
    names: list[str | None] = [*was.names, *(None for _ in many)]
    tables = [*was.tables, *many]
    is_merged = False
    while (number := alike(tables, rows_max)) > 1:
        first, is_merged = len(tables) - number, True
        names[first:], tables[first:] = [None], [_merged(was.schema, tables[first:], is_first=not first)]
    for at, counting in enumerate(Segments(was.schema, (), tuple(tables)).counting if is_merged else ()):
        if 2 * (len(counting) + _endings(tables[at], at)) < len(tables[at]):
            names[at], tables[at] = None, _without(tables[at], counting, is_first=not at)
    found = Segments(was.schema, tuple(name or "" for name in names), tuple(tables))
    written = [name or write_arrow(store, folder, table) for name, table in zip(names, tables, strict=True)]
    if len(many) == 1 or not store.is_local:
        return Segments(found.schema, tuple(written), found.tables)
    return read_segments(store, folder, written, was.schema)  # the rows are mapped, and no longer in memory


def alike(tables: Sequence[pa.Table], rows_max: int | None = None) -> int:
    """Return how many of the last segments are to become one."""
    size = _size(tables[-1])
    number = next((at for at, table in enumerate(reversed(tables)) if _size(table) > size), len(tables))
    if rows_max is not None:
        small = next((at for at, table in enumerate(reversed(tables)) if len(table) > rows_max), len(tables))
        number = min(number, small)
    return number if number >= FAN else 1


def _size(table: pa.Table) -> int:
    """Return the logarithm of a segment's rows to the base of FAN."""
    return (max(len(table), 1).bit_length() - 1) // (FAN.bit_length() - 1)


def _endings(table: pa.Table, at: int) -> int:
    return int((table["ends"].to_numpy() == GONE).sum()) if at else 0


def _merged(schema: pa.Schema, tables: Sequence[pa.Table], *, is_first: bool) -> pa.Table:
    """Return successive segments as one; `is_first`: no segment is earlier."""
    counting = Segments(schema, (), tuple(tables)).counting
    starts = np.cumsum([0, *map(len, tables)])
    rows = np.concatenate([places + start for places, start in zip(counting, starts.tolist(), strict=False)])
    whole = pa.concat_tables(tables)
    return _without(whole, rows, is_first=is_first)


def _without(table: pa.Table, counting: Places, *, is_first: bool) -> pa.Table:
    """Return the rows that count, and what of the others ends earlier rows."""
    key, ends = table["key"].to_numpy(), table["ends"].to_numpy()
    frame = pd.DataFrame({"key": key, "ends": ends})
    of_first = frame.drop_duplicates("key", keep="first")
    ending = of_first["key"].to_numpy()[of_first["ends"].to_numpy() != FIRST]
    live = table.take(pa.array(counting))
    if is_first:
        return live.set_column(1, "ends", pa.array(np.full(len(live), FIRST), pa.int8())).combine_chunks()
    is_again = are_among(live["key"].to_numpy(), ending)
    live = live.set_column(1, "ends", pa.array(np.where(is_again, AGAIN, FIRST), pa.int8()))
    gone = setdiff1d(ending, live["key"].to_numpy())
    columns = [pa.array(gone, pa.uint64()), pa.array(np.full(len(gone), GONE), pa.int8())]
    columns += [pa.nulls(len(gone), one.type) for one in live.schema][2:]
    return pa.concat_tables([live, pa.table(columns, live.schema)]).combine_chunks()
