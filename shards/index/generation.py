"""Generation: reads the index of a published generation. A generation without its marker is refused."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from corpus.errors import StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import MARKER, Store
from corpus.text import leading_number
from shards.entries import POOL, Failure, OutdatedError, entry_path, files_of_tar, read_entry
from shards.index.columns import Numbers
from shards.index.selection import Selection
from shards.index.tables import ROOT, Tables
from shards.plan import ShardPlan
from shards.remote.cache import LocalCache


@dataclass(frozen=True)
class Index(Tables):
    """One published generation of shards; what rows of its tables mean is told in `shards.index.columns`."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Planned photos that could not be packed."""
        return tuple(Failure(**failure) for failure in self.content["failures"])

    def holding_out(self, fold: int) -> "Index":
        """Return the index for cross-validation: `fold` is the test split, the next one validation, all others train.

        The next fold after the last is 0. Of two folds, the other one trains and there is no validation. Raises
        StageError where there is no such fold.
        """
        if self.folds is None:
            raise StageError(
                f"train.fold: generation {self.generation} was packed without folds; set curation.folds, then run "
                "python -m curation.run again"
            )
        if not 0 <= fold < self.folds:
            raise StageError(
                f"train.fold: {fold} is none of generation {self.generation}, which has 0 to {self.folds - 1}"
            )
        return replace(self, held_out=fold)

    def leaving_out(self, cameras: tuple[str, ...]) -> "Index":
        """Return the index without these cameras: they are no classes, and none of their photos is in a split.

        All rows stay what they are, so those of the cameras' photos can be asked of `whole`. Raises StageError for a
        camera that is no class here.
        """
        for camera in cameras:
            if camera not in self.content["classes"]:
                known = ", ".join(self.content["classes"])
                raise StageError(
                    f"train.held_out_cameras: {camera} is no camera of generation {self.generation}; it has {known}"
                )
        return replace(self, left_out=tuple(sorted({*self.left_out, *cameras})))

    @property
    def whole(self) -> "Index":
        """The index of all cameras, with the same splits."""
        return replace(self, left_out=())

    def selection(self, split: str, least_px: int = 0, only: Iterable[int] | Numbers | None = None) -> Selection:
        """Return the tiles of one split (train, validation, test) that a run uses.

        `least_px`: the photos all of whose tiles have at least this on every edge. `only`: rows of the photos to use.
        """
        if split not in SPLITS:
            raise ValueError(f"split {split!r} is not one of {', '.join(SPLITS)}")
        rows = None if only is None else np.fromiter(only, np.int64)
        return Selection(self, split, least_px, rows)

    def central_tiles(self, photo_rows: Numbers) -> Numbers:
        """Return the rows of the photos' first tiles, which are the central ones."""
        return self.photos.at("first_tile", photo_rows)

    def labels(self, photo_rows: Numbers) -> Numbers:
        """Return the labels of photos."""
        return self.group_labels[self.groups_of(photo_rows)]

    def group_names(self, photo_rows: Numbers) -> list[str]:
        """Return the groups (devices or owners) of photos."""
        return self.groups.texts("group", self.groups_of(photo_rows))

    def photo_names(self, photo_rows: Numbers) -> list[str]:
        """Return the digests of photos, as 16 hex digits."""
        return [f"{photo:016x}" for photo in self.photos.taken("photo", photo_rows).tolist()]

    def photo_rows_of(self, names: Iterable[str]) -> Numbers:
        """Return the rows of the photos with these digests, in ascending order; those that are not here are left out.

        It looks at every photo, so ask for all at once.
        """
        wanted = np.array([int(name, 16) for name in names], np.uint64)
        return np.flatnonzero(np.isin(self.photos["photo"], wanted))

    def rows_in_tars(self, split: str) -> Numbers:
        """Return the rows of a split's tiles in the order of the tars, for reading all of them from end to end."""
        selection = self.selection(split)
        rows = selection.tile_rows(np.arange(selection.tiles))
        return rows[np.lexsort((self.tiles["row"][rows], self.tiles["tar"][rows]))]


def latest_generation(store: Store) -> str:
    """Return the whole generation of the highest number; raises StorageError where there is none."""
    newest = _newest(store)
    if newest is None:
        raise StorageError(f"{store.url}: {ROOT}/ holds no whole generation; run the curation first")
    return newest


