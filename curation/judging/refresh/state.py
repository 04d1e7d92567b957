"""State: what a refresh keeps of every upload beside the generation that it published.

It lies in parts (`judged/parts/<digest>.arrow`), each of uploads that came together, so that new uploads make new parts
and only parts in which an upload changed are written again. Everything in it can be made again from records and facts.

Each row has the verdict on the upload alone, columns as in VERDICT without any memory; what the upload shows of its
camera; the keys by which copies are found; what all uploads together decided; and what was published of it.
Groups, devices and owners are told by 64 bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.storage import Store
from curation.judging.refresh.files import among, flattened, read_arrow, write_arrow
from curation.judging.verdict import VERDICT

FOLDER = "judged/parts"
PART_UPLOADS = 2_000

_U64, _BOOL, _TEXT = pa.uint64(), pa.bool_(), pa.string()
ALONE = pa.schema(
    [
        *VERDICT,
        *((f"_{name}", _U64) for name in ("photo", "content", "owner", "device", "own_group", "cap", "camera", "sha")),
        *((f"_{name}", _BOOL) for name in ("is_clean", "is_there", "is_stored", "is_deleted")),
        *((f"_{name}", _TEXT) for name in ("named", "labelled")),
        *((f"_{name}", pa.list_(_U64)) for name in ("claims", "keys")),
    ]
)
"""What an upload alone says; `_named`, `_labelled`: keys of the cameras that EXIF and the collection name."""
DECIDED = pa.schema(
    [
        ("_group", _U64), ("_side", _BOOL), ("_two_sides", _BOOL), ("_beyond", _BOOL),
        *((f"_copy_{name}", _TEXT) for name in ("reason", "of", "group")),
    ]
)  # fmt: skip
"""What all uploads together decided before the last step."""
PUBLISHED = pa.schema(
    [
        ("kept", _BOOL), ("reasons", pa.list_(_TEXT)), ("group", _TEXT), ("has_side", _BOOL), ("split", _TEXT),
        ("fold", pa.int32()), ("duplicate_of", _TEXT), ("error", _TEXT),
    ]
)  # fmt: skip
"""Columns of CURATED that differ from the verdict on the upload alone; in the state their names begin with `=`."""
STATE = pa.schema(
    [*ALONE, *DECIDED, *(pa.field(f"={field.name}", field.type) for field in PUBLISHED), ("_digest", pa.binary(32))]
)


@dataclass(frozen=True)
class State:
    """All parts together."""

    parts: tuple[str, ...]
    tables: tuple[pa.Table, ...]

    @cached_property
    def table(self) -> pa.Table:
        """All rows, part by part."""
        return pa.concat_tables([STATE.empty_table(), *self.tables])

    @cached_property
    def part_of(self) -> npt.NDArray[np.int64]:
        """The part of each row."""
        return np.repeat(np.arange(len(self.tables)), [len(table) for table in self.tables])

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers or of truth values."""
        if name not in self._columns:
            self._columns[name] = self.table[name].to_numpy()
        return self._columns[name]

    @cached_property
    def groups(self) -> npt.NDArray[np.uint64]:
        """The published groups as numbers."""
        return hex_numbers(self.table["=group"])

    def lists(self, name: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """Return all items of a column of lists, and the row of each."""
        if name not in self._columns:
            self._columns[name], self._columns[f"{name} rows"] = flattened(self.table[name])
        return self._columns[name], self._columns[f"{name} rows"]

    def having(self, name: str, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Return the rows whose list has one of these values, in order."""
        items, rows = self.lists(name)
        found: npt.NDArray[np.int64] = np.unique(rows[among(items, values)])
        return found


def hex_numbers(column: pa.ChunkedArray | pa.Array) -> npt.NDArray[np.uint64]:
    """Return texts of 16 hex digits as numbers; 0 for null."""
    texts = pc.fill_null(column, "0" * 16)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if isinstance(texts, pa.ChunkedArray):
        texts = pa.concat_arrays(texts.chunks) if texts.num_chunks else pa.array([], pa.string())
    if not len(texts):
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]].reshape(-1, 16)
    digits = np.where(data >= ord("a"), data - (ord("a") - 10), data - ord("0"))
    packed = (digits[:, 0::2] << 4) | digits[:, 1::2]
    return np.ascontiguousarray(packed).view(">u8").ravel().astype(np.uint64)


def hex_text(number: int) -> str:
    """Return a number as the 16 hex digits that it was read from."""
    return f"{number:016x}"


def read_state(store: Store, parts: Sequence[str]) -> State:
    """Return the state of these parts."""
    return State(tuple(parts), tuple(read_arrow(store, f"{FOLDER}/{name}.arrow") for name in parts))


def write_parts(
    store: Store, state: State, gone: npt.NDArray[np.int64], changed: pa.Table, old: npt.NDArray[np.int64]
) -> tuple[list[str], list[tuple[int | None, pa.Table]]]:
    """Write the parts in which something changed; return the names of all, and (former place, table) of those written.

    `gone`: rows that are no more, those in `changed` among them. `old`: of each changed row its row before, -1 for a
    new upload. New uploads fill the last part, then make new ones.
    """
    gone_of: dict[int, list[int]] = {}
    starts = np.cumsum([0, *(len(table) for table in state.tables)])
    for row in gone.tolist():
        part = int(state.part_of[row])
        gone_of.setdefault(part, []).append(row - int(starts[part]))
    part_of = np.where(old >= 0, state.part_of[np.maximum(old, 0)] if len(state.part_of) else 0, -1)
    new = np.flatnonzero(part_of < 0)
    if len(new):
        keys = changed.select(["photo", "version"]).take(pa.array(new))
        new = new[pc.sort_indices(keys, [("photo", "ascending"), ("version", "ascending")]).to_numpy()]
        last = len(state.tables) - 1
        room = max(0, PART_UPLOADS - len(state.tables[last]) + len(gone_of.get(last, ()))) if last >= 0 else 0
        room -= int((part_of == last).sum()) if last >= 0 else 0
        places = np.arange(len(new)) - max(room, 0)
        part_of[new] = last + 1 + np.maximum(places // PART_UPLOADS, -1)
    names = list(state.parts)
    written: list[tuple[int | None, pa.Table]] = []
    for part in sorted({*gone_of, *part_of.tolist()}):
        tables = [changed.take(pa.array(np.flatnonzero(part_of == part)))]
        if part < len(state.tables):
            kept = np.ones(len(state.tables[part]), bool)
            kept[gone_of.get(part, [])] = False
            tables.append(state.tables[part].filter(pa.array(kept)))
        table = pa.concat_tables(tables).sort_by([("photo", "ascending"), ("version", "ascending")])
        written.append((part if part < len(state.tables) else None, table))
        name = write_arrow(store, FOLDER, table)
        names[part : part + 1] = [name]
    return names, written
