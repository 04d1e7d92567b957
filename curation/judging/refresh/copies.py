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

from curation.judging.arrays.numbers import SPREADING
from curation.judging.arrays.ordered import setdiff1d, union1d, unique
from curation.judging.copies.decision import CopyVerdict, copy_verdicts
from curation.judging.copies.members import COLUMNS, members_from, members_of
from curation.judging.copies.pairs import PAIRS, pairs_of
from curation.judging.devices import DEVICE_ON_TWO_SIDES
from curation.judging.part_tasks import copy_keys
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.placeholders import HUB, are_placeholders
from curation.judging.refresh.placeholders import VERDICT as VERDICT_ON_PLACEHOLDERS
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state.counted import numbers_of_pairs
from curation.judging.refresh.state.few import among, are_among
from curation.judging.refresh.state.inverted import Inverted
from curation.judging.refresh.state.parts import hex_text
from curation.judging.refresh.state.segments import Segments
from curation.judging.verdict import VERDICT
from curation.reasons import in_funnel_order

_Ids = npt.NDArray[np.uint64]
_OF_KEYS = ["id", "sha256", "scan_digest", "perceptual_hash", "shot", "source", "reasons"]


class Copies(NamedTuple):
    """What became of the sets in which something changed."""

    new: pd.DataFrame
    """The pairs that there were not before, columns as in PAIRS."""
    ended: Places
    """The rows of the pairs of before that are none any more."""
    keys: pa.Table
    """The keys of uploads that these did not have before, columns `key` and `id`."""
    decided: frozenset[int]
    """Ids of the uploads that were decided anew."""
    verdicts: Mapping[int, CopyVerdict]
    """Of these: the verdict on those that do not stay, by id."""


def copies_after(
    rows: Rows, pairs: Segments, keys: Inverted, gone: Places, changed: Places, memory: Remembered, *, near_bits: int,
    placeholder_copies: int,
) -> Copies:  # fmt: skip
    """Return the pairs and the decisions after uploads have changed.

    `pairs`, `keys`: those of the last state; `gone`: its rows that are no more or were judged anew; `changed`: rows of
    which the decision may ask something that is not as it was.
    """
    ids = rows.column("id")
    new, ended, new_keys = _pairs_after(rows, pairs, keys, gone, near_bits)
    is_still = np.ones(len(pairs), bool)
    is_still[ended] = False
    was = [pairs.column(name) for name in PAIRS.names]
    touched = np.concatenate([column[ended] for column in was[:2]] + [new["first"], new["second"]]).astype(np.uint64)
    after = [np.concatenate([column[is_still], new[name]]) for column, name in zip(was, PAIRS.names, strict=True)]
    everyone = np.concatenate(after[:2])
    start = union1d(touched, everyone[among(everyone, ids[changed])])
    first, second = (np.concatenate([column[ended], one]) for column, one in zip(was[:2], after[:2], strict=True))
    reached = _reached(start, first, second)
    within = pd.DataFrame(
        {name: column[among(after[0], reached)] for name, column in zip(PAIRS.names, after, strict=True)}
    )
    within = within.sort_values(PAIRS.names, ignore_index=True)
    places, of_placeholders = _apart(rows, among(ids, reached), within, placeholder_copies)
    is_asked = are_among(ids[of_placeholders], ids[changed]) | (rows.last_of(of_placeholders, "_hub") != HUB)
    newly = of_placeholders[is_asked]
    within = within[are_among(within["first"].to_numpy(), ids[places])]
    told = rows.texts(places, [name for name in COLUMNS if name not in ("group", "kept_before")]).to_pylist()
    for row, place in zip(told, places.tolist(), strict=True):
        row["group"], row["kept_before"] = hex_text(int(memory.group[place])), bool(memory.kept_before[place])
        if memory.two_sides[place]:
            row["reasons"] = list(in_funnel_order([*row["reasons"], DEVICE_ON_TWO_SIDES]))
    schema = pa.schema([VERDICT.field(name) for name in COLUMNS])
    members = members_from(members_of(pa.Table.from_pylist(told, schema)))
    found = list(zip(*(within[name].tolist() for name in PAIRS.names), strict=True))
    verdicts = copy_verdicts(members, found, placeholder_copies)
    verdicts |= dict.fromkeys(ids[newly].tolist(), VERDICT_ON_PLACEHOLDERS)
    # those that were in a pair and are in none any more stay
    return Copies(new, ended, new_keys, frozenset(ids[places].tolist()) | frozenset(ids[newly].tolist()), verdicts)


