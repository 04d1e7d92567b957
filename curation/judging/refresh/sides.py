"""Sides: the cap of owners, and the splits and folds of new groups, after uploads have changed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from corpus.records import SPLITS
from corpus.sections import Curation
from curation.judging.arrays.numbers import SPREADING
from curation.judging.arrays.ordered import unique
from curation.judging.learning import places_in_runs
from curation.judging.refresh.memory import Remembered
from curation.judging.refresh.rows import Places, Rows
from curation.judging.refresh.state.few import Few, among
from curation.judging.refresh.state.ledger import Sides
from curation.judging.splits import PREFERENCE, CameraGroups, assign_numbered_folds, assign_numbered_splits

Truths = npt.NDArray[np.bool_]
_Groups = npt.NDArray[np.uint64]


def beyond_cap(
    rows: Rows, was_beyond: Truths, staying: Truths, changed: npt.NDArray[np.uint64], memory: Remembered, cap: int
) -> Truths:
    """Return which rows are beyond their owner's cap.

    `changed`: owners and cameras (`_cap`) of whose uploads something changed; only theirs are counted again.
    """
    found = was_beyond.copy()
    places, of = Few(unique(changed[changed != 0])).found_in(rows.column("_cap"))
    found[places] = False
    found[~staying] = False
    is_staying = staying[places]
    places, of = places[is_staying], of[is_staying]
    if not cap or not len(places):
        return found
    is_new, number = ~memory.kept_before[places], np.bincount(of)
    # where the cap is full of what was kept before, nothing new has to be put in order
    is_full = np.bincount(of[~is_new], minlength=len(number)) >= cap
    found[places[is_new & is_full[of]]] = True
    some = np.flatnonzero((number[of] > cap) & ~(is_new & is_full[of]))
    order = some[np.lexsort((rows.column("id")[places[some]], is_new[some], of[some]))]
    found[places[order[places_in_runs(of[order]) >= cap]]] = True
    return found


def assigned(
    rows: Rows, staying: Truths, changed: Places, memory: Remembered, known: Sides, curation: Curation,
    names: Mapping[int, str],
) -> Sides:  # fmt: skip
    """Return the sides of the groups that get one; `staying`: kept photographs.

    `names`: the keys of cameras by their numbers.
    """
    candidates = changed[staying[changed]]
    new = candidates[~known.is_whole(memory.group[candidates])]
    bound = {int(one, 16): int(other, 16) for one, other in memory.devices.bound.items()}
    if not len(new) and not bound:
        return Sides.nothing()
    cameras = unique(rows.column("_camera")[new])
    places = among(rows.column("_camera"), cameras)
    places = places[staying[places]]
    of = np.searchsorted(cameras, rows.column("_camera")[places])
    group = memory.group[places]
    split, fold = (rows.last_column(name, -1)[places] for name in ("_split", "_fold"))
    is_as_it_was = (rows.last_column("_published", 0)[places] == group) & (split >= 0) & (fold >= 0)
    keys = [names[number] for number in cameras.tolist()]
    splits, of_splits = _numbered(of, group, np.where(is_as_it_was, _PREFERRED[split], -1), keys, len(PREFERENCE),
                                  lambda groups: _PREFERRED[known.sides_of(groups)[0]])  # fmt: skip
    assigned_splits = np.full(len(splits), -1)
    assign_numbered_splits(assigned_splits, of_splits, test=curation.test, validation=curation.validation)
    standing, is_as_it_was = _standing(group, bound, is_as_it_was)
    folds, of_folds = _numbered(of, standing, np.where(is_as_it_was, fold, -1), keys, curation.folds,
                                lambda groups: known.sides_of(groups)[1])  # fmt: skip
    assigned_folds = np.full(len(folds), -1)
    assign_numbered_folds(assigned_folds, of_folds, lambda one: int(folds[one]) >> 32, curation.folds)
    told = dict(zip(folds.tolist(), assigned_folds.tolist(), strict=True))
    return _sides(known, dict(zip(splits.tolist(), assigned_splits.tolist(), strict=True)), told, bound)


_PREFERRED = np.array([*(PREFERENCE.index(split) for split in SPLITS), -1])
"""The place in PREFERENCE of each split by its place in SPLITS; the last is that of none."""


def _standing(group: _Groups, bound: Mapping[int, int], is_as_it_was: Truths) -> tuple[_Groups, Truths]:
    """Return the group whose fold each group has; that of bound groups is looked up."""
    standing, is_as_it_was = group.copy(), is_as_it_was.copy()
    of_bound = among(group, np.array(sorted(bound), np.uint64))
    standing[of_bound] = [bound[one] for one in group[of_bound].tolist()]
    is_as_it_was[of_bound] = False
    return standing, is_as_it_was


def _numbered(
    of: Places, group: _Groups, side: Places, keys: Sequence[str], sides: int, look_up: Callable[[_Groups], Any]
) -> tuple[_Groups, list[CameraGroups]]:
    """Return the groups without a side, in order, and the cameras.

    `of`, `group`: camera and group of each photograph; `side`: its side, -1 where it has to be looked up.
    """
    is_first = ~pd.Series((group ^ (group >> np.uint64(29))) * SPREADING + of.astype(np.uint64)).duplicated().to_numpy()
    numbers = np.bincount(of[is_first], minlength=len(keys)).tolist()
    asked = np.flatnonzero(side < 0)
    side = side.copy()
    side[asked] = look_up(group[asked])
    is_held = side >= 0
    held = np.bincount(of[is_held] * sides + side[is_held], minlength=len(keys) * sides).reshape(-1, sides).tolist()
    groups, places = np.unique(group[~is_held], return_inverse=True)
    counted = pd.DataFrame({"of": of[~is_held], "place": places}).groupby(["of", "place"]).size().reset_index()
    cameras = []
    for at, (key, number) in enumerate(zip(keys, numbers, strict=True)):
        own = counted[counted["of"].to_numpy() == at]
        cameras.append(CameraGroups(number, key, own["place"].to_numpy(), own[0].to_numpy(), held[at]))
    return groups, cameras


def _sides(known: Sides, splits: Mapping[int, int], folds: dict[int, int], bound: Mapping[int, int]) -> Sides:
    """Return the sides of all groups that get one; `splits`: by places in PREFERENCE."""
    others = np.array(sorted({*bound, *bound.values()}), np.uint64)
    before = {
        one: fold for one, fold in zip(others.tolist(), known.sides_of(others)[1].tolist(), strict=True) if fold >= 0
    }
    told = before | folds
    folds |= {one: told[other] for one, other in bound.items() if other in told and one not in told}
    group = np.array(sorted(splits.keys() | folds.keys()), np.uint64)
    split, fold = known.sides_of(group)
    for place, one in enumerate(group.tolist()):
        if one in splits:
            split[place] = SPLITS.index(PREFERENCE[splits[one]])
        if one in folds:
            fold[place] = folds[one]
    return Sides(group, split, fold)
