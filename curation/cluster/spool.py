"""Spool: Arrow tables that the tasks of one computation leave for each other, in files or in this process's memory.

A file holds a table for each reader, so that rows are dealt to readers as they are written: what a task leaves for the
n-th task of the next step is the n-th table of its file. Files are written whole or not at all, and equal calls write
equal files, so a task that is done again after its worker died changes nothing. They are not flushed to the disk: after
a crash of the machine a run begins anew, and removes what the one before has left.
"""

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from corpus.storage import Store

_PLAIN = pa.ipc.IpcWriteOptions()
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """Tables by name; plain data, so that it can be sent to Dask workers."""

    def __init__(self, store: Store | None, folder: str) -> None:
        """Keep tables below a folder of a store that all workers see; None: in the memory of this process."""
        self._store, self._folder = store, folder
        self._kept: dict[str, list[pa.Table]] = {}

    def write(self, name: str, tables: Iterable[pa.Table], *, packed: bool = True) -> None:
        """Leave a table for each reader, all of one schema; `packed`: compress them."""
        if self._store is None:
            self._kept[name] = list(tables)
            return
        sink = pa.BufferOutputStream()
        writer = None
        for table in tables:
            writer = writer or pa.ipc.new_file(sink, table.schema, options=_PACKED if packed else _PLAIN)
            batches = table.combine_chunks().to_batches()
            if len(batches) > 1:  # texts of more than 2 GB, which one batch cannot hold
                raise ValueError(f"{name}: a table of {table.nbytes:,} bytes is too large; lower curation.judge_photos")
            writer.write_batch(batches[0] if batches else _empty(table.schema))
        if writer is None:
            raise ValueError(f"{name}: no table to write")
        writer.close()
        self._publish(f"{self._folder}/{name}.arrow", sink.getvalue())

    def read(self, name: str, place: int = 0, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the table left for reader `place`, or columns of it."""
        if self._store is None:
            table = self._kept[name][place]
            return table if columns is None else table.select(columns)
        path = f"{self._folder}/{name}.arrow"
        if self._store.is_local:
            with pa.memory_map(self._store.path(path)) as file:
                return _table(file, place, columns)
        with self._store.open(path) as opened:
            return _table(opened, place, columns)

    def gathered(self, names: Iterable[str], place: int = 0, columns: Sequence[str] | None = None) -> pa.Table:
        """Return all tables left for reader `place` under several names, in the order of these, as one."""
        return pa.concat_tables([self.read(name, place, columns) for name in names])

    def remove(self, names: Iterable[str] | None = None) -> None:
        """Remove tables that are not needed any more; None: all of them."""
        if names is None:
            self._kept.clear()
            if self._store is not None:
                self._store.remove(self._folder)
            return
        for name in names:
            self._kept.pop(name, None)
            if self._store is not None:
                self._store.remove_file(f"{self._folder}/{name}.arrow")  # one request instead of two

    def _publish(self, path: str, data: pa.Buffer) -> None:
        assert self._store is not None  # noqa: S101 - for mypy
        if not self._store.is_local:
            self._store.publish(path, data.to_pybytes())
            return
        target = Path(self._store.path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{target.name}.{secrets.token_hex(6)}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)


def _table(file: Any, place: int, columns: Sequence[str] | None) -> pa.Table:
    reader = pa.ipc.open_file(file)
    if columns is not None:
        fields = [reader.schema.get_field_index(name) for name in columns]
        file.seek(0)
        reader = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields))
    table = pa.Table.from_batches([reader.get_batch(place)])
    return table if columns is None else table.select(columns)


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
