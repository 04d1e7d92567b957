"""Entries: describe the tars of the pool `shards/tars/`; `shards.write` writes them.

A tar has two files beside it. `<tar>.arrow` has a row for each tile: its place, its checksum and, where the JPEG has
restart markers, the length and checksum of each segment, so that a crop needs only its own bytes. `<tar>.json` is the
entry: the plan, and size and SHA-256 of the other two. It is published last, so where it is, the others were whole.
Missing and malformed files are refused.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from corpus.errors import StorageError
from corpus.storage import Store
from corpus.storage.errors import attempted
from corpus.storage.kept import read_once
from shards.plan import FORMAT, ShardPlan, plan_from_json

POOL = "shards/tars"
MEND = "delete it, then curate again"
"""The cure of every damaged file of a generation or its tars: the curation packs again what is missing, under the same
names and labels."""

ENTRY = "entry"
"""The state of an entry for `read_once`: it is named by what is in its tar, and never changes."""

TILES = pa.schema(
    [
        ("photo", pa.string()),  # hash of key and version: shards.plan.photo_digest
        ("tile", pa.int32()),  # number in its photograph; 0 is the central one
        ("label", pa.int32()),
        ("offset_bytes", pa.int64()),  # of the JPEG's first byte in the tar
        ("length_bytes", pa.int64()),
        ("x_px", pa.int32()), ("y_px", pa.int32()), ("width_px", pa.int32()), ("height_px", pa.int32()),
        ("checksum", pa.uint32()),  # CRC-32 of the whole JPEG
        ("restart_mcus", pa.int32()),  # MCUs of a segment; 0: no restart markers, and the next three are empty
        ("header", pa.binary()),  # the JPEG up to its entropy-coded data
        ("segment_bytes", pa.list_(pa.uint32())),  # of each segment, without its marker
        ("checksums", pa.list_(pa.uint32())),  # CRC-32 up to each segment, then of all: shards.restarts.Restarts
    ]
)  # fmt: skip
"""`shards/tars/<tar>.arrow`: a row for each tile, in the order of the tar."""


@dataclass(frozen=True)
class Failure:
    """A planned photograph that could not be packed."""

    photo: str
    original: str
    reason: str


@dataclass(frozen=True)
class ShardEntry:
    """What a tar and its table hold. If no photograph of a plan could be packed, there are no tiles and no files."""

    plan: ShardPlan
    """The plan reduced to the photographs that are in the tar."""
    tiles: int
    failures: tuple[Failure, ...]
    """Those of this attempt; an entry read from the pool has none."""
    size_bytes: int
    sha256: str
    """Of the tar."""
    table_bytes: int
    table_sha256: str


class OutdatedError(StorageError):
    """The entry is of another format than FORMAT: another version of this program wrote it."""


def entry_path(tar: str) -> str:
    """Return the path of a tar's entry; it is written last."""
    return f"{POOL}/{tar}.json"


def table_path(tar: str) -> str:
    """Return the path of a tar's table of tiles."""
    return f"{POOL}/{tar}.arrow"


def files_of_tar(tar: str) -> tuple[str, str, str]:
    """Return the paths of a tar, its table and its entry."""
    return f"{POOL}/{tar}", table_path(tar), entry_path(tar)


def is_whole(store: Store, tar: str) -> bool:
    """Say whether a tar, its table and its entry are all there; where one was deleted, the tar is packed again."""
    return all(store.exists(path) for path in files_of_tar(tar)[::-1])


def entry_json(entry: ShardEntry) -> dict[str, Any]:
    """Return what the entry's file holds."""
    value = asdict(entry) | {"format": FORMAT}
    del value["failures"]
    return value


def read_entry(store: Store, tar: str) -> ShardEntry:
    """Return the entry of a tar in the pool.

    Raises OutdatedError where another version wrote it, StorageError where it is missing or malformed.
    """
    data = read_once(store, entry_path(tar), ENTRY)
    try:
        value = json.loads(data)
    except ValueError as error:
        raise StorageError(f"{store.url}: {entry_path(tar)} is not JSON: {error}") from error
    try:
        if value.get("format") != FORMAT:
            raise OutdatedError(
                f"{store.url}: {entry_path(tar)} is of another version of this program; run python -m curation.run"
            )
        values = {name: value[name] for name in ("tiles", "size_bytes", "sha256", "table_bytes", "table_sha256")}
        return ShardEntry(plan_from_json(value["plan"]), failures=(), **values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{store.url}: {entry_path(tar)} is not a shard's entry ({error!r}); {MEND}") from error


def table_bytes(table: pa.Table) -> bytes:
    """Return a table of schema TILES as an Arrow file of one record batch, uncompressed so that it can be mapped."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, TILES) as writer:
        writer.write_batch(table.combine_chunks().to_batches()[0])
    return cast(bytes, sink.getvalue().to_pybytes())


def mapped(place: str, path: Path | str) -> pa.MemoryMappedFile:
    """Return a local file as a map; `place` names it in errors.

    Raises FileNotFoundError where there is none, StorageUnavailableError where the disk or this machine's limits
    refuse it: that says nothing of the file.
    """
    return attempted(place, lambda: pa.memory_map(str(path)))


def read_tiles_table(store: Store, tar: str, columns: list[str] | None = None) -> pa.Table:
    """Return a tar's table of tiles (schema TILES), or some of its columns; a local file is mapped, not read.

    Raises StorageError where it is missing or malformed.
    """
    path = table_path(tar)
    try:
        if store.is_local:
            source = mapped(f"{store.url}: {path}", store.path(path))
        else:
            source = pa.BufferReader(store.read(path))
        schema = pa.ipc.open_file(source).schema
        if schema != TILES:
            raise pa.ArrowInvalid("it has other columns than this version writes")
        fields = None if columns is None else sorted(TILES.get_field_index(name) for name in columns)
        table = pa.ipc.open_file(source, options=pa.ipc.IpcReadOptions(included_fields=fields)).read_all()
        table.validate(full=True)  # Arrow would follow a damaged offset out of the file, and end the process
        return table if columns is None else table.select(columns)
    except FileNotFoundError as error:
        raise StorageError(f"{store.url}: no file {path}; curate again") from error
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"{store.url}: {path} is not a table of tiles ({error}); {MEND}") from error