def _apart(rows: Rows, places: Places, pairs: pd.DataFrame, placeholder_copies: int) -> tuple[Places, Places]:
    """Return the rows whose sets are to be decided by their members, and those that are known to be placeholders."""
    ordered = places[np.argsort(rows.column("id")[places])]
    photos = rows.column("_photo")[ordered]
    is_known = are_placeholders(rows.column("id")[ordered], photos, pairs, placeholder_copies)
    return np.sort(ordered[~is_known]), np.sort(ordered[is_known])


def keys_of_pairs(first: _Ids, second: _Ids, kind: npt.NDArray[np.int8]) -> _Ids:
    """Return a number for each pair."""
    found: _Ids = ((first * SPREADING) ^ second) * SPREADING + kind.astype(np.uint64)
    return found


def _pairs_after(
    rows: Rows, pairs: Segments, keys: Inverted, gone: Places, near_bits: int
) -> tuple[pd.DataFrame, Places, pa.Table]:
    """Return the new pairs, columns as in PAIRS, the rows of those that are none any more, and the new keys."""
    of_new = copy_keys(rows.new.select(_OF_KEYS))
    if not len(rows.last):
        first = pairs_of(of_new, near_bits).to_pandas()
        return first, np.zeros(0, np.int64), of_new.select(["key", "id"])
    of_gone = copy_keys(rows.last.take(gone, _OF_KEYS)).select(["key", "id"])
    keys_of_changed = unique(np.concatenate([of_gone["key"].to_numpy(), of_new["key"].to_numpy()]))
    ids, new_ids = rows.column("id"), rows.new["id"].to_numpy()
    around = among(ids, union1d(keys.ids_of(keys_of_changed), new_ids))
    affected = union1d(ids[around], rows.last.column("id")[gone])
    keys_around = unique(copy_keys(rows.texts(around, _OF_KEYS))["key"].to_numpy())
    further = among(ids, union1d(keys.ids_of(keys_around), new_ids))
    of_further = copy_keys(rows.texts(further, _OF_KEYS))
    of_further = of_further.filter(pa.array(are_among(of_further["key"].to_numpy(), keys_around)))
    found = pairs_of(of_further.combine_chunks(), near_bits).to_pandas()
    found = found.iloc[_within(found["first"].to_numpy(), found["second"].to_numpy(), affected)].drop_duplicates()
    was = _within(pairs.column("first"), pairs.column("second"), affected)
    now, before = keys_of_pairs(*(found[name].to_numpy() for name in PAIRS.names)), pairs.column("key")[was]
    return found[~are_among(now, before)], was[~are_among(before, now)], _without(of_new.select(["key", "id"]), of_gone)


def _without(keys: pa.Table, others: pa.Table) -> pa.Table:
    """Return the rows of a table of keys and ids that others do not have."""
    numbers, of_others = (numbers_of_pairs(table["key"].to_numpy(), table["id"].to_numpy()) for table in (keys, others))
    return keys.filter(pa.array(~are_among(numbers, of_others)))


def _within(first: _Ids, second: _Ids, ids: _Ids) -> Places:
    """Return the rows of which both ids are among some."""
    places = among(first, ids)
    found: Places = places[are_among(second[places], ids)]
    return found


def _reached(start: _Ids, first: _Ids, second: _Ids) -> _Ids:
    """Return all ids that pairs join with some of them."""
    reached, edge = start, start
    while len(edge):
        there = np.concatenate([second[among(first, edge)], first[among(second, edge)]])
        edge = setdiff1d(there, reached)
        reached = union1d(reached, edge)
    return reached
