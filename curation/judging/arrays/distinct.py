"""Distinct: number the distinct values of columns and of their combinations, so that a function is asked once for each.

A corpus has few distinct cameras, sizes, tables and headers, whatever its length. What a rule says of them is computed
for each combination that occurs and dealt to the rows by number. Everything is numpy and Arrow over whole columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SPARSE = 4
"""Combinations are numbered by a table of all that are possible while these are at most so many times the rows."""


@dataclass(frozen=True)
class Codes:
    """The number of each row's value: equal numbers are equal values."""

    codes: np.ndarray
    """int64, 0 … `number` - 1."""
    number: int

    @cached_property
    def firsts(self) -> np.ndarray:
        """The first row of each value."""
        found = np.zeros(self.number, np.int64)
        found[self.codes[::-1]] = np.arange(len(self.codes))[::-1]
        return found

    def dealt(self, answers: Sequence[Any] | np.ndarray, dtype: Any) -> np.ndarray:
        """Return what there is for each value as an array of what there is for each row."""
        return np.array(answers, dtype)[self.codes] if self.number else np.zeros(0, dtype)


def codes_of(array: pa.Array) -> Codes:
    """Return the numbers of the values of a column of any type, null among them."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_list(array.type):
        return _codes_of_lists(array)
    if pa.types.is_null(array.type):
        return Codes(np.zeros(len(array), np.int64), min(len(array), 1))
    encoded = array.dictionary_encode(null_encoding="encode")
    return Codes(encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary))


def combined(codes: Sequence[Codes]) -> Codes:
    """Return the numbers of the combinations of several columns that occur; `codes` are at least one."""
    found, number = codes[0].codes, codes[0].number
    for one in codes[1:]:
        if number * max(one.number, 1) >= 1 << 62:
            found, number = _dense(found, number)
        found, number = found * one.number + one.codes, number * one.number
    return Codes(*_dense(found, number))


def _dense(found: np.ndarray, number: int) -> tuple[np.ndarray, int]:
    if number <= _SPARSE * len(found):
        occurs = np.zeros(number, bool)
        occurs[found] = True
        places = np.cumsum(occurs) - 1
        return places[found], int(occurs.sum())
    encoded = pa.array(found).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), len(encoded.dictionary)


def _codes_of_lists(array: pa.ListArray) -> Codes:
    """Return the numbers of lists: those of their items, read as bytes."""
    offsets = array.offsets.to_numpy()
    items = array.values.slice(int(offsets[0]), int(offsets[-1] - offsets[0])) if len(array) else array.values[:0]
    told = codes_of(items).codes.astype(np.int32) if len(items) else np.zeros(0, np.int32)
    places = (offsets - offsets[0]).astype(np.int64) * told.itemsize
    buffers = [None, pa.py_buffer(places), pa.py_buffer(np.ascontiguousarray(told))]
    spelled = pa.Array.from_buffers(pa.large_binary(), len(array), buffers)
    if array.null_count:
        spelled = pc.if_else(array.is_valid(), spelled, None)
    return codes_of(spelled)
