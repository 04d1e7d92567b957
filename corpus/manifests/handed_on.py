"""Handed on: the manifests that crawls have left in a store, and what they say beside addresses.

`manifests/<digest>.parquet` is the table of a manifest whose photographs were, or are being, fetched into this store.
What it says of groups, splits, folds, labels and cameras counts where this store's own generations say nothing: what
they have decided never changes.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StorageError
from corpus.manifests.about import About, about_of
from corpus.records import MANIFEST, with_schema
from corpus.storage import Store
from corpus.storage.parquet import Condition, open_parquet, read_parquet
from corpus.text import leading_number

FOLDER = "manifests"

Row = dict[str, Any]


@dataclass(frozen=True)
class HandedOn:
    """Manifests in a store; plain data, so that it can be sent to Dask workers."""

    store: Store
    names: tuple[str, ...] = ()
    """Their files below FOLDER; where two say different things, the one that comes last counts."""

    def about(self) -> list[About]:
        """Return what each says of itself."""
        return [self._about(name) for name in self.names]

    def sides(self) -> tuple[dict[str, str], dict[int, dict[str, int]]]:
        """Return the split of every group, and by number of folds the fold of every group."""
        splits: dict[str, str] = {}
        folds: dict[int, dict[str, int]] = defaultdict(dict)
        for name, about in zip(self.names, self.about(), strict=True):
            table = self._table(name, ["group", "split", "fold"], [[("has_side", "=", True)]])
            for row in table.group_by(["group", "split", "fold"], use_threads=False).aggregate([]).to_pylist():
                if row["split"] is not None:
                    splits[row["group"]] = row["split"]
                if row["fold"] is not None and about.folds is not None:
                    folds[about.folds][row["group"]] = row["fold"]
        return splits, dict(folds)

    def sided(self, first: str, last: str) -> Iterator[Row]:
        """Yield photo, version, kept and group of the photos from `first` to `last` that have their side."""
        within = [("photo", ">=", first), ("photo", "<=", last), ("has_side", "=", True)]
        for name in self.names:
            yield from self._table(name, ["photo", "version", "kept", "group"], [within]).to_pylist()

    def classes(self) -> tuple[str, ...]:
        """Return the cameras in the order of their labels; later manifests add theirs."""
        return tuple(dict.fromkeys(camera for about in self.about() for camera in about.classes))

    def packed(self) -> Iterator[list[Row]]:
        """Yield the photos of each tar of shards."""
        columns = ["photo", "version", "sha256", "camera", "group", "split", "quality_factor", "shard"]
        for name in self.names:
            table = self._table(name, columns, [[("kept", "=", True)]])
            by_tar: dict[str, list[Row]] = defaultdict(list)
            for row in table.filter(pc.is_valid(table["shard"])).to_pylist():
                by_tar[row["shard"]].append(row)
            yield from (by_tar[tar] for tar in sorted(by_tar))

    def _about(self, name: str) -> About:
        with self.store.open(f"{FOLDER}/{name}") as file:
            try:
                about = about_of(open_parquet(file).schema_arrow)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise self._damaged(name, error) from error
        if about is None:
            raise self._damaged(name, "it says nothing of itself")
        return about

    def _table(self, name: str, columns: list[str], where: list[list[Condition]]) -> pa.Table:
        schema = pa.schema([MANIFEST.field(column) for column in columns])
        with self.store.open(f"{FOLDER}/{name}") as file:
            try:
                return with_schema(read_parquet(file, columns, where), schema)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise self._damaged(name, error) from error

    def _damaged(self, name: str, error: object) -> StorageError:
        return StorageError(
            f"{self.store.url}: {FOLDER}/{name} is damaged ({error}); remove it and crawl its manifest again"
        )


def handed_on(store: Store) -> HandedOn:
    """Return the manifests of a store, those of the latest generations last."""
    names = [name for name in store.names(FOLDER) if name.endswith(".parquet")]
    found = HandedOn(store, tuple(names))
    ages = {name: leading_number(about.generation or "0") for name, about in zip(names, found.about(), strict=True)}
    return HandedOn(store, tuple(sorted(names, key=lambda name: (ages[name], name))))


def without(store: Store, photos: Collection[str]) -> Counter[str]:
    """Rewrite the manifests of a store without the rows of photos; return how many of each there were.

    Raises StorageError for a manifest that is damaged.
    """
    removed: Counter[str] = Counter()
    wanted = pa.array(sorted(photos), pa.string())
    for name in store.names(FOLDER):
        whole = store.read_table(f"{FOLDER}/{name}")
        is_of = pc.is_in(whole["photo"], value_set=wanted)
        if pc.any(is_of).as_py():
            removed.update(whole["photo"].filter(is_of).to_pylist())
            store.publish_table(f"{FOLDER}/{name}", whole.filter(pc.invert(is_of)))
    return removed
