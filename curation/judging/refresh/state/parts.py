"""State: what a refresh keeps of every upload beside the generation that it published.

It lies in segments (`judged/parts/<digest>.arrow`, `curation.judging.refresh.state.segments`): a refresh writes the
rows of the uploads that are new or changed. Everything in it can be made again from records and facts.

Each row has the verdict on the upload alone, columns as in VERDICT without any memory; what the upload shows of its
camera; what all uploads together decided; and what was published of it, also as
numbers. Groups, devices and owners are told by 64 bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import CURATED
from corpus.storage import Store
from curation.judging.arrays.ordered import setdiff1d
from curation.judging.refresh.state.segments import Segments, read_segments, write_segments
from curation.judging.verdict import VERDICT

FOLDER = "judged/parts"
PART_UPLOADS = 1_000
"""Uploads of a file of the published table: one that changes costs its file, and each generation names all files."""
_PARTS_AT_ONCE = 50
SEGMENT_UPLOADS = 2_000
"""A segment of more uploads, each about 1 kB, is not merged with others any more."""

_U64, _BOOL, _TEXT = pa.uint64(), pa.bool_(), pa.string()
ALONE = pa.schema(
    [
        *VERDICT,
        *(
            (f"_{name}", _U64)
            for name in (
                "photo", "content", "owner", "device", "own_group", "cap", "camera", "sha", "scan", "whom", "named",
                "labelled",
            )
        ),
        *((f"_{name}", _BOOL) for name in ("is_clean", "is_there", "is_stored", "is_deleted")),
        ("_claims", pa.list_(_U64)),
    ]
)  # fmt: skip
"""What an upload alone says; `_named`, `_labelled`: the cameras that EXIF and the collection name; `_scan`: its file
where its scan is not known; `_whom`: its owner, and of those that a site does not name one that stands for them all."""
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
NUMBERED = pa.schema(
    [("_published", _U64), ("_split", pa.int8()), ("_fold", pa.int16()), ("_hub", _U64), ("_part", pa.int32())]
)
"""The published group, the place of the split in `corpus.records.SPLITS` and the fold, -1 for none; a number of the
photograph that it is a copy of and of the reason, 0 for none; the file of the published table, for good."""
STATE = pa.schema(
    [
        *ALONE, *DECIDED, *(pa.field(f"={field.name}", field.type) for field in PUBLISHED), *NUMBERED,
        ("_digest", pa.binary(32)),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class State:
    """All uploads that the last run knew."""

    rows: Segments

    @classmethod
    def empty(cls) -> "State":
        """Return the state before the first refresh."""
        return cls(Segments(STATE))

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers or of truth values."""
        return self.rows.column("key" if name == "id" else name)

    def take(self, rows: npt.NDArray[np.int64], names: Sequence[str] | None = None) -> pa.Table:
        """Return columns of some rows, in their order."""
        return self.rows.take(rows, names)

    def having(self, name: str, values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Return the rows whose list has one of these values, in order."""
        return self.rows.having(name, values)

    @cached_property
    def part_sizes(self) -> npt.NDArray[np.int64]:
        """How many uploads each file of the published table has."""
        return np.bincount(self.column("_part"))

    def parts_for(self, old: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Return the files of the published table that rows belong to; new uploads fill the last one, then new ones.

        `old`: of each row, in the order of keys, its row here, -1 for a new upload.
        """
        found = np.full(len(old), -1, np.int32)
        found[old >= 0] = self.column("_part")[old[old >= 0]]
        new = np.flatnonzero(old < 0)
        last = max(len(self.part_sizes) - 1, 0)
        there = int(self.part_sizes[last]) if len(self.part_sizes) else 0
        found[new] = last + np.maximum(np.arange(len(new)) + there, 0) // PART_UPLOADS
        return found

    def of_parts(self, parts: npt.NDArray[np.int64]) -> Iterator[tuple[int, pa.Table]]:
        """Yield some files of the published table, each once and in order, with their rows in the order of keys."""
        of = self.column("_part")
        for first in range(0, len(parts), _PARTS_AT_ONCE):
            some = parts[first : first + _PARTS_AT_ONCE]
            wanted = np.zeros(int(max(of.max(initial=0), some.max(initial=0))) + 1, bool)
            wanted[some] = True
            rows = np.flatnonzero(wanted[of])
            table = self.take(rows, [name for name in STATE.names if name in _SHOWN])
            order = pc.sort_indices(table, [("_part", "ascending"), ("photo", "ascending"), ("version", "ascending")])
            table, numbers = table.take(order), of[rows][order.to_numpy()]
            edges = np.searchsorted(numbers, [some, some + 1])
            columns = zip(some.tolist(), edges[0].tolist(), edges[1].tolist(), strict=True)
            yield from ((part, table.slice(start, end - start)) for part, start, end in columns)


_SHOWN = {"_part", *CURATED.names, *(f"={name}" for name in PUBLISHED.names)} - set(PUBLISHED.names)


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
    """Return the state of these segments."""
    return State(read_segments(store, FOLDER, parts, STATE))


def write_state(store: Store, state: State, gone: npt.NDArray[np.int64], changed: pa.Table) -> State:
    """Return the next state and write it; `gone`: rows that are no more or stand in `changed`."""
    ids = changed["id"].to_numpy()
    ended = setdiff1d(state.column("id")[gone], ids)
    return State(write_segments(store, FOLDER, state.rows, ids, changed, ended, SEGMENT_UPLOADS))
