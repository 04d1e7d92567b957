"""Columns: the three tables of a generation's index, as Arrow IPC files that are memory-mapped.

`groups.arrow`, `photos.arrow` and `tiles.arrow` are sorted alike, so that the photos of a group are a range of rows,
and the tiles of a photo, of a group and of a class as well. A process that maps them holds none of them: all processes
of a machine share the page cache. Files of another schema are refused, and rows that are not there. Whether
a file's bytes are those that were published is not looked at here: `shards.index.tables` says what is.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.errors import StorageError
from shards.entries import MEND, mapped

Numbers = npt.NDArray[np.int64]

GROUPS = pa.schema(
    [
        ("label", pa.int32()), ("group", pa.string()),
        ("split", pa.int8()),  # place in corpus.records.SPLITS
        ("fold", pa.int32()),  # -1 in generations without folds
        ("first_photo", pa.int64()), ("photos", pa.int32()), ("first_tile", pa.int64()), ("tiles", pa.int64()),
    ]
)  # fmt: skip
"""One row for each group of a class (and, should photos of a group differ in them, for each of its splits and folds),
sorted by label, group, split and fold."""

PHOTOS = pa.schema(
    [
        ("photo", pa.uint64()),  # its digest, of which shards.plan.photo_digest gives the 16 hex digits
        ("group", pa.int32()),  # row of groups.arrow
        ("first_tile", pa.int64()), ("tiles", pa.uint16()),
        ("least_px", pa.uint16()),  # the shortest edge of its tiles
        ("quality_factor", pa.int8()),  # -1: unknown
    ]
)  # fmt: skip
"""One row for each photo, sorted by group, then `least_px` from large to small, then digest. The photos of a group
whose tiles hold a crop of some size are therefore its first ones."""

TILES = pa.schema(
    [
        ("photo", pa.int32()),  # row of photos.arrow
        ("tile", pa.uint16()),  # number in its photo; 0 is the central one
        ("tar", pa.int32()),  # place in the index's tars
        ("row", pa.int32()),  # row of that tar's own table
        ("offset_bytes", pa.int64()), ("length_bytes", pa.int32()),  # of the JPEG in the tar
        ("x_px", pa.uint16()), ("y_px", pa.uint16()), ("width_px", pa.uint16()), ("height_px", pa.uint16()),
    ]
)  # fmt: skip
"""One row for each tile, sorted by photo and number. JPEG knows no edge beyond 65,535 px."""

SCHEMAS = {"groups": GROUPS, "photos": PHOTOS, "tiles": TILES}


def values(array: pa.Array) -> npt.NDArray[Any]:
    """Return the numbers of an array without nulls, without a copy; Arrow's own way imports pandas: 0.3 s, 25 MB."""
    kind = np.dtype(array.type.to_pandas_dtype())
    if not len(array):
        return np.empty(0, kind)
    return np.frombuffer(array.buffers()[1], kind, len(array), array.offset * kind.itemsize)


def write_columns(path: Path, table: pa.Table) -> None:
    """Write a table as an Arrow IPC file: one record batch, uncompressed; equal tables give equal bytes."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        for batch in table.combine_chunks().to_batches():
            writer.write_batch(batch)


@dataclass(frozen=True)
class Columns:
    """The columns of one mapped file; `columns["name"]` is an array over the map, which copies nothing."""

    path: str
    """For messages as well."""
    schema: pa.Schema
    data: bytes | None = None
    """The file's bytes, where it is not one of this machine."""

    @cached_property
    def _batch(self) -> Any:
        try:
            # the map stays when its file is closed, so no handle is held
            with mapped(self.path, self.path) if self.data is None else pa.BufferReader(self.data) as source:
                file = pa.ipc.open_file(source)
                batch = file.get_batch(0) if file.num_record_batches else pa.RecordBatch.from_pylist([], file.schema)
            batch.validate(full=True)  # damaged lengths and offsets must not be believed; numbers are not looked at
        except (OSError, ValueError, pa.ArrowException) as error:
            raise StorageError(f"{self.path} is not a table of the index: {error}; {MEND}") from error
        if not batch.schema.equals(self.schema):
            raise StorageError(f"{self.path} has other columns than this version reads; {MEND}")
        return batch

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @cached_property
    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: values(self._batch[field.name]) for field in self.schema if field.type != pa.string()}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers, of the file's own type; it cannot be written to."""
        return self._arrays[name]

    def at(self, name: str, rows: Numbers) -> Numbers:
        """Return a column's numbers in these rows as int64; errors as `taken` has them."""
        return self.taken(name, rows).astype(np.int64)

    def taken(self, name: str, rows: Numbers) -> npt.NDArray[Any]:
        """Return a column's numbers in these rows, of the file's own type.

        Raises StorageError for rows that there are not: they come from another table of the index, which is damaged.
        """
        try:
            return self._arrays[name][rows]
        except IndexError as error:
            raise StorageError(
                f"a table of the index beside {self.path} is damaged: it names a row that is not there ({error}); "
                "python -m shards.verify latest names the table and how to mend it"
            ) from error

    def texts(self, name: str, rows: Numbers) -> list[str]:
        """Return a column's texts in these rows."""
        texts: list[str] = self.strings(name, rows).to_pylist()
        return texts

    def strings(self, name: str, rows: npt.NDArray[np.integer[Any]]) -> pa.Array:
        """Return a column's texts in these rows as an array of Arrow."""
        return self._batch[name].take(pa.array(rows))
