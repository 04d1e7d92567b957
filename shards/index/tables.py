"""Tables: where the tables of a published generation are, opened in each process when they are first asked for.

On a local store they are mapped where they lie. From an object store each is fetched once into the cache of this
machine and mapped there; its SHA-256 is part of its name, so it never goes stale.
"""

from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import Store
from shards.index.columns import SCHEMAS, Columns
from shards.remote.cache import LocalCache

ROOT = "shards"
FORMAT = 2
"""Format of the index; raise it when its files change. 1 was one Parquet table of all tiles."""


@dataclass(frozen=True)
class Tables:
    """The files of one generation's index; plain data of a few bytes, which can be sent to loaders."""

    store: Store
    generation: str
    held_out: int | None = None
    """The fold that is the test split; None: the splits are those of the generation."""
    cache: LocalCache = field(default_factory=LocalCache, compare=False)
    """Keeps files of an object store on this machine."""

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def directory(self) -> str:
        """The folder of the index in the store."""
        return f"{ROOT}/{self.generation}"

    @cached_property
    def content(self) -> dict[str, Any]:
        """The content of `index.json`; raises StorageError where another version wrote it."""
        value: dict[str, Any] = self.store.read_json(f"{self.directory}/index.json")
        if value.get("format") != FORMAT:
            raise StorageError(
                f"{self.store.url}: {self.directory} was packed by another version of this program; remove that "
                "folder, then curate again"
            )
        return value

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Camera keys; a label is an index into them."""
        return tuple(self.content["classes"])

    @cached_property
    def tars(self) -> tuple[str, ...]:
        """File names in `shards/tars/`."""
        return tuple(tar for split in SPLITS for tar in self.content["splits"][split]["shards"])

    @property
    def folds(self) -> int | None:
        """Number of folds; None in generations without folds."""
        folds: int | None = self.content["folds"]
        return folds

    @cached_property
    def groups(self) -> Columns:
        """The columns of `groups.arrow`."""
        return self._columns("groups")

    @cached_property
    def photos(self) -> Columns:
        """The columns of `photos.arrow`."""
        return self._columns("photos")

    @cached_property
    def tiles(self) -> Columns:
        """The columns of `tiles.arrow`."""
        return self._columns("tiles")

    @cached_property
    def splits(self) -> npt.NDArray[np.int8]:
        """The split of each row of `groups`, as its place in SPLITS."""
        if self.held_out is None:
            return self.groups["split"]
        if self.folds is None:
            raise StageError(
                f"train.fold: generation {self.generation} was packed without folds; set curation.folds, then run "
                "python -m curation.run again"
            )
        folds = self.groups["fold"]
        train, validation, test = range(3)
        result = np.full(len(folds), train, np.int8)
        if self.folds > 2:
            result[folds == (self.held_out + 1) % self.folds] = validation
        result[folds == self.held_out] = test
        return result

    def _columns(self, name: str) -> Columns:
        path = f"{self.directory}/{name}.arrow"
        told = self.content["files"][f"{name}.arrow"]
        found = self.cache.file(self.store, path, told["sha256"])
        if isinstance(found, bytes):
            return Columns(f"{self.store.url}: {path}", SCHEMAS[name], found)
        return Columns(str(found), SCHEMAS[name])
