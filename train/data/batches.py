"""Batches: a generation's index in, batches of training crops and the photographs fit for evaluation out.

Photographs whose tiles are smaller than the outer crop are left out and counted. Refused: a split without two cameras
to tell apart.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow.compute as pc
import torch
from torch.utils.data import DataLoader, Dataset

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import TileStream
from train.data.crops import CropStream, Geometry, geometry_of, join_crops
from train.fit.loop import Batch


@dataclass(frozen=True)
class Chosen:
    """The photographs of a split that are used, by digest, and how many are too small."""

    photos: tuple[str, ...]
    too_small: int


def choose_photos(index: Index, split: str, geometry: Geometry, most: int = 0) -> Chosen:
    """Return the photographs of a split whose tiles hold an outer crop, `most` at most, spread over the cameras."""
    samples = index.split(split)
    small = pc.less(pc.min_element_wise(samples["width_px"], samples["height_px"]), geometry.outer_px)
    too_small = set(samples.filter(small)["photo"].to_pylist())
    photos = [photo for photo in index.photos(split) if photo not in too_small]
    return Chosen(tuple(photos[:most] if most else photos), len(too_small))


@dataclass(frozen=True)
class TrainingBatches:
    """Balanced batches of one rank, without end, anew for every epoch."""

    store: Store
    index: Index
    settings: Training
    rank: int = 0
    ranks: int = 1

    def check(self) -> list[str]:
        """Return sentences on what is left out; raises StageError where nothing can be learned, ConfigurationError
        where the crops do not fit each other.
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
                + (f"{notes[0]}: lower it or raise shards.tile_px" if notes else "crawl more, curate again")
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
            self.store,
            self.index,
            "train",
            seed=seed,
            epoch=epoch,
            rank=self.rank,
            ranks=self.ranks,
            balanced=True,
            endless=True,
            only=photos,
        )
        labels = self.shuffled_labels() if self.settings.shuffle_labels else None
        crops = CropStream(tiles, geometry, seed=seed, epoch=epoch, rank=self.rank, labels=labels)
        loader: DataLoader[Batch] = DataLoader(
            cast(Dataset[Batch], crops),  # batches are what comes out, once joined
            batch_size=self.settings.batch,
            collate_fn=join_crops,
            num_workers=self.settings.loaders,
            pin_memory=torch.cuda.is_available(),
            prefetch_factor=4 if self.settings.loaders else None,
        )
        return loader

    def shuffled_labels(self) -> dict[str, int]:
        """Return the labels of the training photographs dealt out anew among them, by photo; from the seed alone."""
        samples = self.index.split("train")
        labels = dict(zip(samples["photo"].to_pylist(), samples["label"].to_pylist(), strict=True))
        photos = sorted(labels)
        order = np.random.default_rng((self.settings.seed % 2**32, len(photos))).permutation(len(photos))
        return {photo: labels[photos[other]] for photo, other in zip(photos, order.tolist(), strict=True)}

    def _cameras(self, photos: Iterable[str]) -> list[str]:
        wanted = set(photos)
        samples = self.index.split("train")
        cameras = {
            camera
            for photo, camera in zip(samples["photo"].to_pylist(), samples["camera"].to_pylist(), strict=True)
            if photo in wanted
        }
        return sorted(cameras)
