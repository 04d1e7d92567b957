"""Batches: makes balanced batches of training crops from a generation's shards, and chooses a split's photographs.

Photographs whose tiles are smaller than the outer crop are left out and counted. Refuses a training split with fewer
than two cameras.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch.utils.data import DataLoader, Dataset

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import TileStream
from train.data.crops import Batch, CropStream, Geometry, geometry_of, join_crops


@dataclass(frozen=True)
class Chosen:
    """The photographs of a split that are used (their digests), and how many are too small."""

    photos: tuple[str, ...]
    too_small: int


def choose_photos(index: Index, split: str, geometry: Geometry, most: int = 0) -> Chosen:
    """Return the photographs whose tiles hold an outer crop, at most `most` (0: all), spread over the cameras."""
    samples = index.split(split)
    small = pc.less(pc.min_element_wise(samples["width_px"], samples["height_px"]), geometry.outer_px)
    too_small = set(samples.filter(small)["photo"].to_pylist())
    photos = [photo for photo in index.photos(split) if photo not in too_small]
    return Chosen(tuple(photos[:most] if most else photos), len(too_small))


@dataclass(frozen=True)
class TrainingBatches:
    """Endless balanced batches of one rank; every epoch has its own."""

    store: Store
    index: Index
    settings: Training
    rank: int = 0
    ranks: int = 1

    def check(self) -> list[str]:
        """Return notes on what is left out.

        Raises StageError for fewer than two cameras, ConfigurationError where the inner crop does not fit the outer.
        """
        geometry = geometry_of(self.settings)
        chosen = choose_photos(self.index, "train", geometry)
        cameras = self._cameras(chosen.photos)
        missing = [camera for camera in self.index.classes if camera not in cameras]
        notes = []
        if chosen.too_small:
            notes.append(
                f"{chosen.too_small} training photographs have tiles smaller than train.outer_crop_px "
                f"{geometry.outer_px} and are left out"
            )
        if len(cameras) < 2:
            raise StageError(
                f"train: generation {self.index.generation} has training photographs of "
                f"{', '.join(cameras) or 'no camera'}, two cameras are needed; "
                + (f"{notes[0]}: lower it or raise shards.tile_px" if notes else "crawl more, then curate again")
            )
        if missing:
            notes.append(f"no training photographs of {', '.join(missing)}: the network cannot learn them")
        return notes

    def __call__(self, epoch: int) -> Iterable[Batch]:
        """Return the batches of an epoch, counted from 0."""
        geometry = geometry_of(self.settings)
        photos = choose_photos(self.index, "train", geometry).photos
        seed = self.settings.seed % 2**32
        tiles = TileStream(
            self.store, self.index, "train", seed=seed, epoch=epoch, rank=self.rank, ranks=self.ranks,
            balanced=True, endless=True, only=photos,
        )  # fmt: skip
        labels = self.shuffled_labels() if self.settings.shuffle_labels else None
        crops = CropStream(tiles, geometry, seed=seed, epoch=epoch, rank=self.rank, labels=labels)
        loader: DataLoader[Batch] = DataLoader(
            cast(Dataset[Batch], crops),  # join_crops makes batches of its crops
            batch_size=self.settings.batch,
            collate_fn=join_crops,
            num_workers=self.settings.loaders,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.settings.loaders else None,
        )
        return loader

    def shuffled_labels(self) -> dict[str, int]:
        """Return the training photographs' labels permuted among them, by photo; decided by the seed alone."""
        samples = self.index.split("train")
        labels = dict(zip(samples["photo"].to_pylist(), samples["label"].to_pylist(), strict=True))
        photos = sorted(labels)
        order = np.random.default_rng((self.settings.seed % 2**32, len(photos))).permutation(len(photos))
        return {photo: labels[photos[other]] for photo, other in zip(photos, order.tolist(), strict=True)}

    def _cameras(self, photos: Sequence[str]) -> list[str]:
        samples = self.index.split("train")
        chosen = samples.filter(pc.is_in(samples["photo"], value_set=pa.array(photos, pa.string())))
        return sorted(chosen["camera"].unique().to_pylist())