def generation_named(store: Store, text: str) -> str:
    """Return the whole generation with the name `text`, the only one that begins with it, or the newest for `latest`.

    Raises StorageError, naming the existing generations, where none or several match.
    """
    if text == "latest":
        return latest_generation(store)
    names = sorted(store.done_names(ROOT), key=leading_number)
    found = [name for name in names if name == text] or [name for name in names if text and name.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        raise StorageError(f"{text!r} begins the names of {len(found)} generations: {', '.join(found)}")
    there_are = f"there are {', '.join(names)}" if names else "there are none; run python -m curation.run first"
    raise StorageError(f"{store.url}: {ROOT}/ has no whole generation {text!r}; {there_are}")


def read_index(store: Store, generation: str, cache: LocalCache | None = None) -> Index:
    """Return a whole generation's index; raises StorageError for one that is missing, not whole or of another version.

    Only `index.json` is read, and compared with what the marker says of it, since it tells which label is which camera;
    the tables are opened when they are asked for. `cache`: where those of an object store are kept; None: in a private
    folder of this user.
    """
    index = Index(store, generation, cache=cache or LocalCache())
    marker = store.done(index.directory)
    if marker is None:
        raise StorageError(f"{store.url}: {index.directory} is missing or not whole; run the curation again")
    _ = index.content  # says what is wrong at once
    told = marker.get("sha256", {}).get(_JSON)
    found = hashlib.sha256(store.read(f"{index.directory}/{_JSON}")).hexdigest()
    if told is not None and found != told:
        raise StorageError(
            f"{store.url}: {index.directory}/{_JSON} has SHA-256 {found}, not {told} as {MARKER} says; delete both, "
            "then curate again"
        )
    return index


def missing_files(store: Store, generation: str) -> list[str]:
    """Return the files that a whole generation of shards has and this one lacks: of its index, and of its tars."""
    folder = f"{ROOT}/{generation}"
    there = {f"{folder}/{name}" for name in store.names(folder)}
    wanted = [f"{folder}/{name}" for name in (_JSON, "_info.json")]
    if wanted[0] in there:
        index = read_index(store, generation)
        wanted += [f"{folder}/{name}" for name in index.content["files"]]
        wanted += [path for tar in index.tars for path in files_of_tar(tar)]
        there |= {f"{POOL}/{name}" for name in store.names(POOL)}
    return [path for path in wanted if path not in there]


def previous_classes(store: Store) -> tuple[str, ...]:
    """Return the classes that the next generation of shards goes on from, in the order of their labels.

    They are those of the newest generation with an `index.json`, also where it is not whole: what is missing of it can
    be packed again under the same labels. None where there is none, or where another version wrote it.
    """
    index = _last_begun(store)
    return () if index is None else index.classes


def previous_plans(store: Store) -> list[ShardPlan]:
    """Return the plans of the shards of the generation that `previous_classes` are of.

    Those of another version of this program, and those whose entry is gone, are left out: their photographs are packed
    again.
    """
    index, plans = _last_begun(store), list[ShardPlan]()
    for tar in () if index is None else index.tars:
        try:
            plans.append(read_entry(store, tar).plan)
        except OutdatedError:
            continue
        except StorageError:
            if store.exists(entry_path(tar)):
                raise
    return plans


def last_whole(store: Store) -> Index | None:
    """Return the index of the newest generation of shards; None where there is none, where it is not whole, or where
    another version wrote it.
    """
    index = _last_begun(store)
    return None if index is None or store.done(index.directory) is None else index


def _last_begun(store: Store) -> Index | None:
    name = _newest_with(store, _JSON)
    if name is None:
        return None
    index = Index(store, name)
    try:
        _ = index.content
    except OutdatedError:
        return None
    return index


def _newest(store: Store) -> str | None:
    """Return the generation of the highest number; names are `<number>-<digest>`, and 10000 follows 9999."""
    return _newest_with(store, MARKER)


def _newest_with(store: Store, file: str) -> str | None:
    """Return the newest generation that has a file; the newest are looked at first, since each look is a request."""
    names = sorted(store.names(ROOT), key=_age, reverse=True)
    return next((name for name in names if store.exists(f"{ROOT}/{name}/{file}")), None)


def _age(name: str) -> tuple[int, str]:
    return leading_number(name), name


_JSON = "index.json"
