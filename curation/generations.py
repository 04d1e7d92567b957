"""Generations: find the published ones and read what the newest says: splits, folds, photos it kept, what it learned.

A generation's table is ordered by photo, so a range of keys is read from a few of its row groups.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast, get_type_hints

import pyarrow as pa

from corpus.errors import StageError, StorageError
from corpus.manifests.handed_on import HandedOn
from corpus.storage import Store
from corpus.storage.errors import unavailable
from corpus.storage.parquet import Condition, open_parquet, read_parquet
from corpus.text import leading_number
from curation.consensus import LearnedRow

T = TypeVar("T")

FOLDER = "curated"
PHOTOS, SPLITS, FOLDS, NATIVES = "photos.parquet", "splits.json", "folds.json", "natives.json"
FUNNEL = "funnel.json"
_BATCH_PHOTOS = 16_384

_LEARNED = get_type_hints(LearnedRow)


def latest_generation(store: Store) -> str | None:
    """Return the name of the newest whole generation, None before the first."""
    return max(store.done_names(FOLDER), key=leading_number, default=None)


def generation_named(store: Store, text: str) -> str:
    """Return the generation with the name `text`, the only one that begins with it, or the newest for `latest`.

    Raises StageError, naming the existing generations, where none or several match.
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


def learned_in(store: Store, generation: str) -> list[LearnedRow]:
    """Return what a generation learned of cameras; raises StorageError where its file is missing or no JSON."""
    return cast(list[LearnedRow], store.read_json(f"{FOLDER}/{generation}/{NATIVES}"))


