"""Gather: bring the record and the facts of each upload together, in parts that are ranges of keys.

A part holds about `part_photos` uploads at most, ordered by key: the record that counts and what the examination of its
original found. Tables are read some at a time, sorted, and cut into ranges; a part reads its range of each.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.storage import Store
from curation.cluster.spool import Spool
from curation.judging.arrays.packed_tables import unpacked, with_packed
from curation.judging.inputs import EXAMINED_NEEDED, RECORD_NEEDED, Inputs, facts_table, record_table, state_ranks

UPLOADS = pa.schema([*RECORD_NEEDED, ("examined", pa.struct(list(EXAMINED_NEEDED)))])
"""One row an upload; `examined` is null where its original was not examined. On the way through the spool the
quantisation tables in `facts` are packed (`arrays.packed_tables`)."""
PIECE_ROWS = 60_000
"""About so many rows are read, sorted and cut at once."""


@dataclass(frozen=True)
class Parts:
    """How uploads are divided: the first key of each part but the first."""

    firsts: tuple[str, ...]

    @property
    def number(self) -> int:
        """How many parts there are."""
        return len(self.firsts) + 1

    def part_of(self, photo: str) -> int:
        """Return the part a photo belongs to."""
        return bisect_right(self.firsts, photo)

    def cut(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the rows of each part of a table that is ordered by `photo`."""
        photos, start = table["photo"].combine_chunks(), 0
        for first in self.firsts:
            end = _place_of(photos, first, start)
            yield table.slice(start, end - start)
            start = end
        yield table.slice(start)


@dataclass(frozen=True)
class Piece:
    """Tables that one task reads."""

    name: str
    store: Store
    forgotten: frozenset[str]
    parts: Parts
    paths: tuple[str, ...]
    states: tuple[str, ...]
    """What a listing tells of each path."""
    places: tuple[int, ...]
    """Of each path its place among all in the order of their names."""
    are_records: bool


