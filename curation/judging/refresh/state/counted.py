"""Counted: how many pictures and owners show each value of a camera, kept for the next refresh.

Kept in segments (`curation.judging.refresh.state.segments`): what a value is and reads like (`judged/values/`), which
does not change; its numbers (`judged/numbers/`), which change each day; of values that are counted together the
smallest owners (`judged/owners/`), which change rarely once they are many; and by how many pictures each owner counts
for each value (`judged/showing/`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.cameras.catalogue import Catalogue
from corpus.sections import Consensus
from corpus.storage import Store
from curation.consensus import ASPECTS, CANDIDATES_SHOWN, FIELDS, SHOWN, Count, stated
from curation.judging.arrays.numbers import SPREADING
from curation.judging.arrays.ordered import unique
from curation.judging.learning import places_in_runs
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.index import number_of
from curation.judging.refresh.state.segments import Segments, read_segments, write_segments

Row = dict[str, Any]
Places = npt.NDArray[np.int64]

FOLDERS, SHOWING = ("values", "numbers", "owners"), "showing"
_VALUES = pa.schema([("value", pa.string()), ("text", pa.string()), ("of", pa.uint64())])
"""`value`: camera, aspect and value, a line each; `of`: a number of the first two, 0 where all values are learned
from."""
_NUMBERS = pa.schema([("photos", pa.int64()), ("owners", pa.int64())])
_OWNERS = pa.schema([("seen", pa.list_(pa.uint64()))])
_SHOWING = pa.schema([("pictures", pa.int32())])
_ROWS_MAX = 100_000
_SCHEMAS = dict(zip(FOLDERS, (_VALUES, _NUMBERS, _OWNERS), strict=True))
_SINGLE = {*ASPECTS, *SHOWN} - {"tables", "segments", "table family", "closed"}
"""Aspects of which each value is learned for itself."""


class ChangedPairs(NamedTuple):
    """By how many pictures owners counted for values and count now, where that has changed; 0 among them."""

    number: npt.NDArray[np.uint64]
    """`numbers_of_pairs` of both, each once."""
    was: npt.NDArray[np.int64]
    now: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Counted:
    """The counts; `changed` are not written yet."""

    values: Segments
    numbers: Segments
    owners: Segments
    showing: Segments
    """By `number_of_pair`."""
    changed: Mapping[int, Row] = field(default_factory=dict)
    changed_pairs: ChangedPairs | None = None

    @classmethod
    def read(cls, store: Store, names: Mapping[str, Collection[str]]) -> "Counted":
        """Return the counts of these segments by folder; none where there are no names."""
        values, numbers, owners = (
            read_segments(store, f"judged/{folder}", tuple(names.get(folder, ())), schema)
            for folder, schema in _SCHEMAS.items()
        )
        showing = read_segments(store, f"judged/{SHOWING}", tuple(names.get(SHOWING, ())), _SHOWING)
        return cls(values, numbers, owners, showing)

    @property
    def names(self) -> dict[str, Sequence[str]]:
        """The segments by folder."""
        return {folder: list(getattr(self, folder).names) for folder in (*FOLDERS, SHOWING)}

    def pictures_of(self, pairs: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Return by how many pictures owners count for values; `pairs`: `numbers_of_pairs` of both, each once."""
        return self.showing.values_of(pairs, "pictures").astype(np.int64)

    def rows_of(self, numbers: Collection[int]) -> dict[int, Row]:
        """Return value, text, photos, owners and seen of some values, of those that there are."""
        wanted = np.fromiter(numbers, np.uint64, len(numbers))
        found: dict[int, Row] = {}
        for folder in FOLDERS:
            segments: Segments = getattr(self, folder)
            keys = segments.column("key")
            rows = among(keys, wanted)
            for number, row in zip(keys[rows].tolist(), segments.take(rows).to_pylist(), strict=True):
                found.setdefault(number, {"seen": []}).update(row)
        return found

    def with_rows(self, rows: Mapping[int, Row], pairs: ChangedPairs | None = None) -> "Counted":
        """Return the counts with these rows and pictures by pair; a value without photos is none any more."""
        return replace(self, changed=rows, changed_pairs=pairs)

    def written(self, store: Store) -> "Counted":
        """Write what has changed."""
        before = self.rows_of(self.changed.keys())
        found = []
        for folder, schema in _SCHEMAS.items():
            segments: Segments = getattr(self, folder)
            now = {number: _of(row, schema) for number, row in self.changed.items() if row["photos"]}
            now = {number: row for number, row in now.items() if row.get("seen", True)}
            was = {number: _of(row, schema) for number, row in before.items()}
            different = {number: row for number, row in now.items() if row != was.get(number)}
            gone = np.array(sorted(self.changed.keys() - now.keys()), np.uint64)
            there = gone[segments.there(gone)]
            table = pa.Table.from_pylist(list(different.values()), schema)
            new = np.array(list(different), np.uint64)
            found.append(write_segments(store, f"judged/{folder}", segments, new, table, there))
        values, numbers, owners = found
        showing = self.showing if self.changed_pairs is None else self._written_pairs(store, self.changed_pairs)
        return Counted(values, numbers, owners, showing)

    def _written_pairs(self, store: Store, changed: ChangedPairs) -> Segments:
        some, gone = (changed.now > 0), (changed.now == 0) & (changed.was > 0)
        table = pa.table([pa.array(changed.now[some], pa.int32())], _SHOWING)
        keys, is_there = changed.number[some], changed.was[some] > 0
        return write_segments(
            store, f"judged/{SHOWING}", self.showing, keys, table, changed.number[gone], _ROWS_MAX, is_there
        )

    def to_learn(self, catalogue: Catalogue, limits: Consensus) -> list[Count]:
        """Return the counts as `curation.consensus.learn` takes them, without those that it would leave out."""
        keys, value_keys = self.numbers.column("key"), self.values.column("key")
        order = np.argsort(value_keys)
        place = order[np.searchsorted(value_keys, keys, sorter=order)] if len(keys) else order
        photos, owners = self.numbers.column("photos").copy(), self.numbers.column("owners").copy()
        of = self.values.column("of")[place]
        numbers = np.array(sorted(self.changed), np.uint64)
        photos[among(keys, numbers)] = 0  # those come from `changed`
        changed = {number: row for number, row in self.changed.items() if row["photos"]}
        new = np.array(list(changed), np.uint64)
        keys = np.concatenate([keys, new])
        of = np.concatenate([of, np.array([_of_aspect(row["value"]) for row in changed.values()], np.uint64)])
        photos, owners = (
            np.concatenate([column, np.array([row[name] for row in changed.values()], np.int64)])
            for column, name in ((photos, "photos"), (owners, "owners"))
        )
        is_sure = (of == 0) | ((photos >= limits.photos_min) & (owners >= limits.owners_min))
        listed = [number_of(text) for camera in catalogue.cameras for text in _stated(camera)]
        is_sure[among(keys, np.array(listed, np.uint64))] = True
        sure, others = np.flatnonzero(is_sure & (photos > 0)), np.flatnonzero(~is_sure & (photos > 0))
        chosen = np.concatenate([sure, self._strongest(others, keys, of, photos, owners)])
        told = self.rows_of(set(keys[chosen].tolist()) - changed.keys()) | {
            number: changed[number] for number in keys[chosen].tolist() if number in changed
        }
        return sorted(_count(row) for row in told.values())

    def _strongest(self, rows: Places, keys: Any, of: Any, photos: Any, owners: Any) -> Places:
        """Return of each camera and aspect the rows that may be shown as candidates: the strongest, ties included."""
        order = rows[np.lexsort((-photos[rows], -owners[rows], of[rows]))]
        rank = places_in_runs(of[order])
        last = order[rank == CANDIDATES_SHOWN - 1]
        least = zip(of[last].tolist(), owners[last].tolist(), photos[last].tolist(), strict=True)
        some = order[rank < CANDIDATES_SHOWN]
        ties = [
            order[(of[order] == group) & (owners[order] == least_owners) & (photos[order] == least_photos)]
            for group, least_owners, least_photos in least
        ]
        return unique(np.concatenate([some, *(self._first_by_value(rows, keys) for rows in ties)]))

    def _first_by_value(self, rows: Places, keys: Any) -> Places:
        """Return those of some rows whose values come first."""
        if len(rows) <= CANDIDATES_SHOWN:
            return rows
        value_keys = self.values.column("key")
        order = np.argsort(value_keys)
        texts = {number: row["value"] for number, row in self.changed.items()}
        missing = np.array([number for number in keys[rows].tolist() if number not in texts], np.uint64)
        place = order[np.searchsorted(value_keys, missing, sorter=order)]
        told = dict(zip(missing.tolist(), self.values.take(place, ["value"])["value"].to_pylist(), strict=True))
        values = pa.array([texts.get(number) or told[number] for number in keys[rows].tolist()])
        found: Places = rows[pc.sort_indices(values).to_numpy()[:CANDIDATES_SHOWN]]
        return found


def numbers_of_pairs(value: npt.NDArray[np.uint64], owner: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a number for each value and owner."""
    found: npt.NDArray[np.uint64] = (value ^ (value >> np.uint64(31))) * SPREADING + owner
    return found


def _of(row: Row, schema: pa.Schema) -> Row:
    return {name: _of_aspect(row["value"]) if name == "of" else row[name] for name in schema.names}


def _of_aspect(value: str) -> int:
    camera, aspect, _ = value.split("\n", 2)
    return number_of(f"{camera}\n{aspect}") if aspect in _SINGLE else 0


def _stated(camera: Any) -> list[str]:
    return [f"{camera.key}\n{aspect}\n{value}" for aspect in FIELDS for value in stated(camera, aspect)]


def _count(row: Row) -> Count:
    camera, aspect, value = row["value"].split("\n", 2)
    return Count(camera, aspect, value, row["text"], row["photos"], row["owners"], frozenset(row["seen"] or ()))