def batches_of(store: Store, path: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a generation's table of photos in batches, in bounded memory.

    Raises StorageError where the table lacks a column or is damaged.
    """
    with store.open(path) as file:
        try:
            parquet = open_parquet(file)
            missing = [name for name in columns if name not in parquet.schema_arrow.names]
            if missing:
                raise StorageError(f"{store.url}: {path} has no column {missing[0]}")
            yield from parquet.iter_batches(_BATCH_PHOTOS, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            damaged = StorageError(f"{store.url}: {path} cannot be read as Parquet: {error}")
            raise unavailable(f"{store.url}: {path}", error) or damaged from error


class Groups(Mapping[str, T]):
    """A value for each group, as two columns: some 30 bytes a group, where a dictionary takes 150."""

    def __init__(self, groups: pa.Array, values: pa.Array) -> None:
        """Take groups in order, and the value of each; those without one are left out."""
        there = values.is_valid()
        self.groups, self._values = groups.filter(there), values.filter(there)

    @classmethod
    def of(cls, told: Mapping[str, T], kind: pa.DataType) -> "Groups[T]":
        """Return the columns of a mapping whose values are of an Arrow type."""
        if isinstance(told, Groups):
            return told
        groups = sorted(told)
        return cls(pa.array(groups, pa.string()), pa.array([told[group] for group in groups], kind))

    def __getitem__(self, group: str) -> T:
        at = bisect_left(self.groups, group, key=lambda one: one.as_py())
        if at == len(self.groups) or self.groups[at].as_py() != group:
            raise KeyError(group)
        return cast(T, self._values[at].as_py())

    def __iter__(self) -> Iterator[str]:
        return (group.as_py() for group in self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def columns(self) -> tuple[pa.Array, pa.Array]:
        """Return the groups in order, and the value of each."""
        return self.groups, self._values


@dataclass(frozen=True)
class Ledger:
    """The split and the fold of every group that any generation has had."""

    splits: Mapping[str, str] = field(default_factory=dict)
    folds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Before:
    """What the newest generation says of one photo that has its side."""

    versions: frozenset[str]
    """The uploads that were kept."""
    groups: Mapping[str, str]
    """The group of each upload that any generation has kept, or a copy of which it has kept."""

    def group_of(self, version: str) -> str:
        """Return the group of an upload; a new upload gets the group of an earlier one."""
        return self.groups.get(version) or min(self.groups.values())


class Moved(NamedTuple):
    """What the newest generation says of a file that lies elsewhere now."""

    group: str
    was_kept: bool


@dataclass(frozen=True)
class Past:
    """The newest generation; `generation` is None before the first.

    Of photos and groups that it does not know, what the manifests in the store say counts.
    """

    store: Store
    generation: str | None
    handed_on: HandedOn | None = None

    def ledger(self, folds: int) -> Ledger:
        """Return its ledger, without folds where it has another number of folds than `folds`."""
        splits, by_number = self.handed_on.sides() if self.handed_on is not None else ({}, {})
        of_folds = by_number.get(folds, {})
        if self.generation is not None:
            folder = f"{FOLDER}/{self.generation}"
            told: dict[str, Any] = self.store.read_json(f"{folder}/{FOLDS}")
            splits |= self.store.read_json(f"{folder}/{SPLITS}")
            of_folds |= told["groups"] if told["folds"] == folds else {}
        return Ledger(Groups.of(splits, pa.string()), Groups.of(of_folds, pa.int32()))

    def learned(self) -> list[LearnedRow]:
        """Return what it learned of cameras; nothing where its file was removed.

        Raises StorageError where the file is damaged.
        """
        path = f"{FOLDER}/{self.generation}/{NATIVES}"
        if self.generation is None or not self.store.exists(path):
            return []
        cure = "restore it, or remove it: crawls then know the catalogue alone until the next generation"
        try:
            rows = learned_in(self.store, self.generation)
        except StorageError as error:
            raise StorageError(f"{error}; {cure}") from error
        if not isinstance(rows, list) or not all(_is_learned(row) for row in rows):
            raise StorageError(f"{self.store.url}: {path} is not a table of what was learned of cameras; {cure}")
        return rows

    def kept(self, first: str, last: str) -> dict[str, Before]:
        """Return what it says, by photo, of those from `first` to `last` that have their side.

        A photo keeps its side while it is refused: it may be kept again, as after a change of rules or cameras.
        """
        versions: dict[str, set[str]] = defaultdict(set)
        groups: dict[str, dict[str, str]] = defaultdict(dict)
        within = [("photo", ">=", first), ("photo", "<=", last)]
        own: set[str] = set()
        for row in self.matching([within], ["photo", "version", "kept", "group", "has_side"]):
            if row["has_side"]:
                own.add(row["photo"])
                groups[row["photo"]][row["version"]] = row["group"]
            if row["kept"]:
                versions[row["photo"]].add(row["version"])
        for row in self.handed_on.sided(first, last) if self.handed_on is not None else ():
            if row["photo"] not in own:
                groups[row["photo"]][row["version"]] = row["group"]
                if row["kept"]:
                    versions[row["photo"]].add(row["version"])
        return {photo: Before(frozenset(versions[photo]), found) for photo, found in groups.items()}

    def moved(self, digests: Collection[str]) -> dict[str, Moved]:
        """Return what it says, by SHA-256, of the photos with these bytes that have their side.

        `digests`: of files that lie elsewhere now: they stay in their group.
        """
        wanted = [[("sha256", "in", sorted(digests))]]
        found: dict[str, Moved] = {}
        for row in self.matching(wanted, ["sha256", "kept", "group", "has_side"]) if digests else ():
            if row["kept"] or (row["has_side"] and row["sha256"] not in found):
                found[row["sha256"]] = Moved(row["group"], bool(row["kept"]))
        return found

    def matching(self, where: Sequence[Sequence[Condition]], columns: list[str]) -> list[dict[str, Any]]:
        """Return columns of its rows that match (`corpus.storage.parquet`)."""
        if self.generation is None:
            return []
        with self.store.open(f"{FOLDER}/{self.generation}/{PHOTOS}") as file:
            return cast(list[dict[str, Any]], read_parquet(file, columns, where).to_pylist())


def _is_learned(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in _LEARNED.items())
