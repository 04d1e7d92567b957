"""Batches: gives each rank its share of a training's sequence of samples, in batches.

All ranks together take the samples one after the other: of R ranks, rank r takes the numbers g ≡ r (mod R). A training
that goes on needs one number, the samples consumed so far, whatever the number of ranks, loaders or crops in a batch
was before. Refuses a training split with fewer than two cameras.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import torch

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.order import batches_of
from train.data.crops import geometry_of
from train.data.loading import load, stream
from train.data.samples import Batch, TrainingSamples

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class TrainingBatches:
    """The batches of one rank."""

    store: Store
    index: Index
    settings: Training
    rank: int = 0
    ranks: int = 1
    device: torch.device = _CPU
    """Where the training takes place."""

    @property
    def unfinished(self) -> bool:
        """Whether a batch has pixels and finishes in place of its crops, as `train.manipulate_on` says.

        On a CPU loaders make crops ten to a hundred times as fast (`benchmarks/train/batched_manipulations.py`).
        """
        where = self.settings.manipulate_on
        by_device = self.device.type == "cuda" and self.settings.interpolation == "cubic"
        return where == "device" or (where == "auto" and by_device)

    def check(self) -> list[str]:
        """Return notes on what is left out.

        Raises StageError for fewer than two cameras, ConfigurationError where the inner crop does not fit the outer.
        """
        geometry = geometry_of(self.settings)
        selection = self.index.selection("train", least_px=geometry.outer_px)
        cameras = sorted(self.index.classes[label] for label in selection.labels.tolist())
        missing = [camera for camera in self.index.classes if camera not in cameras]
        notes = []
        if selection.too_small:
            notes.append(
                f"{selection.too_small} training photographs have tiles smaller than train.outer_crop_px "
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

    def __call__(self, start: int, steps: int) -> Iterator[Batch]:
        """Return this rank's next `steps` batches or more, where all ranks together have consumed `start` samples.

        The loaders start with the first batch and stay until the last one.
        """
        samples = TrainingSamples(self.store, self.index, self.settings, unfinished=self.unfinished)
        if self.settings.reader == "webdataset":
            from train.data.streamed import StreamedSamples  # webdataset takes seconds to import

            return stream(StreamedSamples(samples, start, self.rank, self.ranks), self.settings.loaders)
        numbers = batches_of(start, self.settings.batch, self.rank, self.ranks)
        return load(samples, islice(numbers, steps), self.settings.loaders)
