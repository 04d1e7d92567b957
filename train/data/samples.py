"""Samples: makes the crops and labels of any numbers of a training's sequence of samples.

Sample number g is a pure function of the settings and g: its tile by `shards.order`, its crop and manipulation by
random numbers of its own. So it does not matter which rank or loader makes it, or when. A tile that is damaged is
replaced by another one, which is a function of the seed, g and the attempt.

A batch has its crops, or, where a device shall make these, the pixels that they depend on and what shall become of
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from torch import Tensor, from_numpy, tensor

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index, Selection
from shards.order import Order, generator, permute
from shards.reader import Corrupt, Region, TileReader
from train.batched.finishing import Finishes
from train.data.crops import Finish, geometry_of, plan_crop, to_tensor
from train.data.finishes import unfinished
from train.data.manipulations import Picture
from train.data.skipped import Skipped

Numbers = npt.NDArray[np.int64]

ATTEMPTS_MAX = 8
"""Tiles tried in place of a damaged one; if all of them are damaged, so is the storage."""

_NONE = tensor([])


class Batch(NamedTuple):
    """What the network learns from in one step."""

    crops: Tensor
    """uint8 N×3×H×W. Of a batch with `finishes`: the pixels that they make these of, uint8 P×3."""
    labels: Tensor
    """int64 N."""
    skipped: tuple[Skipped, ...] = ()
    """Tiles that were due and are damaged."""
    manipulated: Tensor = _NONE
    """bool N: whether each crop was manipulated."""
    numbers: Tensor = _NONE
    """int64 N: the samples' numbers."""
    finishes: Finishes | None = None
    """What is still to become of the pixels, where a device shall do it; None: nothing."""


class Crop(NamedTuple):
    """One crop of a batch."""

    pixels: Picture
    is_manipulated: bool
    finish: Finish | None = None
    """What is still to become of the pixels; None: nothing."""


def batch_of(crops: Sequence[Crop], labels: Tensor, skipped: Sequence[Skipped], numbers: Tensor) -> Batch:
    """Return a batch of crops, all of them finished or none."""
    manipulated, finishes = tensor([crop.is_manipulated for crop in crops]), [crop.finish for crop in crops]
    if due := [finish for finish in finishes if finish is not None]:
        pixels, numbered = unfinished([crop.pixels for crop in crops], due)
        return Batch(pixels, labels, tuple(skipped), manipulated, numbers, numbered)
    return Batch(to_tensor(crop.pixels for crop in crops), labels, tuple(skipped), manipulated, numbers)


def crop_of(pixels: Picture, finish: Finish, unfinished: bool) -> Crop:
    """Return the crop of a rectangle's pixels, or these and what is to become of them."""
    is_manipulated = finish.manipulation is not None
    return Crop(pixels, is_manipulated, finish) if unfinished else Crop(finish(pixels), is_manipulated)


