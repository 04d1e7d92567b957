"""Learning: count how many photos and owners show each value of a camera, from the claims of all clean photos."""

import numpy as np
import pyarrow as pa

from curation.consensus import OWNERS_SEEN_MAX, Count

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
    order = np.lexsort((owner, content, value))
    value, owner, content = value[order], owner[order], content[order]
    # among copies the claim of the owner with the smallest digest counts
    is_first = differs(value, content)
    value, owner = value[is_first], owner[is_first]
    order = np.lexsort((owner, value))
    value, owner = value[order], owner[order]
    starts = np.flatnonzero(differs(value))
    of_owner = differs(value, owner)
    ends = np.append(starts, len(value))[1:]
    rows = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        owners = owner[start:end][of_owner[start:end]]
        spelled, text = texts[int(value[start])]
        seen = owners[:OWNERS_SEEN_MAX].tolist() if spelled.split("\n", 2)[1] in _TOGETHER else []
        rows.append((spelled, text, end - start, len(owners), seen))
    rows.sort()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COUNTS)
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, COUNTS, strict=True)], schema=COUNTS
    )


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
