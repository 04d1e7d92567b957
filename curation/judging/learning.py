"""Learning: count how many photos and owners show each value of a camera, from the claims of all clean photos."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.consensus import OWNERS_SEEN_MAX, Count
from curation.judging.arrays.numbers import SPREADING

COUNTS = pa.schema(
    [
        ("spelled", pa.string()), ("text", pa.string()), ("photos", pa.int64()), ("owners", pa.int64()),
        ("owners_seen", pa.list_(pa.uint64())),
    ]
)  # fmt: skip
"""`owners_seen`: digests of owners, see `curation.consensus.Count`."""
_TOGETHER = ("tables", "segments")
"""Aspects whose values are counted together."""


def counts_of(claims: pa.Table, values: pa.Table) -> pa.Table:
    """Return how many photos and owners show each value, columns as in COUNTS, ordered by value.

    `claims` (columns as in `columns.verdicts.CLAIMS`) has all claims of a value, `values` (as in VALUES) its texts.
    """
    texts: dict[int, tuple[str, str]] = {}
    for value, spelled, text in zip(*(values[name].to_pylist() for name in values.column_names), strict=True):
        known = texts.get(value)
        texts[value] = (spelled, max(text, known[1]) if known else text)
    value, owner, content = (claims[name].to_numpy() for name in ("value", "owner", "content"))
    counts = _counted_once(value, owner, content)
    value, owner = value[counts], owner[counts]
    of_value, distinct = _numbered(value)
    of_owner, owners = _numbered(owner)
    photos = np.bincount(of_value, minlength=len(distinct))
    # numbers are in the order of what they stand for, so pairs are ordered by value, and those of one value by owner
    pairs = np.sort(of_value * max(len(owners), 1) + of_owner)
    pairs = pairs[differs(pairs)]
    edges = np.searchsorted(pairs, np.arange(len(distinct) + 1) * max(len(owners), 1)).tolist()
    rows = []
    for place, (number, start, end) in enumerate(zip(distinct.tolist(), edges, edges[1:], strict=False)):
        spelled, text = texts[number]
        seen: list[int] = []
        if spelled.split("\n", 2)[1] in _TOGETHER:
            seen = owners[pairs[start : min(end, start + OWNERS_SEEN_MAX)] - place * len(owners)].tolist()
        rows.append((spelled, text, int(photos[place]), end - start, seen))
    rows.sort()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COUNTS)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, COUNTS, strict=True)], schema=COUNTS
    )


def _counted_once(value: np.ndarray, owner: np.ndarray, content: np.ndarray) -> np.ndarray:
    """Return the rows of claims that count: of copies that show one value, that of the least owner."""
    # few pictures have copies, and those that may have one are found by a sort of one number for each claim
    mixed = content ^ (value * SPREADING)
    ordered = np.sort(mixed)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    counts = np.ones(len(mixed), bool)
    if len(again):
        rows = np.flatnonzero(pc.is_in(pa.array(mixed), value_set=pa.array(again)).to_numpy(zero_copy_only=False))
        rows = rows[np.lexsort((owner[rows], content[rows], value[rows]))]
        counts[rows] = differs(value[rows], content[rows])
    return np.flatnonzero(counts)


def _numbered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the place of each value among the distinct ones, and these in order."""
    encoded = pa.array(values).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    order = np.argsort(distinct)
    place = np.empty(len(distinct), np.int64)
    place[order] = np.arange(len(distinct))
    return place[encoded.indices.to_numpy()], distinct[order]


def counts_from(table: pa.Table) -> list[Count]:
    """Return the rows of a table with the columns COUNTS, in an order of their own."""
    found = []
    for name, text, photos, owners, seen in sorted(zip(*(column.to_pylist() for column in table.columns), strict=True)):
        camera, aspect, value = name.split("\n", 2)
        found.append(Count(camera, aspect, value, text, photos, owners, frozenset(seen)))
    return found


def differs(*columns: np.ndarray) -> np.ndarray:
    """Return which rows differ from the one before."""
    found = np.ones(len(columns[0]), bool)
    if len(found):
        found[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return found


def places_in_runs(ordered: np.ndarray) -> np.ndarray:
    """Return the place of each row among the equal ones beside it, from 0."""
    first = np.flatnonzero(differs(ordered))
    return np.arange(len(ordered)) - np.repeat(first, np.diff([*first, len(ordered)]))