@dataclass(frozen=True)
class TrainingSamples:
    """The sequence of samples of a training; what is sent to a loader are the settings and where the index is."""

    store: Store
    index: Index
    settings: Training
    unfinished: bool = field(default=False, kw_only=True)
    """Whether batches have what crops are made of and their finishes, for a device."""

    def __getstate__(self) -> dict[str, Any]:
        names = ("store", "index", "settings", "unfinished")
        return {name: getattr(self, name) for name in names}

    @cached_property
    def selection(self) -> Selection:
        """The training photographs whose tiles hold an outer crop."""
        return self.index.selection("train", least_px=geometry_of(self.settings).outer_px)

    @cached_property
    def order(self) -> Order:
        """The sequence of their tiles."""
        return Order(self.selection, self.settings.seed, self.settings.sampling)

    @cached_property
    def _reader(self) -> TileReader:
        return TileReader(self.store, self.index)

    def rows(self, numbers: Numbers, attempt: int = 0) -> Numbers:
        """Return the rows of `tiles.arrow` of these samples; `attempt` 1 and above: of what replaces them.

        As many samples as `train.crops_per_photo` share a row.
        """
        turns = numbers // self.settings.crops_per_photo
        if attempt == 0:
            return self.order.rows(turns)
        purpose, seed = f"replacement {attempt}", self.settings.seed
        drawn = [generator(seed, turn, purpose).integers(self.order.epoch) for turn in turns.tolist()]
        return self.order.rows(np.array(drawn, np.int64))

    def labels(self, rows: Numbers) -> Numbers:
        """Return the labels of these tiles; with `train.shuffle_labels`, those of other photographs."""
        return self.labels_of_photos(self.index.tiles.at("photo", rows))

    def labels_of_photos(self, photo_rows: Numbers) -> Numbers:
        """Return the labels of these photographs, as `labels` does."""
        return self.index.labels(self._others(photo_rows) if self.settings.shuffle_labels else photo_rows)

    def __getitems__(self, numbers: Sequence[int]) -> Batch:
        """Return the batch of these samples; raises StageError where replacements of one are damaged as well."""
        wanted = np.asarray(numbers, np.int64)
        rows = np.empty_like(wanted)
        crops: list[Crop | None] = [None] * len(wanted)
        skipped: list[Skipped] = []
        for attempt in range(1 + ATTEMPTS_MAX):
            missing = np.flatnonzero([crop is None for crop in crops])
            rows[missing] = self.rows(wanted[missing], attempt)
            for place, crop in zip(missing.tolist(), self._crops(wanted[missing], rows[missing], attempt), strict=True):
                if isinstance(crop, Corrupt):
                    skipped.append(Skipped(int(wanted[place]), attempt, crop.key, crop.tar, crop.what))
                else:
                    crops[place] = crop
            if len(made := [crop for crop in crops if crop is not None]) == len(crops):
                return batch_of(made, tensor(self.labels(rows)), sorted(skipped), from_numpy(wanted))
        last = skipped[-1]
        raise StageError(
            f"shards: {1 + ATTEMPTS_MAX} tiles one after the other are damaged, the last {last.key} in {last.tar}: "
            f"{last.what}; look at the storage (python -m shards.verify {self.index.generation})"
        )

    def _crops(self, numbers: Numbers, rows: Numbers, attempt: int) -> list[Crop | Corrupt]:
        geometry, seed = geometry_of(self.settings), self.settings.seed
        widths_px = self.index.tiles.at("width_px", rows).tolist()
        heights_px = self.index.tiles.at("height_px", rows).tolist()
        purpose = f"crop {attempt}" if attempt else "crop"
        plans = [
            plan_crop(generator(seed, number, purpose), geometry, width_px, height_px)
            for number, width_px, height_px in zip(numbers.tolist(), widths_px, heights_px, strict=True)
        ]
        regions = self._reader.regions(rows, [plan.rectangle for plan in plans])
        return [
            crop_of(region.pixels, plan.finish, self.unfinished) if isinstance(region, Region) else region
            for plan, region in zip(plans, regions, strict=True)
        ]

    def _others(self, photo_rows: Numbers) -> Numbers:
        """Return the photos whose labels these get when labels are shuffled: a keyed permutation of the selection."""
        selection = self.selection
        ends = np.cumsum(selection.photos_of_group)
        begins = ends - selection.photos_of_group
        group = np.searchsorted(selection.group_rows, self.index.photos.at("group", photo_rows))
        places = begins[group] + photo_rows - selection.photo_rows(group, np.zeros_like(group))
        key = generator(self.settings.seed, 0, "shuffled labels").integers(2**63)
        keys, sizes = np.full(len(places), key, np.uint64), np.full(len(places), ends[-1], np.uint64)
        others = permute(keys, places.astype(np.uint64), sizes).astype(np.int64)
        group = np.searchsorted(ends, others, side="right")
        return selection.photo_rows(group, others - begins[group])
