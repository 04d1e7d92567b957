"""Final: the rows of many uploads once all uploads together have decided: copies, caps, groups' sides, given splits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.takedowns import REASON as FORGOTTEN
from curation.judging.arrays.distinct import Codes, codes_of, combined
from curation.judging.copies.sets import found_in
from curation.judging.given_splits import Refusal
from curation.judging.splits import LedgerColumns
from curation.judging.verdict import VERDICT
from curation.reasons import in_funnel_order

COPIES = pa.schema([("id", pa.uint64()), ("reason", pa.string()), ("of", pa.string()), ("group", pa.string())])
"""`copies.CopyVerdict` by id."""


def final_rows(
    table: pa.Table, copies: pa.Table, beyond: np.ndarray, ledger: LedgerColumns, given: Mapping[int, Refusal]
) -> pa.Table:
    """Return the rows that verdicts become, columns as in VERDICT.

    `copies`: columns as in COPIES; `beyond`: ids of photos beyond their owner's cap; `given`: photos whose given split
    or fold cannot hold, by id. Copies and ids may be of other photos, too.
    """
    ids = table["id"].to_numpy()
    copies = copies.take(pc.sort_indices(copies["id"]))
    rows, places = found_in(copies["id"].to_numpy(), ids)
    copy_at = _places(len(table), rows, places)
    reason, of, group = (copies[name].combine_chunks().take(copy_at) for name in ("reason", "of", "group"))
    is_copy = np.asarray(reason.is_valid().to_numpy(zero_copy_only=False), bool)
    is_beyond = np.zeros(len(table), bool)
    is_beyond[found_in(np.sort(beyond), ids)[0]] = True
    is_beyond &= ~is_copy
    refused = _refused(ids, given)
    reasons, words = _all_reasons(table, reason, is_beyond, refused)
    is_kept = reasons.dealt([not one for one in words], bool)
    groups = pc.if_else(group.is_valid(), group, table["group"].combine_chunks())
    split, fold, is_known = ledger.of(groups)
    kept = pa.array(is_kept)
    is_copy_of_kept = np.asarray(of.is_valid().to_numpy(zero_copy_only=False), bool) & is_known
    has_side = (table["has_side"].to_numpy() | is_kept | is_copy_of_kept) & ~reasons.dealt(
        [FORGOTTEN in one for one in words], bool
    )
    error = table["error"].combine_chunks()
    for row, refusal in refused.items():
        if not error[row].as_py():
            error = pc.replace_with_mask(error, pa.array(np.arange(len(table)) == row), pa.scalar(refusal.text))
    changed = {
        "kept": kept,
        "reasons": pa.array([list(one) for one in words], pa.list_(pa.string())).take(pa.array(reasons.codes)),
        "group": groups,
        "has_side": pa.array(has_side),
        "split": pc.if_else(kept, split, None),
        "fold": pc.if_else(kept, fold, None),
        "duplicate_of": of,
        "error": error,
    }
    columns = [changed.get(name, table[name]) for name in VERDICT.names]
    return pa.Table.from_arrays(columns, schema=VERDICT)


def _places(number: int, rows: np.ndarray, places: np.ndarray) -> pa.Array:
    found = np.full(number, -1, np.int64)
    found[rows] = places
    return pa.array(found, mask=found < 0)


def _refused(ids: np.ndarray, given: Mapping[int, Refusal]) -> dict[int, Refusal]:
    """Return the refusals of a part's photos by row."""
    wanted = np.array(sorted(given), np.uint64)
    rows, places = found_in(wanted, ids)
    return {row: given[int(wanted[place])] for row, place in zip(rows.tolist(), places.tolist(), strict=True)}


def _all_reasons(
    table: pa.Table, copy_reason: pa.Array, is_beyond: np.ndarray, refused: Mapping[int, Refusal]
) -> tuple[Codes, list[tuple[str, ...]]]:
    """Return the number of the final reasons of each row, and the reasons of each number."""
    own = table["reasons"].combine_chunks()
    given: Any = pa.nulls(len(table), pa.string())
    if refused:
        given = pa.array([refused[row].reason if row in refused else None for row in range(len(table))], pa.string())
    beyond = Codes(is_beyond.astype(np.int64), 2)
    codes = combined([codes_of(own), codes_of(copy_reason), beyond, codes_of(given)])
    words = []
    for row in codes.firsts.tolist():
        reasons = ["beyond_owner_cap"] if is_beyond[row] else own[row].as_py()
        more = [one for one in (copy_reason[row].as_py(), given[row].as_py()) if one is not None]
        words.append(in_funnel_order([*reasons, *more]) if more else tuple(reasons))
    return codes, words
