"""Index: publishes and reads the index of a generation's tiles, as memory-mapped columns."""

from shards.index.carried import Carried
from shards.index.generation import (
    Index,
    generation_named,
    last_whole,
    latest_generation,
    missing_files,
    previous_classes,
    previous_plans,
    read_index,
)
from shards.index.publish import Folds, publish_index
from shards.index.selection import Selection

__all__ = [
    "Carried",
    "Folds",
    "Index",
    "Selection",
    "generation_named",
    "last_whole",
    "latest_generation",
    "missing_files",
    "previous_classes",
    "previous_plans",
    "publish_index",
    "read_index",
]
