"""Handed on: the manifests that crawls have left in a store, and what they say beside addresses.

`manifests/<digest>.parquet` is the table of a manifest whose photographs were, or are being, fetched into this store.
What it says of groups, splits, folds, labels and cameras counts where this store's own generations say nothing: what
they have decided never changes.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.errors import StorageError
from corpus.manifests.about import KEY, About, OtherVersionError, about_of
from corpus.records import MANIFEST, with_schema
from corpus.storage import Store
from corpus.storage.parquet import Condition, open_parquet, read_parquet
from corpus.text import leading_number

FOLDER = "manifests"
_BATCH_ROWS = 50_000

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
            except OtherVersionError as error:
                raise StorageError(f"{self.store.url}: {FOLDER}/{name}: {error}") from error
            except (OSError, ValueError, pa.ArrowException) as error:
                raise _damaged(self.store, name, error) from error
        if about is None:
            raise _damaged(self.store, name, "it says nothing of itself")
        return about

    def _table(self, name: str, columns: list[str], where: list[list[Condition]]) -> pa.Table:
        schema = pa.schema([MANIFEST.field(column) for column in columns])
        with self.store.open(f"{FOLDER}/{name}") as file:
            try:
                return with_schema(read_parquet(file, columns, where), schema)
            except (OSError, ValueError, pa.ArrowException) as error:
                raise _damaged(self.store, name, error) from error


def handed_on(store: Store) -> HandedOn:
    """Return the manifests of a store, those of the latest generations last."""
    names = names_in(store)
    found = HandedOn(store, tuple(names))
    ages = {name: leading_number(about.generation or "0") for name, about in zip(names, found.about(), strict=True)}
    return HandedOn(store, tuple(sorted(names, key=lambda name: (ages[name], name))))


def names_in(store: Store) -> list[str]:
    """Return the files of a store's manifests below FOLDER."""
    return [name for name in store.names(FOLDER) if name.endswith(".parquet")]


def without(store: Store, name: str, photos: Collection[str]) -> Counter[str]:
    """Rewrite a manifest of a store without the rows of photos; return how many of each there were.

    `name`: its file below FOLDER. Raises StorageError for a manifest that is damaged.
    """
    if not photos:
        return Counter()
    path = f"{FOLDER}/{name}"
    with tempfile.TemporaryDirectory(prefix="shutterprint-manifest-") as folder:
        written = Path(folder) / name
        try:
            with store.open(path) as file:
                removed = leave_out(file, photos, written)
        except (ValueError, pa.ArrowException) as error:
            raise _damaged(store, name, error) from error
        except OSError as error:  # of Parquet: "not a Parquet file", without an errno
            if error.errno is not None:
                raise
            raise _damaged(store, name, error) from error
        if removed:
            store.publish_file(path, written)
    return removed


def leave_out(source: BinaryIO, photos: Collection[str], written: Path) -> Counter[str]:
    """Write a manifest without the rows of photos to a local file; return how many of each there were.

    Nothing is written where there are none. Texts stay dictionaries, so that a small file that repeats long ones takes
    little memory. Raises what pyarrow raises.
    """
    wanted = pa.array(sorted(photos), pa.string())
    with pq.ParquetFile(source, pre_buffer=False) as plain:
        schema = with_schema(plain.schema_arrow.empty_table(), MANIFEST).schema
        metadata = plain.schema_arrow.metadata or {}
        removed: Counter[str] = Counter()
        for batch in plain.iter_batches(_BATCH_ROWS, columns=["photo"], use_threads=False):
            removed.update(batch["photo"].filter(pc.is_in(batch["photo"], value_set=wanted)).to_pylist())
    if not removed:
        return removed
    source.seek(0)
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    kinds = [pa.dictionary(pa.int32(), pa.string()) if field.name in texts else field.type for field in schema]
    packed = pa.schema([pa.field(name, kind) for name, kind in zip(schema.names, kinds, strict=True)])
    with (
        pq.ParquetFile(source, read_dictionary=texts, pre_buffer=False) as file,
        pq.ParquetWriter(written, packed, compression="zstd", store_schema=False) as writer,
    ):
        for batch in file.iter_batches(_BATCH_ROWS, columns=schema.names, use_threads=False):
            is_other = pc.invert(pc.is_in(batch["photo"].cast(pa.string()), value_set=wanted))
            writer.write_table(pa.Table.from_batches([batch]).select(schema.names).cast(packed).filter(is_other))
        writer.add_key_value_metadata({KEY: metadata[KEY]} if KEY in metadata else {})
    return removed


def _damaged(store: Store, name: str, error: object) -> StorageError:
    return StorageError(f"{store.url}: {FOLDER}/{name} is damaged ({error}); remove it and crawl its manifest again")
