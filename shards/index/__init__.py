"""Index: publishes and reads the index of a generation's tiles, as memory-mapped columns."""

from shards.index.generation import (
    Index,
    generation_named,
    latest_generation,
    missing_files,
    previous_classes,
    previous_plans,
    read_index,
)
from shards.index.publish import Folds, publish_index
from shards.index.selection import Selection

__all__ = [
    "Folds",
    "Index",
    "Selection",
    "generation_named",
    "latest_generation",
    "missing_files",
    "previous_classes",
    "previous_plans",
    "publish_index",
    "read_index",
]
