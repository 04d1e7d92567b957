"""Entries: what stands in the pool `shards/tars/`, a tar and its entry `<tar>.json` each; read here, written elsewhere.

An entry is published after its tar: where it stands, the tar is whole. Refuses entries that are missing or not one.
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
    """Of the JPEG's first byte in the tar."""
    length_bytes: int
    x_px: int
    y_px: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Failure:
    """A photograph that was planned and could not be packed."""

    photo: str
    original: str
    reason: str


@dataclass(frozen=True)
class ShardEntry:
    """What one tar holds. A plan of which no photograph could be packed has no samples and no tar."""

    plan: ShardPlan
    """Of the photographs really in it."""
    samples: tuple[Sample, ...]
    failures: tuple[Failure, ...]
    """Of this attempt; an entry read from the pool has none."""
    size_bytes: int


def entry_path(tar: str) -> str:
    """Return where the entry of a tar of the pool stands; once it is there, the tar is whole."""
    return f"{POOL}/{tar}.json"


def read_entry(store: Store, tar: str) -> ShardEntry:
    """Return the entry of a tar of the pool; raises StorageError where there is none."""
    value: dict[str, Any] = store.read_json(entry_path(tar))
    try:
        samples = tuple(Sample(**sample) for sample in value["samples"])
        return ShardEntry(plan_from_json(value["plan"]), samples, (), value["size_bytes"])
    except (KeyError, TypeError) as error:
        raise StorageError(f"{store.url}: {entry_path(tar)} is not a shard's entry: {error}") from error
