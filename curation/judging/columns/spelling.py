"""Spelling: the digest of each row of a table, that of the row's values as JSON, spelled column by column."""

import hashlib
import json
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.judging.arrays.characters import bytes_outside, rows_with
from curation.judging.arrays.distinct import codes_of

_ESCAPED = bytes_outside(first=ord(" "), last=ord("~"), but=b'"\\')
"""Bytes that JSON does not spell as they are; all but ASCII is escaped."""

DIGESTS = 1 << 256
"""How many digests there are."""


def row_digests(table: pa.Table) -> list[bytes]:
    """Return the SHA-256 of each row as `json.dumps` spells the list of its values."""
    if not len(table):
        return []
    columns = [_spelled(column.combine_chunks()) for column in table.columns]
    joined = pc.binary_join_element_wise(*columns, ", ").cast(pa.binary()).to_pylist()
    return [hashlib.sha256(b"[%b]" % text).digest() for text in joined]


def digests_sum(digests: Iterable[bytes]) -> int:
    """Return the sum of digests of rows, modulo DIGESTS: from it, a refresh takes away those of rows that changed."""
    return sum(int.from_bytes(digest) for digest in digests) % DIGESTS


def _spelled(column: pa.Array) -> pa.Array:
    """Return each value as JSON."""
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return pc.fill_null(column.cast(pa.string()), "null")
    codes = codes_of(column)
    if not pa.types.is_string(column.type) or codes.number * 2 < len(column):
        distinct = column.take(pa.array(codes.firsts)).to_pylist()
        return pa.array([json.dumps(value) for value in distinct], pa.string()).take(pa.array(codes.codes))
    texts = pc.binary_join_element_wise('"', column, '"', "")
    texts = pc.fill_null(texts, "null")
    rows = rows_with(column, _ESCAPED)
    if not len(rows):
        return texts
    spelled = pa.array([json.dumps(value) for value in column.take(pa.array(rows)).to_pylist()], pa.string())
    is_escaped = np.zeros(len(column), bool)
    is_escaped[rows] = True
    return pc.replace_with_mask(texts, pa.array(is_escaped), spelled)
