"""Tables: where the tables of a published generation are, opened in each process when they are first asked for.

On a local store they are mapped where they lie. From an object store each is fetched once into the cache of this
machine and mapped there; its SHA-256 is part of its name, so it never goes stale.

`groups.arrow` is small and decides labels and splits, so each process compares its SHA-256 with that in `index.json`.
`photos.arrow` and `tiles.arrow` may have a gigabyte, which no start can wait for. A damaged number in them is found
where it is used: by the group's range of photos (`groups_of`), by the rows that there are, and by the reader, which
compares each tile with its tar's own table.
"""

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from corpus.errors import StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import Store
from shards.entries import MEND, OutdatedError
from shards.index.columns import SCHEMAS, Columns, Numbers
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
    left_out: tuple[str, ...] = ()
    """Camera keys that are no classes here and whose groups are in no split; their rows stay."""
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
        """The content of `index.json`; raises OutdatedError where another version wrote it."""
        value: dict[str, Any] = self.store.read_json(f"{self.directory}/index.json")
        if value.get("format") != FORMAT:
            raise OutdatedError(
                f"{self.store.url}: {self.directory} was packed by another version of this program; curate again"
            )
        return value

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Camera keys; a label is an index into them."""
        return tuple(camera for camera in self.content["classes"] if camera not in self.left_out)

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
        """The columns of `groups.arrow`; raises StorageError where it is not the file that was published."""
        return self._columns("groups", is_checked=True)

    @cached_property
    def photos(self) -> Columns:
        """The columns of `photos.arrow`."""
        return self._columns("photos")

    @cached_property
    def tiles(self) -> Columns:
        """The columns of `tiles.arrow`."""
        return self._columns("tiles")

    @cached_property
    def group_labels(self) -> Numbers:
        """The label of each row of `groups`; -1 for those of cameras that are left out."""
        labels = self.groups["label"].astype(np.int64)
        if not self.left_out:
            return labels
        places = {camera: place for place, camera in enumerate(self.classes)}
        of_class: Numbers = np.array([places.get(camera, -1) for camera in self.content["classes"]], np.int64)
        return of_class[labels]

    @cached_property
    def splits(self) -> npt.NDArray[np.int8]:
        """The split of each row of `groups`, as its place in SPLITS; -1 for those of cameras that are left out."""
        splits = self._splits_of_all
        return np.where(self.group_labels < 0, -1, splits).astype(np.int8) if self.left_out else splits

    @property
    def _splits_of_all(self) -> npt.NDArray[np.int8]:
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

    def groups_of(self, photo_rows: Numbers) -> Numbers:
        """Return the rows of the groups of photos; raises StorageError for a group that does not have its photo."""
        groups = self.photos.at("group", photo_rows)
        places = photo_rows - self.groups.at("first_photo", groups)
        wrong = (groups < 0) | (places < 0) | (places >= self.groups.at("photos", groups))
        if wrong.any():
            row = photo_rows[np.argmax(wrong)]
            raise StorageError(
                f"{self.store.url}: {self.directory}/photos.arrow is damaged: it names another group than its own for "
                f"the photo of row {row}; {MEND}"
            )
        return groups

    def _columns(self, name: str, *, is_checked: bool = False) -> Columns:
        path = f"{self.directory}/{name}.arrow"
        told = self.content["files"][f"{name}.arrow"]
        if is_checked and self.store.is_local:  # a copy of an object store's was compared when it was fetched
            digest = hashlib.sha256(self.store.read(path)).hexdigest()
            if digest != told["sha256"]:
                raise StorageError(
                    f"{self.store.url}: {path} has SHA-256 {digest}, not {told['sha256']} as index.json says; {MEND}"
                )
        found = self.cache.file(self.store, path, told["sha256"])
        if isinstance(found, bytes):
            return Columns(f"{self.store.url}: {path}", SCHEMAS[name], found)
        return Columns(str(found), SCHEMAS[name])
