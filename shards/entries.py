"""Entries: describe the tars of the pool `shards/tars/`, each in a file `<tar>.json`, which `shards.write` writes.

An entry is published after its tar, so where the entry exists, the tar is whole. Missing and malformed entries are
refused.
"""

from dataclasses import dataclass
from typing import Any

from corpus.errors import StorageError
from corpus.storage import Store
from shards.plan import ShardPlan, plan_from_json

POOL = "shards/tars"


@dataclass(frozen=True)
class Sample:
    """One tile in a tar; offsets and lengths in bytes, sizes and positions in pixels."""

    key: str
    """`<photo>_<tile>`."""
    photo: str
    tile: int
    label: int
    offset_bytes: int
    """Position of the JPEG's first byte in the tar."""
    length_bytes: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Failure:
    """A planned photograph that could not be packed."""

    photo: str
    original: str
    reason: str


@dataclass(frozen=True)
class ShardEntry:
    """The content of one tar. If no photograph of a plan could be packed, there are no samples and no tar."""

    plan: ShardPlan
    """The plan reduced to the photographs that are in the tar."""
    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...]
    """Those of this attempt; an entry read from the pool has none."""
    size_bytes: int


def entry_path(tar: str) -> str:
    """Return the path of a tar's entry; where that file exists, the tar is whole."""
    return f"{POOL}/{tar}.json"


def read_entry(store: Store, tar: str) -> ShardEntry:
    """Return the entry of a tar in the pool; raises StorageError where it is missing or malformed."""
    value: dict[str, Any] = store.read_json(entry_path(tar))
    try:
        samples = tuple(Sample(**sample) for sample in value["samples"])
        return ShardEntry(plan_from_json(value["plan"]), samples, (), value["size_bytes"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{store.url}: {entry_path(tar)} is not a shard's entry: {error}") from error
