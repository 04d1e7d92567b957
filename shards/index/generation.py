"""Generation: reads the index of a published generation. A generation without its marker is refused."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from corpus.errors import StageError, StorageError
from corpus.records import SPLITS
from corpus.storage import Store
from corpus.text import leading_number
from shards.entries import Failure, OutdatedError, read_entry
from shards.index.columns import Numbers
from shards.index.selection import Selection
from shards.index.tables import FORMAT, ROOT, Tables
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
        return self.groups.at("label", self.photos.at("group", photo_rows))

    def group_names(self, photo_rows: Numbers) -> list[str]:
        """Return the groups (devices or owners) of photos."""
        return self.groups.texts("group", self.photos.at("group", photo_rows))

    def photo_names(self, photo_rows: Numbers) -> list[str]:
        """Return the digests of photos, as 16 hex digits."""
        return [f"{photo:016x}" for photo in self.photos["photo"][photo_rows].tolist()]

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

    Only `index.json` is read; the tables are opened when they are asked for. `cache`: where those of an object store
    are kept; None: in a private folder of this user.
    """
    index = Index(store, generation, cache=cache or LocalCache())
    if store.done(index.directory) is None:
        raise StorageError(f"{store.url}: {index.directory} is missing or not whole; run the curation again")
    _ = index.content  # says what is wrong at once
    return index


def previous_plans(store: Store, generation: str | None = None) -> list[ShardPlan]:
    """Return the plans of a generation's shards, by default of the newest; none where there is no generation yet.

    The shards of another version of this program have none: they are packed again.
    """
    generation = generation or _newest(store)
    if generation is None or store.read_json(f"{ROOT}/{generation}/index.json").get("format") != FORMAT:
        return []
    plans = []
    for tar in read_index(store, generation).tars:
        with suppress(OutdatedError):
            plans.append(read_entry(store, tar).plan)
    return plans


def _newest(store: Store) -> str | None:
    """Return the generation of the highest number; names are `<number>-<digest>`, and 10000 follows 9999."""
    return max(store.done_names(ROOT), key=lambda name: (leading_number(name), name), default=None)
