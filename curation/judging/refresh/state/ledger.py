"""Ledger: the side of every group there has ever been, as columns; of a few groups as `curation.generations.Ledger`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import SPLITS
from curation.generations import SIDES, Groups, Ledger
from curation.judging.arrays.ordered import unique
from curation.judging.refresh.state.parts import hex_numbers, hex_text


@dataclass(frozen=True)
class Sides:
    """Groups in order, with the number of their split in SPLITS and their fold, -1 for none."""

    group: npt.NDArray[np.uint64]
    split: npt.NDArray[np.int8]
    fold: npt.NDArray[np.int16]

    @classmethod
    def of_ledger(cls, ledger: Ledger) -> "Sides":
        """Return the sides of a whole ledger."""
        of_splits, splits = Groups.of(ledger.splits, pa.string()).columns()
        of_folds, folds = Groups.of(ledger.folds, pa.int32()).columns()
        names = pc.unique(pa.concat_arrays([of_splits, of_folds]))
        names = names.take(pc.sort_indices(names))
        split = pc.index_in(splits.take(pc.index_in(names, value_set=of_splits)), value_set=pa.array(SPLITS))
        fold = folds.take(pc.index_in(names, value_set=of_folds))
        numbers = (pc.fill_null(column, -1).to_numpy() for column in (split, fold))
        return cls(
            hex_numbers(names), *(one.astype(kind) for one, kind in zip(numbers, (np.int8, np.int16), strict=True))
        )

    @classmethod
    def of_table(cls, table: pa.Table) -> "Sides":
        """Return the sides that files of a ledger hold (`curation.generations.SIDES`)."""
        group, split, fold = (table[name].to_numpy() for name in SIDES.names)
        order = np.argsort(group, kind="stable")  # each file is in order, which this sort makes use of
        return cls(group[order], split[order], fold[order])

    def table(self) -> pa.Table:
        """Return them as a file of a ledger has them."""
        return pa.table([self.group, self.split, self.fold], SIDES)

    @classmethod
    def nothing(cls) -> "Sides":
        """Return the sides of no group."""
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.int8), np.zeros(0, np.int16))

    def with_new(self, some: "Sides") -> "Sides":
        """Return the sides with those of some groups, which count where a group is among both."""
        places, is_known = self._places(some.group)
        split, fold = self.split.copy(), self.fold.copy()
        split[places[is_known]], fold[places[is_known]] = some.split[is_known], some.fold[is_known]
        at = np.searchsorted(self.group, some.group[~is_known])
        new = [column[~is_known] for column in (some.group, some.split, some.fold)]
        return Sides(np.insert(self.group, at, new[0]), np.insert(split, at, new[1]), np.insert(fold, at, new[2]))

    def without(self, others: "Sides") -> "Sides":
        """Return the sides of the groups that others do not have."""
        _, is_known = others._places(self.group)
        return Sides(self.group[~is_known], self.split[~is_known], self.fold[~is_known])

    def sides_of(self, groups: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int16]]:
        """Return split and fold of each of some groups, -1 where it has none."""
        places, is_known = self._places(groups)
        if not len(self.group):
            return np.full(len(groups), -1, np.int8), np.full(len(groups), -1, np.int16)
        split, fold = np.where(is_known, self.split[places], -1), np.where(is_known, self.fold[places], -1)
        return split.astype(np.int8), fold.astype(np.int16)

    def is_whole(self, groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether each of some groups has its split and its fold."""
        split, fold = self.sides_of(groups)
        found: npt.NDArray[np.bool_] = (split >= 0) & (fold >= 0)
        return found

    def of(self, groups: Iterable[int]) -> Ledger:
        """Return what is known of some groups."""
        wanted = unique(np.fromiter(groups, np.uint64))
        places, is_known = self._places(wanted)
        splits, folds = {}, {}
        for group, place in zip(wanted[is_known].tolist(), places[is_known].tolist(), strict=True):
            name = hex_text(group)
            if self.split[place] >= 0:
                splits[name] = SPLITS[self.split[place]]
            if self.fold[place] >= 0:
                folds[name] = int(self.fold[place])
        return Ledger(splits, folds)

    def whole(self) -> Ledger:
        """Return the whole ledger."""
        return self.of(self.group.tolist())

    def _places(self, groups: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        if not len(self.group):
            return np.zeros(len(groups), np.int64), np.zeros(len(groups), bool)
        places = np.minimum(np.searchsorted(self.group, groups), len(self.group) - 1)
        return places, self.group[places] == groups
