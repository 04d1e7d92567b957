"""Splits: assign every group of photographs to one split and one fold, for good.

A group stands for one device where a serial number tells it (`curation.judging.devices`), else for the owner. What the
ledger of earlier generations says never changes. New groups, the largest first, go where their camera lacks the most
photographs; a camera with three groups is in all splits, one with two in train and test, one with one in train.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.generations import Groups, Ledger

PREFERENCE = ("train", "test", "validation")
"""The order in which a camera with few groups fills the splits."""


def group_of(device: str | None, source: str, owner: str | None) -> str:
    """Return the group of a photo: its device's, or 16 hex digits that stand for its owner where no device is known."""
    if device is not None:
        return device
    # all owners a site does not name are one group: otherwise one person's photographs could be in two splits
    return hashlib.sha256("\0".join(("owner", source, owner or "")).encode()).hexdigest()[:16]


class LedgerColumns(NamedTuple):
    """The split and the fold of every group, as columns in the order of groups."""

    groups: pa.Array
    splits: pa.Array
    folds: pa.Array

    def of(self, groups: pa.Array) -> tuple[pa.Array, pa.Array, np.ndarray]:
        """Return split and fold of each of some groups, null where it has none, and whether it has a split."""
        places = pc.index_in(groups, value_set=self.groups)
        split = self.splits.take(places)
        return split, self.folds.take(places), np.asarray(split.is_valid().to_numpy(zero_copy_only=False), bool)


def ledger_columns(ledger: Ledger) -> LedgerColumns:
    """Return a ledger as columns for `finished`."""
    groups, splits = Groups.of(ledger.splits, pa.string()).columns()
    others, folds = Groups.of(ledger.folds, pa.int32()).columns()
    return LedgerColumns(groups, splits, folds.take(pc.index_in(groups, value_set=others)))


PHOTOS = pa.schema([("camera", pa.string()), ("group", pa.string()), ("photos", pa.int64())])
"""Numbers of kept photographs by camera and group, ordered by both."""

Photos: TypeAlias = Mapping[str, Mapping[str, int]] | pa.Table
"""The same, as a table or as numbers by camera and group."""


class CameraGroups(NamedTuple):
    """The groups of one camera; those with the fewest come first, since they are bound first."""

    number: int
    """Of all its groups."""
    key: str
    groups: np.ndarray
    """Those that may have no side yet, by their numbers, which are in the order of their names."""
    photos: np.ndarray
    """How many photographs each of these has."""
    held: Sequence[int] = ()
    """How many the others have on each side."""


def assign_splits(ledger: Mapping[str, str], photos: Photos, *, test: float, validation: float) -> Groups[str]:
    """Return the split of every group of the ledger and of `photos`.

    `test` and `validation` are shares of a camera's photographs. Cameras with the fewest groups come first, since a
    group that two cameras share is bound by the first of them.
    """
    groups, known, cameras = _numbered(Groups.of(ledger, pa.string()), photos)
    found = pc.fill_null(pc.index_in(known, value_set=pa.array(PREFERENCE)), -1).to_numpy().copy()
    assign_numbered_splits(found, cameras, test=test, validation=validation)
    return Groups(groups, pa.array(PREFERENCE).take(pa.array(found)))


def assign_numbered_splits(
    found: np.ndarray, cameras: Sequence[CameraGroups], *, test: float, validation: float
) -> None:
    """Give groups that have no split (-1) their splits, by their places in PREFERENCE; see `assign_splits`."""
    shares = {"train": 1 - test - validation, "test": test, "validation": validation}
    for camera in sorted(cameras):
        _assign_camera(found, camera, [shares[split] for split in PREFERENCE])


def assign_folds(
    ledger: Mapping[str, int], photos: Photos, folds: int, bound: Mapping[str, str] | None = None
) -> Groups[int]:
    """Return the fold, 0 … `folds` - 1, of every group of the ledger and of `photos`, for cross-validation.

    New groups, the largest of a camera first, go to the fold with the fewest of the camera's photographs. `bound`:
    groups that share a device → the group whose fold they have.
    """
    if bound:
        table = _together(_table(photos), bound)
        others = assign_folds(ledger, table, folds)
        more = {group: others[other] for group, other in bound.items() if other in others and group not in others}
        return Groups.of({**others, **more}, pa.int32())
    groups, known, cameras = _numbered(Groups.of(ledger, pa.int32()), photos)
    found = pc.fill_null(known, -1).to_numpy().copy()
    assign_numbered_folds(found, cameras, lambda group: int(groups[group].as_py()[:8], 16), folds)
    return Groups(groups, pa.array(found))


