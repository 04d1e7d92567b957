"""Generations: find the published ones and read what the newest says: splits, folds, photos it kept, what it learned.

A generation's table is ordered by photo, so a range of keys is read from a few of its row groups.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast, get_type_hints

import pyarrow as pa
import pyarrow.compute as pc

from corpus.errors import StageError, StorageError
from corpus.manifests.handed_on import HandedOn
from corpus.records import SPLITS as ALL_SPLITS
from corpus.storage import MARKER, Store
from corpus.storage.parquet import Condition
from corpus.storage.parts import NAMED, batches, files_of, photos_table
from corpus.text import leading_number
from curation.consensus import LearnedRow

T = TypeVar("T")

FOLDER = "curated"
PHOTOS, SPLITS, FOLDS, NATIVES = "photos.parquet", "splits.json", "folds.json", "natives.json"
FUNNEL, LEDGER = "funnel.json", "ledger.json"
"""A refresh leaves LEDGER, which names the files of its ledger, instead of SPLITS and FOLDS."""
SIDES = pa.schema([("group", pa.uint64()), ("split", pa.int8()), ("fold", pa.int16())])
"""A file of a ledger, below `tables/`: group (16 hex digits as a number), place of its split in `corpus.records.SPLITS`
and fold, -1 for none. A group stands in one file."""
_BATCH_PHOTOS = 16_384

_LEARNED = get_type_hints(LearnedRow)


def latest_generation(store: Store) -> str | None:
    """Return the name of the newest whole generation, None before the first."""
    names = sorted(store.names(FOLDER), key=leading_number, reverse=True)  # of equal numbers the first by name
    return next((name for name in names if store.exists(f"{FOLDER}/{name}/{MARKER}")), None)


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


def batches_of(store: Store, generation: str, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield columns of a generation's table of photos in batches, ordered by key; see `corpus.storage.parts`.

    Raises StorageError where the table lacks a column or is damaged.
    """
    yield from batches(store, f"{FOLDER}/{generation}", columns, _BATCH_PHOTOS)


def ledger_files(store: Store, generation: str) -> list[tuple[str, pa.Table]]:
    """Return the files of a generation's ledger with what they hold, columns as in SIDES; none where it has SPLITS."""
    path = f"{FOLDER}/{generation}/{LEDGER}"
    if not store.exists(path):
        return []
    return [
        (file, pa.ipc.open_file(pa.BufferReader(store.read(file))).read_all())
        for file in store.read_json(path)["files"]
    ]


def folds_in(store: Store, generation: str) -> int:
    """Return the number of folds that a generation has."""
    folder = f"{FOLDER}/{generation}"
    name = LEDGER if store.exists(f"{folder}/{LEDGER}") else FOLDS
    return int(store.read_json(f"{folder}/{name}")["folds"])


def tables_of(store: Store, generation: str) -> list[str]:
    """Return the files below `tables/` that a generation names; what it does not say yet is left out.

    A file that no generation names is needed by nothing. Raises StorageError where it does not say what it names.
    """
    found: list[str] = []
    for name, keys in ((NAMED, ("files", "attribution")), (LEDGER, ("files",))):
        path = f"{FOLDER}/{generation}/{name}"
        if store.exists(path):
            found += _texts(store, path, keys)
    return found


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

    def as_dict(self) -> dict[str, T]:
        """Return the same as a dictionary, without a search for each group."""
        return dict(zip(self.groups.to_pylist(), self._values.to_pylist(), strict=True))


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
        found = Ledger(splits, by_number.get(folds, {}))
        if self.generation is not None:
            own = self._own_ledger(f"{FOLDER}/{self.generation}", folds)
            found = Ledger({**found.splits, **own.splits}, {**found.folds, **own.folds}) if splits else own
        return Ledger(Groups.of(found.splits, pa.string()), Groups.of(found.folds, pa.int32()))

    def _own_ledger(self, folder: str, folds: int) -> Ledger:
        if self.store.exists(f"{folder}/{LEDGER}"):
            return self._ledger_of_files(folds)
        splits: dict[str, str] = self.store.read_json(f"{folder}/{SPLITS}")
        told: dict[str, Any] = self.store.read_json(f"{folder}/{FOLDS}")
        return Ledger(splits, told["groups"] if told["folds"] == folds else {})

    def _ledger_of_files(self, folds: int) -> Ledger:
        tables = [SIDES.empty_table(), *(table for _, table in ledger_files(self.store, str(self.generation)))]
        whole = pa.concat_tables(tables).sort_by("group").combine_chunks()
        names = pa.array([f"{group:016x}" for group in whole["group"].to_pylist()], pa.string())
        split, fold = (_where_known(whole[name].combine_chunks()) for name in ("split", "fold"))
        is_same = folds_in(self.store, str(self.generation)) == folds
        splits = Groups[str](names, pa.array(ALL_SPLITS).take(split))
        return Ledger(splits, Groups[int](names, fold.cast(pa.int32())) if is_same else {})

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
        own: set[str] = set()
        for row in self._within(first, last):
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

    def _within(self, first: str, last: str) -> list[dict[str, Any]]:
        columns = ["photo", "version", "kept", "group", "has_side"]
        if self.generation and len(files_of(self.store, f"{FOLDER}/{self.generation}")) > 1:
            # any of its files may have some of the range: read once for all ranges that this process asks for
            table = _columns_of(self.store, self.generation, tuple(columns))
            within = pc.and_(pc.greater_equal(table["photo"], first), pc.less_equal(table["photo"], last))
            return cast(list[dict[str, Any]], table.filter(within).to_pylist())
        return self.matching([[("photo", ">=", first), ("photo", "<=", last)]], columns)

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
        return cast(
            list[dict[str, Any]], photos_table(self.store, f"{FOLDER}/{self.generation}", columns, where).to_pylist()
        )


@lru_cache(maxsize=1)
def _columns_of(store: Store, generation: str, columns: tuple[str, ...]) -> pa.Table:
    return photos_table(store, f"{FOLDER}/{generation}", columns)


def _texts(store: Store, path: str, keys: Sequence[str]) -> list[str]:
    told = store.read_json(path)
    found = list[str]()
    for some in [told.get(key, []) for key in keys] if isinstance(told, dict) else [None]:
        if not isinstance(some, list) or not all(isinstance(text, str) for text in some):
            raise StorageError(f"{store.url}: {path} does not say which files it needs; restore it")
        found += some
    return found


def _where_known(numbers: pa.Array) -> pa.Array:
    return pc.if_else(pc.greater_equal(numbers, 0), numbers, None)


def _is_learned(row: Any) -> bool:
    return isinstance(row, dict) and all(isinstance(row.get(name), kind) for name, kind in _LEARNED.items())
