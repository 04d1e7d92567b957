"""Copies: bring the pairs of copies up to date, and decide anew the sets in which something changed.

A pair is found under the keys of its photographs, and in a crowd also by who else is there. So where an upload changed,
pairs are searched again among all that share a key with it, with all that share a key with those.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from curation.judging.copies import CopyVerdict, copy_verdicts
from curation.judging.copy_pairs import PAIRS, pairs_of
from curation.judging.devices import DEVICE_ON_TWO_SIDES
from curation.judging.members import COLUMNS, members_from, members_of
from curation.judging.part_tasks import copy_keys
from curation.judging.refresh.files import among
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state import hex_text
from curation.judging.verdict import VERDICT
from curation.reasons import in_funnel_order

_Ids = npt.NDArray[np.uint64]
_OF_KEYS = ["id", "sha256", "scan_digest", "perceptual_hash", "shot", "source", "reasons"]


class Copies(NamedTuple):
    """What became of the sets in which something changed."""

    pairs: pd.DataFrame
    """All pairs, columns as in PAIRS, in order."""
    decided: frozenset[int]
    """Ids of the uploads that were decided anew."""
    verdicts: Mapping[int, CopyVerdict]
    """Of these: the verdict on those that do not stay, by id."""


def copies_after(
    rows: Rows, pairs: pd.DataFrame, gone: Places, changed: Places, memory: Remembered, *, near_bits: int,
    placeholder_copies: int,
) -> Copies:  # fmt: skip
    """Return the pairs and the decisions after uploads have changed.

    `pairs`: those of the last state; `gone`: its rows that are no more or were judged anew; `changed`: rows of which
    the decision may ask something that is not as it was.
    """
    ids = rows.column("id")
    after, touched = _pairs_after(rows, pairs, gone, near_bits)
    first, second = after["first"].to_numpy(), after["second"].to_numpy()
    everyone = np.concatenate([first, second])
    start = np.union1d(touched, everyone[among(everyone, ids[changed])])
    both = pd.concat([pairs, after])
    reached = _reached(start, both["first"].to_numpy(), both["second"].to_numpy())
    places = among(ids, reached)
    within = after[np.isin(first, reached)]
    told = rows.texts(places, [name for name in COLUMNS if name not in ("group", "kept_before")]).to_pylist()
    for row, place in zip(told, places.tolist(), strict=True):
        row["group"], row["kept_before"] = hex_text(int(memory.group[place])), bool(memory.kept_before[place])
        if memory.two_sides[place]:
            row["reasons"] = list(in_funnel_order([*row["reasons"], DEVICE_ON_TWO_SIDES]))
    schema = pa.schema([VERDICT.field(name) for name in COLUMNS])
    members = members_from(members_of(pa.Table.from_pylist(told, schema)))
    found = list(zip(*(within[name].tolist() for name in PAIRS.names), strict=True))
    verdicts = copy_verdicts(members, found, placeholder_copies)
    # those that were in a pair and are in none any more stay
    return Copies(after, frozenset(ids[places].tolist()), verdicts)


def _pairs_after(rows: Rows, pairs: pd.DataFrame, gone: Places, near_bits: int) -> tuple[pd.DataFrame, _Ids]:
    """Return all pairs, and the ids in those that were not there before or are not any more."""
    before_keys, before_rows = rows.last.lists("_keys")
    of_gone = before_keys[np.isin(before_rows, gone)] if len(gone) else np.zeros(0, np.uint64)
    of_new, _ = rows.new_lists("_keys")
    around = rows.having("_keys", np.unique(np.concatenate([of_gone, of_new])))
    ids = rows.column("id")
    affected = np.union1d(ids[around], rows.last.column("id")[gone] if len(gone) else np.zeros(0, np.uint64))
    keys_around = np.unique(rows.items("_keys", around))
    further = rows.having("_keys", keys_around)
    keys = copy_keys(rows.texts(further, _OF_KEYS))
    keys = keys.filter(pa.array(np.isin(keys["key"].to_numpy(), keys_around)))
    found = pairs_of(keys.combine_chunks(), near_bits).to_pandas()
    inside = _both_within(found, affected)
    was = _both_within(pairs, affected)
    after = (
        pd.concat([pairs[~was], found[inside]])
        .sort_values(PAIRS.names, ignore_index=True)
        .drop_duplicates(ignore_index=True)
    )
    both = pd.concat([pairs[was], found[inside].drop_duplicates()])
    different = both[~both.duplicated(keep=False).to_numpy()]
    return after, np.unique(
        np.concatenate([different["first"].to_numpy(), different["second"].to_numpy()]).astype(np.uint64)
    )


def _both_within(pairs: pd.DataFrame, ids: _Ids) -> npt.NDArray[np.bool_]:
    within: npt.NDArray[np.bool_] = np.zeros(len(pairs), bool)
    places = among(pairs["first"].to_numpy(), ids)
    within[places[np.isin(pairs["second"].to_numpy()[places], ids)]] = True
    return within


def _reached(start: _Ids, first: _Ids, second: _Ids) -> _Ids:
    """Return all ids that pairs join with some of them."""
    reached, edge = start, start
    while len(edge):
        there = np.concatenate([second[among(first, edge)], first[among(second, edge)]])
        edge = np.setdiff1d(there, reached)
        reached = np.union1d(reached, edge)
    return reached
