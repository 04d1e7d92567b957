"""Carried: the tars that a generation has from the one before, and their rows of its index.

Neither their entries nor their own tables are read: for a refresh they are nearly all there is. An index of which
another table says otherwise is refused when the next one is built of it (`shards.index.build`).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from corpus.records import SPLITS
from corpus.storage import Entry
from shards.index.build import FOUND, PLANNED
from shards.index.columns import Numbers
from shards.index.generation import Index
from shards.plan import Packed

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Carried:
    """Tars of a whole generation."""

    index: Index
    tars: frozenset[str]
    there: Mapping[str, Entry]
    """The files in the pool of shards, as a listing tells them."""

    @property
    def is_sound(self) -> bool:
        """Whether the tables of the generation have the bytes that were published: what is taken goes on for ever."""
        store, told = self.index.store, self.index.content["files"]
        if not store.is_local:  # they were compared when they were fetched
            return True
        digests = {}
        for name in told:
            try:
                with Path(store.path(f"{self.index.directory}/{name}")).open("rb") as file:
                    digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                return False
        return digests == {name: of["sha256"] for name, of in told.items()}

    @property
    def packed(self) -> list[Packed]:
        """The tars in order: names, splits and numbers of photographs."""
        split_of = {tar: split for split in SPLITS for tar in self.index.content["splits"][split]["shards"]}
        numbers = np.bincount(self._tar_of_photo, minlength=len(self.index.tars)).tolist()
        return [
            Packed(tar, split_of[tar], number)
            for tar, number in zip(self.index.tars, numbers, strict=True)
            if tar in self.tars
        ]

    @property
    def tiles(self) -> Mapping[str, int]:
        """The number of tiles of each tar."""
        numbers = np.bincount(self.index.tiles["tar"], minlength=len(self.index.tars)).tolist()
        return {tar: number for tar, number in zip(self.index.tars, numbers, strict=True) if tar in self.tars}

    def without(self, tars: Collection[str]) -> "Carried":
        """Return the same without some tars."""
        return Carried(self.index, self.tars - frozenset(tars), self.there)

    def tars_of(self, photos: Words) -> frozenset[str]:
        """Return those of all tars of the generation that have one of these photographs (digests)."""
        rows = np.flatnonzero(np.isin(self.index.photos["photo"], photos))
        return frozenset(self.index.tars[tar] for tar in np.unique(self._tar_of_photo[rows]).tolist())

    def folds_of(self, photos: Iterable[str]) -> dict[str, int]:
        """Return the folds of those of some photographs (digests) that any tar of the generation has."""
        rows = self.index.photo_rows_of(photos)
        folds = self.index.groups.at("fold", self.index.groups_of(rows)).tolist()
        return dict(zip(self.index.photo_names(rows), folds, strict=True))

    def planned(self, places: Mapping[str, int], folds: Mapping[str, int]) -> pa.Table:
        """Return what the plans say of the photographs of the tars (schema PLANNED).

        `places`: of each tar in the next index; `folds`: those of photographs of which they may have changed.
        """
        photos, groups = self.index.photos, self.index.groups
        tar = self._places(places)[self._tar_of_photo]
        rows = np.flatnonzero(tar >= 0)
        names, group = photos["photo"][rows], photos["group"][rows]
        fold = groups["fold"][group].copy()
        of_names = np.argsort(names)
        told = np.array([int(name, 16) for name in folds], np.uint64)
        now = np.fromiter(folds.values(), np.int32, len(folds))
        if len(names):
            nearest = of_names[np.minimum(np.searchsorted(names, told, sorter=of_names), len(names) - 1)]
            there = names[nearest] == told
            fold[nearest[there]] = now[there]
        columns: dict[str, Any] = {
            "photo": names, "tar": tar[rows], "label": groups["label"][group], "group": groups.strings("group", group),
            "split": groups["split"][group], "fold": fold, "quality_factor": photos["quality_factor"][rows],
        }  # fmt: skip
        return pa.table([pa.array(columns[name]).cast(PLANNED.field(name).type) for name in PLANNED.names], PLANNED)

    def found(self, places: Mapping[str, int]) -> pa.Table:
        """Return what the tars' own tables say of their tiles (schema FOUND); `places`: as for `planned`."""
        tiles, photos = self.index.tiles, self.index.photos
        tar = self._places(places)[tiles["tar"]]
        rows = np.flatnonzero(tar >= 0)
        photo = tiles["photo"][rows]
        columns = {name: tiles[name][rows] for name in FOUND.names if name not in ("label", "photo", "tar")}
        columns |= {"tar": tar[rows], "photo": photos["photo"][photo]}
        columns["label"] = self.index.groups["label"][photos["group"][photo]]
        return pa.table([pa.array(columns[name]).cast(FOUND.field(name).type) for name in FOUND.names], FOUND)

    @cached_property
    def _tar_of_photo(self) -> Numbers:
        found: Numbers = self.index.tiles["tar"][self.index.photos["first_tile"]].astype(np.int64)
        return found

    def _places(self, places: Mapping[str, int]) -> Numbers:
        """Return the place in the next index of each tar of the generation, -1 for those that are not carried."""
        return np.array([places[tar] if tar in self.tars else -1 for tar in self.index.tars], np.int64)
