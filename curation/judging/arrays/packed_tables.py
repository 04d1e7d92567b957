"""Packed tables: sets of quantisation tables as bytes, since Arrow moves and compares nested lists an item at a time.

A set whose tables all have 64 entries is these entries, two bytes each, so its length is a multiple of 128. Any other
set, which no program of today writes, is JSON of a length that is none.
"""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_ENTRIES = 64
_TABLE_BYTES = 2 * _ENTRIES


def packed(sets: pa.ListArray) -> pa.Array:
    """Return a column of lists of lists of 16-bit numbers as binary; null stays null."""
    tables = sets.flatten()
    lengths = pc.list_value_length(tables)
    entries = tables.flatten()
    is_whole = pc.all(pc.equal(lengths, _ENTRIES), min_count=0).as_py()
    if tables.null_count or entries.null_count or not is_whole:
        return pa.array([_bytes_of(one) for one in sets.to_pylist()], pa.binary())
    numbers = pc.fill_null(pc.list_value_length(sets), 0).to_numpy().astype(np.int64)
    ends = np.cumsum(numbers) * _TABLE_BYTES
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    data = np.ascontiguousarray(entries.to_numpy())
    found = pa.Array.from_buffers(pa.binary(), len(sets), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    return pc.if_else(sets.is_valid(), found, None) if sets.null_count else found


def unpacked(data: bytes | None) -> Any:
    """Return the set of tables that `packed` made bytes of, as lists."""
    if data is None:
        return None
    if len(data) % _TABLE_BYTES:
        return json.loads(data)
    return np.frombuffer(data, np.uint16).reshape(-1, _ENTRIES).tolist()


def with_packed(facts: pa.StructArray, name: str) -> pa.StructArray:
    """Return a column of facts with the field `name` packed."""
    fields, arrays = list(facts.type), facts.flatten()
    at = facts.type.get_field_index(name)
    arrays[at], fields[at] = packed(arrays[at]), pa.field(name, pa.binary())
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=facts.is_null())


def _bytes_of(tables: list[Any] | None) -> bytes | None:
    if tables is None:
        return None
    if all(table is not None and len(table) == _ENTRIES and None not in table for table in tables):
        return np.array(tables, np.uint16).tobytes()
    text = json.dumps(tables)
    return f"{text} ".encode() if len(text) % _TABLE_BYTES == 0 else text.encode()
