"""Ledger: the side of every group there has ever been, as columns; of a few groups as `curation.generations.Ledger`."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from corpus.records import SPLITS
from curation.generations import SIDES, Groups, Ledger
from curation.judging.refresh.state import hex_numbers, hex_text


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
        ordered = table.sort_by("group")
        return cls(*(ordered[name].to_numpy() for name in SIDES.names))

    def table(self) -> pa.Table:
        """Return them as a file of a ledger has them."""
        return pa.table([self.group, self.split, self.fold], SIDES)

    def with_new(self, ledger: Ledger) -> "Sides":
        """Return the sides with those of a ledger of some groups."""
        some = Sides.of_ledger(ledger)
        rest = ~np.isin(self.group, some.group)
        group = np.concatenate([self.group[rest], some.group])
        order = np.argsort(group)
        split, fold = np.concatenate([self.split[rest], some.split]), np.concatenate([self.fold[rest], some.fold])
        return Sides(group[order], split[order], fold[order])

    def has_split(self, groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether each of some groups has its split."""
        places, is_known = self._places(groups)
        found: npt.NDArray[np.bool_] = is_known & (self.split[places] >= 0) if len(self.group) else is_known
        return found

    def is_whole(self, groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Whether each of some groups has its split and its fold."""
        places, _ = self._places(groups)
        found = self.has_split(groups)
        return found & (self.fold[places] >= 0) if len(self.group) else found

    def of(self, groups: Iterable[int]) -> Ledger:
        """Return what is known of some groups."""
        wanted = np.unique(np.fromiter(groups, np.uint64))
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
