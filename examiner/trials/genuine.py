"""Genuine: photographs of a generation that curation has kept, with the device of each, to measure findings on."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

from corpus.errors import StageError
from corpus.storage import Store
from curation.generations import batches_of

_COLUMNS = ["photo", "version", "kept", "split", "fold", "group", "original", "sha256"]
ALL = "all"
"""In place of a split: every photograph that is kept."""


@dataclass(frozen=True)
class Genuine:
    """A photograph that curation has found to be straight from its camera."""

    photo: str
    device: str
    """Its group: the device where a serial number tells it, else the owner."""
    original: str
    """Path of its bytes in the store."""
    sha256: str


def genuine_photographs(
    store: Store, generation: str, split: str, *, fold: int | None = None, photos: int | None = None
) -> list[Genuine]:
    """Return the kept photographs of a generation's split, ordered so that devices take turns; of `photos` the first.

    `split`: `test`, `validation`, `train`, or `all`; `fold`: the fold that stands for the test split. Raises StageError
    where there is none, and StorageError where the table is damaged.
    """
    found = [
        Genuine(row["photo"], row["group"], row["original"], row["sha256"])
        for batch in batches_of(store, generation, _COLUMNS)
        for row in batch.to_pylist()
        if row["kept"] and row["original"] and (split == ALL or _side(row["split"], row["fold"], fold) == split)
    ]
    if not found:
        raise StageError(f"{store.url}: generation {generation} has kept no photograph in the split {split}")
    return in_turns(found)[:photos]


def _side(split: str, own_fold: int | None, fold: int | None) -> str:
    """Return the split that holds where a fold stands for the test split."""
    if fold is None:
        return split
    return "test" if own_fold == fold else "train" if split == "test" else split


def in_turns(photographs: Iterable[Genuine]) -> list[Genuine]:
    """Return photographs so that each device has had its first before any has its second."""
    by_device: dict[str, list[Genuine]] = defaultdict(list)
    for each in sorted(photographs, key=lambda one: (one.sha256, one.photo)):
        by_device[each.device].append(each)
    rounds = zip_longest(*(by_device[device] for device in sorted(by_device)))
    return [each for one in rounds for each in one if each is not None]
