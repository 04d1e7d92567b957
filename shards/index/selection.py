"""Selection: the tiles of an index that a run uses: those of a split, of photos large enough, or of given photos.

What it keeps in memory is a few numbers for each group; where photos are given, also for each of these. Photos and
tiles stay in the mapped files.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.records import SPLITS
from shards.index.columns import Numbers
from shards.index.tables import Tables


@dataclass(frozen=True, eq=False)
class Selection:
    """The tiles of a split whose photos have tiles of at least `least_px` on every edge; made by `Index.selection`.

    Its classes are numbered as in `labels`, its groups from 0 on: those of class k are `first_group[k]` and the
    following ones. What is sent to another process is the wish alone.
    """

    index: Tables
    split: str
    least_px: int = 0
    only: Numbers | None = None
    """Rows of photos; None: all."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("index", "split", "least_px", "only")}

    @property
    def name(self) -> str:
        """What is selected, for messages."""
        wish = "" if self.only is None else f", for the {len(self.only)} photographs wanted"
        edge = f", with edges of {self.least_px} px or more" if self.least_px else ""
        return f"generation {self.index.generation}, split {self.split}{wish}{edge}"

    @cached_property
    def _of_split(self) -> Numbers:
        """Rows of the groups in the split."""
        return np.flatnonzero(self.index.splits == SPLITS.index(self.split))

    @cached_property
    def _given(self) -> Numbers | None:
        """Rows of the given photos that are in the split and large enough, in ascending order."""
        if self.only is None:
            return None
        rows = np.unique(np.asarray(self.only, np.int64))
        photos = self.index.photos
        inside = self.index.splits[self.index.groups_of(rows)] == SPLITS.index(self.split)
        given: Numbers = rows[inside & (photos["least_px"][rows] >= self.least_px)]
        return given

    @cached_property
    def _counted(self) -> tuple[Numbers, Numbers]:
        """Rows of the groups with selected photos, and how many photos each of them has."""
        if self._given is not None:
            return np.unique(self.index.groups_of(self._given), return_counts=True)
        groups = self._of_split
        counts = self.index.groups.at("photos", groups)
        if self.least_px:
            counts = _prefixes(
                self.index.photos["least_px"], self.index.groups.at("first_photo", groups), counts, self.least_px
            )
        return groups[counts > 0], counts[counts > 0]

    @property
    def group_rows(self) -> Numbers:
        """Row of `groups.arrow` of each group."""
        return self._counted[0]

    @property
    def photos_of_group(self) -> Numbers:
        """Number of photos of each group."""
        return self._counted[1]

    @cached_property
    def _classes(self) -> tuple[Numbers, Numbers, Numbers]:
        labels, first, counts = np.unique(
            self.index.group_labels[self.group_rows], return_index=True, return_counts=True
        )
        return labels, first, counts

    @property
    def labels(self) -> Numbers:
        """Labels of the classes that have photos, in ascending order."""
        return self._classes[0]

    @property
    def first_group(self) -> Numbers:
        """First group of each class."""
        return self._classes[1]

    @property
    def groups_of_class(self) -> Numbers:
        """Number of groups of each class."""
        return self._classes[2]

    @cached_property
    def _first_photos(self) -> Numbers:
        """Row of each group's first photo; where photos are given, its place among them."""
        if self._given is None:
            return self.index.groups.at("first_photo", self.group_rows)
        return np.cumsum(self.photos_of_group) - self.photos_of_group

    @cached_property
    def _runs(self) -> tuple[Numbers, Numbers]:
        """Runs of successive rows of tiles: first row of each, and how many tiles there are up to its end."""
        if self._given is not None:
            first, counts = self.tiles_of_photos(self._given)
        elif self.least_px:
            first = self.index.groups.at("first_tile", self.group_rows)
            last, tiles = self.tiles_of_photos(self._first_photos + self.photos_of_group - 1)
            counts = last + tiles - first
        else:
            first = self.index.groups.at("first_tile", self.group_rows)
            counts = self.index.groups.at("tiles", self.group_rows)
        return first, np.cumsum(counts)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        ends = self._runs[1]
        return int(ends[-1]) if len(ends) else 0

    @property
    def photos(self) -> int:
        """Number of photos."""
        return int(self.photos_of_group.sum())

    @property
    def too_small(self) -> int:
        """Number of photos that are left out for `least_px` alone."""
        if self.only is not None:
            return Selection(self.index, self.split, 0, self.only).photos - self.photos
        return int(self.index.groups["photos"][self._of_split].sum()) - self.photos

    def photo_rows(self, groups: Numbers, numbers: Numbers) -> Numbers:
        """Return the rows of the photos of these numbers in these groups, both counted from 0."""
        places = self._first_photos[groups] + numbers
        return places if self._given is None else self._given[places]

    def tiles_of_photos(self, photo_rows: Numbers) -> tuple[Numbers, Numbers]:
        """Return the first row of each photo's tiles, and their number."""
        photos = self.index.photos
        return photos.at("first_tile", photo_rows), photos.at("tiles", photo_rows)

    def tile_rows(self, places: Numbers) -> Numbers:
        """Return the rows of the tiles at these places of the selection, counted from 0 in the order of the rows."""
        first, ends = self._runs
        run = np.searchsorted(ends, places, side="right")
        return first[run] + places - np.where(run > 0, ends[run - 1], 0)

    def all_photo_rows(self) -> Numbers:
        """Return the rows of all photos of the selection, in ascending order."""
        if self._given is not None:
            return self._given
        counts = self.photos_of_group
        starts = np.repeat(self._first_photos - (np.cumsum(counts) - counts), counts)
        return starts + np.arange(len(starts))

    def spread(self, most: int = 0) -> Numbers:
        """Return the rows of at most `most` photos (0: all), spread evenly over the classes.

        The order is deterministic: the classes take turns, each giving its photos in the order of their digests.
        """
        rows = self.all_photo_rows()
        labels = self.index.group_labels[self.index.groups_of(rows)]
        order = np.lexsort((self.index.photos["photo"][rows], labels))
        rows, labels = rows[order], labels[order]
        _, first, counts = np.unique(labels, return_index=True, return_counts=True)
        turns = np.arange(len(rows)) - np.repeat(first, counts)
        spread = rows[np.lexsort((labels, turns))]
        return spread[:most] if most else spread


def _prefixes(least_px: npt.NDArray[np.uint16], first: Numbers, counts: Numbers, wanted_px: int) -> Numbers:
    """Return how many of each group's photos, sorted from large to small, have `wanted_px`: all searches at once."""
    low, high = np.zeros_like(counts), counts.copy()
    while len(unfinished := np.flatnonzero(low < high)):
        middle = (low[unfinished] + high[unfinished]) // 2
        fits = least_px[first[unfinished] + middle] >= wanted_px
        low[unfinished[fits]] = middle[fits] + 1
        high[unfinished[~fits]] = middle[~fits]
    return low
