"""Streamed samples: makes training batches of tiles that are streamed from whole tars, for `train.reader: webdataset`.

Tiles come as `shards.streaming` draws them; planning, decoding and crops are those of `train.data.samples`. Each loader
makes whole batches of its own tiles. Random numbers are those of (seed, start, consumer, tile's number), where a
consumer is one loader of one rank: so a training that goes on from another place sees other samples. A tile gives
`train.crops_per_photo` crops one after the other. Samples have numbers of their own here: those of the tiles, times
that, and on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from torch import tensor
from torch.utils.data import IterableDataset, get_worker_info

from corpus.errors import StageError
from corpus.records import SPLITS
from shards.order import generator
from shards.restarts import Rectangle, decode_rectangle, find_restarts
from shards.streaming import SplitTars, StreamedTile, TarStream, Unread, split_tars
from train.data.crops import decode, geometry_of, plan_crop
from train.data.manipulations import Picture
from train.data.samples import ATTEMPTS_MAX, Batch, Crop, TrainingSamples, batch_of, crop_of
from train.data.skipped import Skipped


@dataclass(frozen=True, eq=False)
class StreamedSamples(IterableDataset[Batch]):
    """The endless batches of one rank, where all ranks together have consumed `start` samples."""

    samples: TrainingSamples
    """Says which photographs are used, and their labels."""
    start: int
    rank: int = 0
    ranks: int = 1

    def __getstate__(self) -> dict[str, Any]:
        return {"samples": self.samples, "start": self.start, "rank": self.rank, "ranks": self.ranks}

    def __iter__(self) -> Iterator[Batch]:
        """Yield this loader's batches."""
        settings = self.samples.settings
        worker = get_worker_info()
        loader, loaders = (worker.id, worker.num_workers) if worker else (0, 1)
        consumer, consumers = self.rank * loaders + loader, self.ranks * loaders
        crops: list[Crop] = []
        labels: list[int] = []
        numbers: list[int] = []
        skipped: list[Skipped] = []
        in_a_row = 0
        for number, tile in zip(count(self.start + consumer, consumers), self._stream(), strict=False):
            made = self._crops(tile, number)
            if isinstance(made, Skipped):
                skipped.append(made)
                in_a_row += 1
                if in_a_row > ATTEMPTS_MAX * settings.batch:
                    raise StageError(
                        f"shards: {in_a_row} tiles or tars one after the other are damaged, the last "
                        f"{made.key or 'what is left'} in {made.tar}: {made.what}; "
                        f"look at the storage (python -m shards.verify {self.samples.index.generation})"
                    )
                continue
            in_a_row = 0
            crops += made.crops
            labels += [made.label] * len(made.crops)
            numbers += made.numbers
            if len(crops) == settings.batch:
                yield batch_of(crops, tensor(labels), skipped, tensor(numbers))
                crops, labels, numbers, skipped = [], [], [], []

    def _stream(self) -> TarStream:
        store, settings = self.samples.store, self.samples.settings
        return TarStream(
            store, self._tars(), seed=settings.seed, epoch=self.start, rank=self.rank, ranks=self.ranks,
            cache=self.samples.index.cache, wanted=lambda photo: int(photo, 16) in self._photos,
        )  # fmt: skip

    def _tars(self) -> SplitTars:
        """Return the tars with training photographs; where a fold is held out, those of all splits."""
        index = self.samples.index
        splits = ("train",) if index.held_out is None else SPLITS
        found = [
            split_tars(self.samples.store, index.generation, split)
            for split in splits
            if index.content["splits"][split]["shards"]
        ]
        return SplitTars(
            tuple(path for each in found for path in each.paths), tuple(tiles for each in found for tiles in each.tiles)
        )

    @cached_property
    def _photos(self) -> "_PhotoRows":
        return _PhotoRows(self.samples)

    def _photo_row(self, tile: StreamedTile) -> int:
        return self._photos.row(int(tile.photo, 16))

    def _tar(self, photo_row: int) -> str:
        index = self.samples.index
        return index.tars[int(index.tiles["tar"][index.photos["first_tile"][photo_row]])]

    def _crops(self, tile: StreamedTile | Unread, number: int) -> "_Crops | Skipped":
        if isinstance(tile, Unread):
            return Skipped(number, 0, "", tile.tar, tile.reason, tile.tiles)
        settings, photo_row = self.samples.settings, self._photo_row(tile)
        crops = []
        numbers = [number * settings.crops_per_photo + place for place in range(settings.crops_per_photo)]
        for each in numbers:
            rng = generator(settings.seed, each, f"streamed crop from {self.start}")
            try:
                plan = plan_crop(rng, geometry_of(settings), tile.width_px, tile.height_px)
                crops.append(crop_of(_pixels(tile.jpeg, plan.rectangle), plan.finish, self.samples.unfinished))
            except ValueError as error:
                return Skipped(number, 0, tile.key, self._tar(photo_row), str(error))
        return _Crops(crops, int(self.samples.labels_of_photos(np.array([photo_row]))[0]), numbers)


class _Crops(NamedTuple):
    """The crops of one tile."""

    crops: list[Crop]
    label: int
    numbers: list[int]


class _PhotoRows:
    """The rows of the photographs that are used, by their digests as numbers: two arrays."""

    def __init__(self, samples: TrainingSamples) -> None:
        rows = samples.selection.all_photo_rows()
        digests = samples.index.photos["photo"][rows]
        order = np.argsort(digests)
        self._digests, self._rows = digests[order], rows[order]

    def __contains__(self, digest: int) -> bool:
        place = int(np.searchsorted(self._digests, np.uint64(digest)))
        return place < len(self._digests) and int(self._digests[place]) == digest

    def row(self, digest: int) -> int:
        """Return the row of a photograph that is there."""
        return int(self._rows[np.searchsorted(self._digests, np.uint64(digest))])


def _pixels(jpeg: bytes, rectangle: Rectangle) -> Picture:
    """Return a rectangle of a whole tile; raises ValueError for a damaged one."""
    x_px, y_px, width_px, height_px = rectangle
    try:
        restarts = find_restarts(jpeg, with_checksums=False)
    except ValueError:  # it has no restart markers, or is damaged, which decoding it will tell
        pixels = decode(jpeg)[y_px : y_px + height_px, x_px : x_px + width_px]
    else:
        pixels = decode_rectangle(restarts, rectangle, jpeg, 0)
    if pixels.shape[:2] != (height_px, width_px):
        raise ValueError("its description states another size than its JPEG")
    return pixels
