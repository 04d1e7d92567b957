"""Learning: bring the counts of what cameras show up to date by the uploads that changed.

A count says of a value how many pictures and owners show it (`curation.consensus.Count`). A picture that several
uploads show counts once, for the owner with the smallest digest. So a changed upload can change what its picture counts
for; whether an owner counts for a value by another picture is looked up (`curation.judging.refresh.owners`).
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from curation.consensus import CAMERA, OWNERS_SEEN_MAX
from curation.judging.refresh.counted import Counted
from curation.judging.refresh.files import among
from curation.judging.refresh.owners import claims_of, counted_once, elsewhere
from curation.judging.refresh.state import State
from curation.judging.refresh.uploads import Claims

_Rows = npt.NDArray[np.int64]
_Pairs = set[tuple[int, int]]
_SEEN_OF = ("tables", "segments")
"""Aspects whose values are counted together, so that their owners are remembered."""


def updated(
    counts: Counted, state: State, changed: _Rows, contents: npt.NDArray[np.uint64], claimed: Claims
) -> Counted:
    """Return the counts after uploads have changed; nothing is written yet.

    `changed`: rows of the state whose uploads have changed or are gone; `contents`: the pictures of these and of new
    uploads as they are now (`_content` of ALONE), and `claimed` their claims.
    """
    pictures = np.union1d(state.column("_content")[changed], contents)
    told = claims_of(state, np.union1d(among(state.column("_content"), pictures), changed))
    fresh = pd.DataFrame({"value": claimed.value, "owner": claimed.owner, "content": claimed.content, "row": -1})
    is_lost = np.isin(told["row"].to_numpy(), changed)
    before, after = counted_once(told), counted_once(pd.concat([told[~is_lost], fresh]))
    photos = _sizes(after)
    photos.subtract(_sizes(before))
    lost, gained = _pairs(before), _pairs(after)
    moved = lost ^ gained
    others = _elsewhere(counts, state, moved, pictures, _sizes(before))
    lost, gained = (lost & moved) - others, (gained & moved) - others
    spelled = {row["value"]: row for row in claimed.values.to_pylist()}
    left = set(told["value"].to_numpy()[is_lost].tolist())
    touched = photos.keys() | left | {value for value, _ in moved}
    lost_of, gained_of = _owners_by_value(lost), _owners_by_value(gained)
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
    return counts.with_rows(rows)


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


def _pairs(claims: pd.DataFrame) -> _Pairs:
    """Return which owners count for which values: (value, owner)."""
    return set(zip(claims["value"].tolist(), claims["owner"].tolist(), strict=True))


def _elsewhere(
    counts: Counted, state: State, pairs: _Pairs, pictures: npt.NDArray[np.uint64], before: Mapping[int, int]
) -> _Pairs:
    """Return those of some pairs whose owner counts for the value by another picture than those that changed."""
    known = counts.photos_of({value for value, _ in pairs})
    # where no other picture shows the value, no owner counts for it
    asked = sorted((value, owner) for value, owner in pairs if known.get(value, 0) > before[value])
    if not asked:
        return set()
    value, owner = np.array(asked, np.uint64).T
    there = elsewhere(state, value, owner, pictures)
    return {pair for pair, found in zip(asked, there.tolist(), strict=True) if found}


def _owners_by_value(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for value, owner in pairs:
        found.setdefault(value, set()).add(owner)
    return found


def _seen(
    number: int, was: Iterable[int], lost: set[int], gained: set[int], state: State, changed: _Rows, fresh: pd.DataFrame
) -> list[int]:
    """Return the smallest owners that count for a value."""
    seen: set[int] = set(was)
    if lost & seen and len(seen) >= OWNERS_SEEN_MAX:
        rows = np.setdiff1d(state.having("_claims", np.array([number], np.uint64)), changed)
        told = pd.concat([claims_of(state, rows), fresh])
        told = told[told["value"].to_numpy() == np.uint64(number)]
        seen, gained = set(counted_once(told)["owner"].tolist()), set()
    return sorted((seen - lost) | gained)[:OWNERS_SEEN_MAX]


def _camera_text(state: State, changed: _Rows, number: int, was: str) -> str:
    """Return the largest spelling of a camera's name among uploads that have not changed; `was`: of all, before."""
    found = ""
    for rows in _newest_first(state, number):
        table = state.take(np.setdiff1d(rows, changed), ["make", "model"]).group_by(["make", "model"]).aggregate([])
        found = max([found, *(f"{row['make'] or ''}\n{row['model'] or ''}" for row in table.to_pylist())])
        if found == was:
            break
    return found


def _newest_first(state: State, number: int) -> Iterator[_Rows]:
    return state.rows.having_newest_first("_claims", np.array([number], np.uint64))
