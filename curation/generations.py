"""Past: the generations there are in; what the newest says out: sides, folds, what it kept, and what it learned.

Its table is ordered by photo, so that a range of keys is read from a few of its row groups.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.errors import StageError, StorageError
from corpus.storage import Store
from corpus.text import leading_number

FOLDER = "curated"
_BATCH_PHOTOS = 16_384
PHOTOS, SPLITS, FOLDS, NATIVES = "photos.parquet", "splits.json", "folds.json", "natives.json"

_LEARNED = {"camera": str, "aspect": str, "value": str, "text": str, "native": bool, "source": str}
"""What `learned` promises of its rows: columns, and the kinds of their values."""


def latest_generation(store: Store) -> str | None:
    """Return the newest whole generation's name, None before the first."""
    names = store.done_names(FOLDER)
    return max(names, key=leading_number) if names else None


def generation_named(store: Store, text: str) -> str:
    """Return the name of the whole generation that `text` is, begins, or calls `latest`.

    Raises StageError, naming the generations there are, where there is none or more than one.
    """
    names = sorted(store.done_names(FOLDER), key=leading_number)
    if text == "latest" and names:
        return names[-1]
    found = [name for name in names if name == text] or [name for name in names if text and name.startswith(text)]
    if len(found) == 1:
        return found[0]
    there_are = f"there are {', '.join(names)}" if names else "there are none; run python -m curation.run first"
    if found:
        raise StageError(f"{text!r} begins the names of {len(found)} generations: {', '.join(found)}")
    raise StageError(f"{store.url}: no generation is called {text!r}; {there_are}")


def learned_in(store: Store, generation: str) -> list[dict[str, Any]] | None:
    """Return what was learned in a generation (`curation.consensus.learn`); None for one of version 0.1."""
    path = f"{FOLDER}/{generation}/{NATIVES}"
    return cast(list[dict[str, Any]], store.read_json(path)) if store.exists(path) else None


def batches_of(store: Store, path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a generation's table of photos in batches; memory does not grow with it.

    Raises StorageError where it lacks a column or is damaged.
    """
    with store.open(path) as file:
        try:
            parquet = pq.ParquetFile(file)
            missing = [name for name in columns if name not in parquet.schema_arrow.names]
            if missing:
                raise StorageError(f"{store.url}: {path} has no column {missing[0]}")
            yield from parquet.iter_batches(_BATCH_PHOTOS, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise StorageError(f"{store.url}: {path} cannot be read as Parquet: {error}") from error


@dataclass(frozen=True)
class Ledger:
    """The side of every group there ever was."""

    splits: dict[str, str] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Before:
    """What the generation before says of one photo that it kept."""

    versions: frozenset[str]
    """Those of its uploads that were kept."""
    groups: Mapping[str, str]
    """Of each upload that was kept, or was a copy of one that was, its group."""

    def group_of(self, version: str) -> str:
        """Return the group of an upload; that of a new one is an earlier one's."""
        return self.groups.get(version) or min(self.groups.values())


@dataclass(frozen=True)
class Past:
    """The newest generation, or none: nothing was kept before the first."""

    store: Store
    generation: str | None

    def ledger(self, folds: int) -> Ledger:
        """Return its ledger; the folds are none where it has another number of them than `folds`."""
        if self.generation is None:
            return Ledger()
        folder = f"{FOLDER}/{self.generation}"
        splits: dict[str, str] = self.store.read_json(f"{folder}/{SPLITS}")
        if not self.store.exists(f"{folder}/{FOLDS}"):  # a generation of version 0.1
            return Ledger(splits)
        told: dict[str, Any] = self.store.read_json(f"{folder}/{FOLDS}")
        return Ledger(splits, told["groups"] if told["folds"] == folds else {})

    def learned(self) -> list[dict[str, Any]]:
        """Return what it learned of cameras, as `curation.consensus.learn` does.

        Raises StorageError where its file is damaged.
        """
        path = f"{FOLDER}/{self.generation}/{NATIVES}"
        if self.generation is None or not self.store.exists(path):  # a generation of version 0.1
            return []
        cure = "restore it, or remove it: crawls then know the catalogue alone until the next generation"
        try:
            rows = self.store.read_json(path)
        except StorageError as error:
            raise StorageError(f"{error}; {cure}") from error
        if not isinstance(rows, list) or not all(_is_learned(row) for row in rows):
            raise StorageError(f"{self.store.url}: {path} is not a table of what was learned of cameras; {cure}")
        return rows

    def kept(self, first: str, last: str) -> dict[str, Before]:
        """Return, by photo, what it says of the photos from `first` to `last` that it kept, or whose copy it kept."""
        if self.generation is None:
            return {}
        versions: dict[str, set[str]] = defaultdict(set)
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        for table in self._rows(first, last, ["photo", "version", "kept", "group", "duplicate_of"]):
            for row in table.to_pylist():
                if row["kept"] or row.get("duplicate_of"):
                    groups[row["photo"]][row["version"]] = row["group"]
                if row["kept"]:
                    versions[row["photo"]].add(row["version"])
        return {photo: Before(frozenset(versions[photo]), found) for photo, found in groups.items()}

    def matching(self, expression: pc.Expression, columns: list[str]) -> list[dict[str, Any]]:
        """Return columns of its rows that match; of a generation of version 0.1, the columns that it has."""
        if self.generation is None:
            return []
        path = f"{FOLDER}/{self.generation}/{PHOTOS}"
        with self.store.open(path) as file:
            there = set(pq.read_schema(file).names)
        with self.store.open(path) as file:
            table = pq.read_table(file, columns=[name for name in columns if name in there], filters=expression)
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    def _rows(self, first: str, last: str, columns: list[str]) -> Iterator[pa.Table]:
        """Yield its rows of a range; of a generation of version 0.1, the columns that it has."""
        with self.store.open(f"{FOLDER}/{self.generation}/{PHOTOS}") as file:
            parquet = pq.ParquetFile(file)
            there = [name for name in columns if name in parquet.schema_arrow.names]
            for place in range(parquet.num_row_groups):
                statistics = parquet.metadata.row_group(place).column(0).statistics
                if statistics and statistics.has_min_max and (statistics.min > last or statistics.max < first):
                    continue
                table = parquet.read_row_group(place, there)
                photos = table["photo"]
                yield table.filter(pc.and_(pc.greater_equal(photos, first), pc.less_equal(photos, last)))


def _is_learned(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in _LEARNED.items())