def assign_numbered_folds(
    found: np.ndarray, cameras: Sequence[CameraGroups], start_of: Callable[[int], int], folds: int
) -> None:
    """Give groups that have no fold (-1) their folds; `start_of` returns the first 32 bits of a group's digest.

    See `assign_folds`.
    """
    for camera in sorted(cameras):
        held, new = _held(found, camera, folds), _largest_first(camera, found)
        for row in new.tolist():
            # the group's digest chooses among equally empty folds: otherwise fold 0 got every camera's largest group
            least, start = min(held), start_of(int(camera.groups[row]))
            fold = min((fold for fold in range(folds) if held[fold] == least), key=lambda one: (one - start) % folds)
            found[camera.groups[row]] = fold
            held[fold] += int(camera.photos[row])


def _held(sides: np.ndarray, camera: CameraGroups, number: int) -> list[int]:
    """Return how many photographs of a camera each side has."""
    of = sides[camera.groups]
    found = np.bincount(of[of >= 0], camera.photos[of >= 0], number).astype(np.int64).tolist()
    return [one + other for one, other in zip(found, camera.held or [0] * number, strict=True)]


def _table(photos: Photos) -> pa.Table:
    if isinstance(photos, pa.Table):
        return photos
    rows = [(camera, group, number) for camera, of in sorted(photos.items()) for group, number in sorted(of.items())]
    columns = zip(*rows, strict=True) if rows else [()] * len(PHOTOS)
    return pa.Table.from_arrays(
        [pa.array(column, one.type) for column, one in zip(columns, PHOTOS, strict=True)], schema=PHOTOS
    )


def _numbered(known: Groups[Any], photos: Photos) -> tuple[pa.Array, pa.Array, list[CameraGroups]]:
    """Return all groups in order, what is known of each, and the cameras with all their groups."""
    table, (before, values) = _table(photos), known.columns()
    both = pa.chunked_array([before, *table["group"].chunks], pa.string()).unique()
    groups = both.take(pc.sort_indices(both))
    numbers = pc.index_in(table["group"], value_set=groups).to_numpy()
    counted = table["photos"].to_numpy()
    encoded = table["camera"].combine_chunks().dictionary_encode()
    keys, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    order = np.lexsort((numbers, codes))
    edges = np.searchsorted(codes[order], np.arange(len(keys) + 1))
    cameras = []
    for key, start, end in zip(keys, edges, edges[1:], strict=False):
        rows = order[start:end]
        cameras.append(CameraGroups(len(rows), key, numbers[rows], counted[rows]))
    return groups, values.take(pc.index_in(groups, value_set=before)), cameras


def _together(photos: pa.Table, bound: Mapping[str, str]) -> pa.Table:
    """Return the numbers of photographs with those of bound groups added to the group that stands for them."""
    names = pa.array(sorted(bound), pa.string())
    stands = pa.array([bound[name] for name in sorted(bound)], pa.string())
    places = pc.index_in(photos["group"], value_set=names).combine_chunks()
    groups = pc.if_else(places.is_valid(), stands.take(places), photos["group"].combine_chunks())
    whole = photos.set_column(1, "group", groups).group_by(["camera", "group"]).aggregate([("photos", "sum")])
    whole = pa.table([whole[name] for name in ("camera", "group", "photos_sum")], schema=PHOTOS)
    return whole.sort_by([("camera", "ascending"), ("group", "ascending")])


def _largest_first(camera: CameraGroups, sides: np.ndarray) -> np.ndarray:
    """Return the rows of a camera's groups without a side, the largest first and equal ones by name."""
    rows = np.flatnonzero(sides[camera.groups] < 0)
    return rows[np.lexsort((camera.groups[rows], -camera.photos[rows]))]


def _assign_camera(splits: np.ndarray, camera: CameraGroups, shares: Sequence[float]) -> None:
    """Give the new groups of one camera their splits."""
    known = _held(splits, camera, len(PREFERENCE))
    total = int(camera.photos.sum()) + sum(camera.held)
    lacking = [share * total - held for share, held in zip(shares, known, strict=True)]
    held = {split for split, photos in enumerate(known) if photos}
    new = _largest_first(camera, splits)
    needed = range(min(len(PREFERENCE), camera.number))
    chosen = []
    for place, number in enumerate(camera.photos[new].tolist()):
        missing = [split for split in needed if split not in held]
        candidates = missing if len(missing) >= len(new) - place else needed
        # max returns the first of equals, so PREFERENCE decides between them
        split = max(candidates, key=lacking.__getitem__)
        chosen.append(split)
        held.add(split)
        lacking[split] -= number
    splits[camera.groups[new]] = chosen
