"""Splits: assign every group of photographs to one split and one fold, for good.

A group stands for one device where a serial number tells it (`curation.judging.devices`), else for the owner. What the
ledger of earlier generations says never changes. New groups, the largest first, go where their camera lacks the most
photographs; a camera with three groups is in all splits, one with two in train and test, one with one in train.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PREFERENCE = ("train", "test", "validation")
"""The order in which a camera with few groups fills the splits."""


def group_of(device: str | None, source: str, owner: str | None) -> str:
    """Return the group of a photo: its device's, or 16 hex digits that stand for its owner where no device is known."""
    if device is not None:
        return device
    # all owners a site does not name are one group: otherwise one person's photographs could be in two splits
    return hashlib.sha256("\0".join(("owner", source, owner or "")).encode()).hexdigest()[:16]


class LedgerColumns(NamedTuple):
    """The split and the fold of every group, as columns."""

    groups: pa.Array
    splits: pa.Array
    folds: pa.Array

    def of(self, groups: pa.Array) -> tuple[pa.Array, pa.Array, np.ndarray]:
        """Return split and fold of each of some groups, null where it has none, and whether it has a split."""
        places = pc.index_in(groups, value_set=self.groups)
        split = self.splits.take(places)
        return split, self.folds.take(places), np.asarray(split.is_valid().to_numpy(zero_copy_only=False), bool)


Photos = Mapping[str, Mapping[str, int]]
"""Numbers of kept photographs by camera and group."""


def assign_splits(ledger: Mapping[str, str], photos: Photos, *, test: float, validation: float) -> dict[str, str]:
    """Return the split of every group of the ledger and of `photos`.

    `test` and `validation` are shares of a camera's photographs. Cameras with the fewest groups come first, since a
    group that two cameras share is bound by the first of them.
    """
    shares = {"train": 1 - test - validation, "test": test, "validation": validation}
    splits = dict(ledger)
    for camera in _fewest_groups_first(photos):
        _assign_camera(splits, photos[camera], shares)
    return splits


def assign_folds(
    ledger: Mapping[str, int], photos: Photos, folds: int, bound: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Return the fold, 0 … `folds` - 1, of every group of the ledger and of `photos`, for cross-validation.

    New groups, the largest of a camera first, go to the fold with the fewest of the camera's photographs. `bound`:
    groups that share a device → the group whose fold they have.
    """
    if bound:
        found = assign_folds(ledger, _together(photos, bound), folds)
        return found | {group: found[other] for group, other in bound.items() if other in found and group not in found}
    found = dict(ledger)
    for camera in _fewest_groups_first(photos):
        held = Counter(dict.fromkeys(range(folds), 0))
        for group in photos[camera].keys() & found.keys():
            held[found[group]] += photos[camera][group]
        for group in _new_groups(photos[camera], found):
            # the group's digest chooses among equally empty folds: otherwise fold 0 got every camera's largest group
            start = int(group[:8], 16)
            fold = min(range(folds), key=lambda fold: (held[fold], (fold - start) % folds))
            found[group] = fold
            held[fold] += photos[camera][group]
    return found


def _together(photos: Photos, bound: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the numbers of photographs with those of bound groups added to the group that stands for them."""
    found: dict[str, dict[str, int]] = {}
    for camera, groups in photos.items():
        counted: Counter[str] = Counter()
        for group, number in groups.items():
            counted[bound.get(group, group)] += number
        found[camera] = dict(counted)
    return found


def _fewest_groups_first(photos: Photos) -> list[str]:
    return sorted(photos, key=lambda camera: (len(photos[camera]), camera))


def _new_groups(photos: Mapping[str, int], known: Mapping[str, object]) -> list[str]:
    return sorted(photos.keys() - known.keys(), key=lambda group: (-photos[group], group))


def _assign_camera(splits: dict[str, str], photos: Mapping[str, int], shares: Mapping[str, float]) -> None:
    """Add the new groups of one camera to `splits`; `photos`: its numbers of photographs by group."""
    total = sum(photos.values())
    lacking = {split: shares[split] * total for split in PREFERENCE}
    held: set[str] = set()
    for group in photos.keys() & splits.keys():
        held.add(splits[group])
        lacking[splits[group]] -= photos[group]
    new = _new_groups(photos, splits)
    needed = PREFERENCE[: len(photos)]
    for place, group in enumerate(new):
        missing = [split for split in needed if split not in held]
        candidates = missing if len(missing) >= len(new) - place else needed
        # max returns the first of equals, so PREFERENCE decides between them
        split = max(candidates, key=lambda split: lacking[split])
        splits[group] = split
        held.add(split)
        lacking[split] -= photos[group]