def parts_of(inputs: Inputs, part_photos: int) -> Parts:
    """Return ranges of about `part_photos` uploads each; all uploads of one photo are in the same range."""
    keys = inputs.keys
    number = -(-len(keys) // part_photos)
    firsts = (keys[place * len(keys) // number].as_py() for place in range(1, number))
    return Parts(tuple(dict.fromkeys(firsts)))


def pieces_of(inputs: Inputs, parts: Parts) -> list[Piece]:
    """Return what is to be read, in pieces of about PIECE_ROWS rows of records each, and as many of facts."""
    found = []
    for name, paths, are_records in (("records", inputs.windows, True), ("facts", inputs.facts, False)):
        place_of = {path: place for place, path in enumerate(sorted(paths))}
        size = max(1, len(paths) * PIECE_ROWS // max(len(inputs.keys), 1))
        for start in range(0, len(paths), size):
            some = paths[start : start + size]
            places = tuple(place_of[path] for path in some)
            piece = f"{name}-{start:08d}"
            states = tuple(map(inputs.state_of, some))
            found.append(Piece(piece, inputs.store, inputs.forgotten, parts, some, states, places, are_records))
    return found


def read_piece(piece: Piece, spool: Spool) -> None:
    """Read tables and leave the rows of each part under the piece's name."""
    tables = []
    for place, path, state in zip(piece.places, piece.paths, piece.states, strict=True):
        if piece.are_records:
            tables.append(ranked_records(record_table(piece.store, path, piece.forgotten, state), place))
        else:
            tables.append(facts_table(piece.store, path, piece.forgotten, state))
    whole = pa.concat_tables(tables).combine_chunks()
    facts = with_packed(whole["facts"].combine_chunks(), "quantisation_tables")
    whole = whole.set_column(whole.schema.get_field_index("facts"), "facts", facts)
    spool.write(piece.name, piece.parts.cut(whole.take(pc.sort_indices(whole["photo"]))))


def ranked_records(table: pa.Table, place: int) -> pa.Table:
    """Return the records of a window with what decides which record of an upload counts.

    `place`: that of its path among all in the order of their names.
    """
    rows = pa.array(np.arange(len(table), 0, -1, dtype=np.int32))  # of equal records the first counts
    order = (state_ranks(table["state"]), pa.array(np.full(len(table), place, np.int32)), rows)
    for name, column in zip(_ORDER, order, strict=True):
        table = table.append_column(name, column)
    return table


def uploads_of(part: int, pieces: Sequence[Piece], spool: Spool) -> pa.Table:
    """Return the uploads of a part, columns as in UPLOADS, ordered by photo and version."""
    records = that_count(spool.gathered([piece.name for piece in pieces if piece.are_records], part))
    names = [piece.name for piece in pieces if not piece.are_records]
    return with_facts(records, spool.gathered(names, part) if names else None)


def that_count(records: pa.Table) -> pa.Table:
    """Return the record of each upload that counts, ordered by photo and version; `records`: as `ranked_records`."""
    records = _with_key(records)
    keys = [(name, "ascending") for name in ("photo", "upload_version", *_ORDER)]
    records = records.take(pc.sort_indices(records, sort_keys=keys))
    upload = records["upload"].combine_chunks()
    is_last = np.ones(len(records), bool)  # another upload follows, or none
    is_last[:-1] = pc.not_equal(upload[:-1], upload[1:]).to_numpy(zero_copy_only=False)
    return records.filter(pa.array(is_last)).combine_chunks()


def with_facts(records: pa.Table, facts: pa.Table | None) -> pa.Table:
    """Return uploads, columns as in UPLOADS, in the order of their records (see `that_count`)."""
    if facts is None:
        fields = [EXAMINED_NEEDED.field(name) for name in EXAMINED_NEEDED.names[:-1]]
        return _joined(records, pa.nulls(len(records), pa.struct([*fields, records.schema.field("facts")])))
    facts = _with_key(facts)
    once, rest = _once(facts)
    chosen = _chosen(rest, records)
    facts = pa.concat_tables([once, chosen]).combine_chunks() if len(chosen) else once.combine_chunks()
    rows = pa.StructArray.from_arrays(
        [facts[name].combine_chunks() for name in EXAMINED_NEEDED.names],
        fields=[facts.schema.field(name) for name in EXAMINED_NEEDED.names],
    )
    places = pc.index_in(records["upload"].combine_chunks(), value_set=facts["upload"].combine_chunks())
    return _joined(records, rows.take(places))


_ORDER = ("state_rank", "place", "row")


def _joined(records: pa.Table, examined: pa.Array) -> pa.Table:
    columns = [records[name].combine_chunks() for name in RECORD_NEEDED.names]
    return pa.Table.from_arrays([*columns, examined], names=UPLOADS.names)


def _with_key(table: pa.Table) -> pa.Table:
    """Return a table with columns that tell uploads apart."""
    version = pc.fill_null(table["version"], "")
    upload = pc.binary_join_element_wise(table["photo"], version, "\n")
    return table.append_column("upload_version", version).append_column("upload", upload).combine_chunks()


def _once(facts: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows whose upload was examined once, and the others."""
    upload = facts["upload"].combine_chunks().dictionary_encode()
    numbers = upload.indices.to_numpy()
    is_single = np.bincount(numbers, minlength=len(upload.dictionary))[numbers] == 1
    if is_single.all():
        return facts, facts.slice(0, 0)
    return facts.filter(pa.array(is_single)), facts.filter(pa.array(~is_single))


def _chosen(facts: pa.Table, records: pa.Table) -> pa.Table:
    """Return of uploads that were examined several times the row of the record's bytes, else any other.

    An original examined twice (in a whole batch and in half of it) has equal rows; one that was replaced has not.
    """
    if not len(facts):
        return facts
    sha256 = dict(zip(records["upload"].to_pylist(), records["sha256"].to_pylist(), strict=True))
    told = [_packed(row) for row in facts.select(EXAMINED_NEEDED.names).to_pylist()]
    best: dict[str, tuple[tuple[bool, str], int]] = {}
    for place, (upload, digest, text) in enumerate(
        zip(facts["upload"].to_pylist(), facts["sha256"].to_pylist(), told, strict=True)
    ):
        rank = (digest != sha256.get(upload), text)
        if upload not in best or rank < best[upload][0]:
            best[upload] = (rank, place)
    return facts.take([place for _, place in best.values()])


def _packed(row: Any) -> str:
    there = {name: value for name, value in row.items() if value is not None}
    if "facts" in there:
        there["facts"] = {
            name: unpacked(value) if isinstance(value, bytes) else value
            for name, value in there["facts"].items()
            if value is not None
        }
    return json.dumps(there, ensure_ascii=False, separators=(",", ":"))


def _place_of(photos: pa.Array, first: str, low: int) -> int:
    """Return how many keys of an ordered column are before `first`, which is behind `low` of them."""
    high = len(photos)
    while low < high:
        middle = (low + high) // 2
        if photos[middle].as_py() < first:
            low = middle + 1
        else:
            high = middle
    return low
