"""Learning: bring the counts of what cameras show up to date by the uploads that changed.

A count says of a value how many pictures and owners show it (`curation.consensus.Count`). A picture that several
uploads show counts once, for the owner with the smallest digest. So a changed upload can change what its picture counts
for, and nothing else. By how many pictures each owner counts for each value is remembered: the uploads of one owner may
be a tenth of all.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from curation.consensus import CAMERA, OWNERS_SEEN_MAX
from curation.judging.arrays.ordered import setdiff1d, union1d
from curation.judging.refresh.state.counted import ChangedPairs, Counted, numbers_of_pairs
from curation.judging.refresh.state.few import among
from curation.judging.refresh.state.parts import State
from curation.judging.refresh.uploads import Claims

_Rows = npt.NDArray[np.int64]
_SEEN_OF = ("tables", "segments")
"""Aspects whose values are counted together, so that their owners are remembered."""


def updated(counts: Counted, state: State, changed: _Rows, claimed: Claims) -> Counted:
    """Return the counts after uploads have changed; nothing is written yet.

    `changed`: rows of the state whose uploads have changed or are gone; `claimed`: the claims of these and of new
    uploads as they are now.
    """
    pictures = union1d(state.column("_content")[changed], claimed.pictures)
    told = _claims_of(state, union1d(among(state.column("_content"), pictures), changed))
    fresh = pd.DataFrame({"value": claimed.value, "owner": claimed.owner, "content": claimed.content, "row": -1})
    is_lost = np.isin(told["row"].to_numpy(), changed)
    before, after = _counted_once(told), _counted_once(pd.concat([told[~is_lost], fresh]))
    photos = _sizes(after)
    photos.subtract(_sizes(before))
    pairs = _pairs_after(counts, before, after)
    lost_of, gained_of = (_owners_by_value(pairs[wanted]) for wanted in (pairs["is_lost"], pairs["is_gained"]))
    spelled = {row["value"]: row for row in claimed.values.to_pylist()}
    left = set(told["value"].to_numpy()[is_lost].tolist())
    touched = photos.keys() | left | lost_of.keys() | gained_of.keys()
    rows = counts.rows_of(touched)
    for number in touched:
        row = rows.setdefault(number, {"value": "", "text": "", "photos": 0, "owners": 0, "seen": []})
        if number in spelled:
            row["value"] = spelled[number]["spelled"]
        was, now = row["text"], spelled[number]["text"] if number in spelled else ""
        row["photos"] += photos[number]
        row["owners"] += len(gained_of.get(number, ())) - len(lost_of.get(number, ()))
        row["text"] = max(was, now)
        if row["photos"]:
            aspect = row["value"].split("\n", 2)[1]
            if aspect in _SEEN_OF:
                owners = (lost_of.get(number, set()), gained_of.get(number, set()))
                row["seen"] = _seen(number, row["seen"], *owners, state, changed, fresh)
            if aspect == CAMERA and number in left:
                row["text"] = max(_camera_text(state, changed, number, was), now)
    ordered = pairs.sort_values("number")
    return counts.with_rows(rows, ChangedPairs(*(ordered[name].to_numpy() for name in ("number", "was", "pictures"))))


def _claims_of(state: State, rows: _Rows) -> pd.DataFrame:
    """Return the claims of some rows of the state: value, owner, content, row."""
    lists = state.take(rows, ["_claims"])["_claims"]
    values = pc.list_flatten(lists).to_numpy()
    of = np.repeat(rows, pc.list_value_length(lists).to_numpy())
    owner, content = state.column("_owner")[of], state.column("_content")[of]
    return pd.DataFrame({"value": values.astype(np.uint64), "owner": owner, "content": content, "row": of})


def _counted_once(claims: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each picture that shows a value: value, content, and the owner it counts for."""
    found: pd.DataFrame = claims.groupby(["value", "content"], sort=False)["owner"].min().reset_index()
    return found


def _sizes(claims: pd.DataFrame) -> "_Numbers":
    values, numbers = np.unique(claims["value"].to_numpy(), return_counts=True)
    return _Numbers(dict(zip(values.tolist(), numbers.tolist(), strict=True)))


class _Numbers(dict[int, int]):
    """Numbers by value, 0 for others."""

    def __missing__(self, value: int) -> int:
        return 0

    def subtract(self, others: Mapping[int, int]) -> None:
        """Take others away."""
        for value, number in others.items():
            self[value] = self[value] - number


def _pairs_after(counts: Counted, before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Return the values and owners of which the pictures change: number, was, pictures, is_lost and is_gained."""
    names = ["value", "owner"]
    both = pd.concat([before[names].assign(more=-1), after[names].assign(more=1)])
    found: pd.DataFrame = both.groupby(names, sort=False)["more"].sum().reset_index()
    found = found[found["more"].to_numpy() != 0].reset_index(drop=True)
    found["number"] = numbers_of_pairs(found["value"].to_numpy(), found["owner"].to_numpy())
    was = counts.pictures_of(found["number"].to_numpy())
    found["was"], found["pictures"] = was, was + found["more"].to_numpy()
    found["is_gained"], found["is_lost"] = was == 0, found["pictures"].to_numpy() == 0
    return found


def _owners_by_value(pairs: pd.DataFrame) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for value, owner in zip(pairs["value"].tolist(), pairs["owner"].tolist(), strict=True):
        found.setdefault(value, set()).add(owner)
    return found


def _seen(
    number: int, was: Iterable[int], lost: set[int], gained: set[int], state: State, changed: _Rows, fresh: pd.DataFrame
) -> list[int]:
    """Return the smallest owners that count for a value."""
    seen: set[int] = set(was)
    if lost & seen and len(seen) >= OWNERS_SEEN_MAX:
        rows = setdiff1d(state.having("_claims", np.array([number], np.uint64)), changed)
        told = pd.concat([_claims_of(state, rows), fresh])
        told = told[told["value"].to_numpy() == np.uint64(number)]
        seen, gained = set(_counted_once(told)["owner"].tolist()), set()
    return sorted((seen - lost) | gained)[:OWNERS_SEEN_MAX]


def _camera_text(state: State, changed: _Rows, number: int, was: str) -> str:
    """Return the largest spelling of a camera's name among uploads that have not changed; `was`: of all, before."""
    found = ""
    for rows in _newest_first(state, number):
        table = state.take(setdiff1d(rows, changed), ["make", "model"]).group_by(["make", "model"]).aggregate([])
        found = max([found, *(f"{row['make'] or ''}\n{row['model'] or ''}" for row in table.to_pylist())])
        if found == was:
            break
    return found


def _newest_first(state: State, number: int) -> Iterator[_Rows]:
    return state.rows.having_newest_first("_claims", np.array([number], np.uint64))
