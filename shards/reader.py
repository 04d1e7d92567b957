"""Reader: a generation's index in, tiles out, each read by its offset in a tar, to as many consumers as there are.

A consumer is one DataLoader worker of one rank; consumers are counted through all ranks. Order, without end or not,
depends on (seed, epoch, consumer, number of consumers) alone. Refuses splits without tiles and contrary wishes.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from torch.utils.data import IterableDataset, get_worker_info

from corpus.errors import StageError
from corpus.storage import Store
from shards.index import Index
from shards.members import Members

WINDOW_TILES = 4096
"""Tiles shuffled among each other in one pass: two full shards at the default settings."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile as it is stored; `photo` is its photograph's digest, `tile` its number there (0 is the central one)."""

    key: str
    photo: str
    tile: int
    camera: str
    label: int
    group: str
    quality_factor: int | None
    x_px: int
    y_px: int
    width_px: int
    height_px: int
    jpeg: bytes


class TileStream(IterableDataset[Tile]):
    """Tiles of one split for one rank; in a DataLoader each worker takes its own part.

    One pass (`endless=False`): tiles are laid end to end in the tars' order, which is turned by a random number of
    places each epoch, and each consumer gets an even, contiguous range of them: every tile exactly once over all
    consumers. It then shuffles its range in windows of WINDOW_TILES, unless `ordered`.

    Without end (`endless=True`): each consumer draws from the whole split by a generator of its own, in shuffled rounds
    over the tiles; `balanced`: in shuffled rounds over the classes, of each class in shuffled rounds over its
    photographs, and of a photograph any tile.

    `only`: photographs (digests) to keep to. Raises StageError where no tile is left.
    """

    def __init__(
        self,
        store: Store,
        index: Index,
        split: str,
        *,
        seed: int = 0,
        epoch: int = 0,
        rank: int = 0,
        ranks: int = 1,
        balanced: bool = False,
        endless: bool = False,
        ordered: bool = False,
        only: Collection[str] | None = None,
    ) -> None:
        if not 0 <= rank < ranks:
            raise ValueError(f"rank {rank} is not one of {ranks}")
        if balanced and not endless:
            raise ValueError("balanced: one pass over all tiles cannot be balanced; ask for endless=True")
        if ordered and endless:
            raise ValueError("ordered: tiles without end are always shuffled")
        self.store, self.split = store, split
        self.seed, self.epoch, self.rank, self.ranks = seed, epoch, rank, ranks
        self.balanced, self.endless, self.ordered = balanced, endless, ordered
        self.samples = _chosen(index, split, only)

    @property
    def tiles(self) -> int:
        """Tiles of the split, over all consumers."""
        return int(self.samples.num_rows)

    def __iter__(self) -> Iterator[Tile]:
        """Yield this consumer's tiles."""
        consumer, consumers = self.rank, self.ranks
        worker = get_worker_info()
        if worker is not None:
            consumer, consumers = self.rank * worker.num_workers + worker.id, self.ranks * worker.num_workers
        if self.endless:
            generator = np.random.default_rng([self.seed, self.epoch, consumer])
            order = _balanced(self.samples, generator) if self.balanced else _rounds(self.tiles, generator)
        else:
            order = iter(_one_pass(self.tiles, consumer, consumers, self.seed, self.epoch, self.ordered).tolist())
        return read_tiles(self.store, self.samples, order)


def read_tiles(store: Store, samples: pa.Table, order: Iterator[int]) -> Iterator[Tile]:
    """Yield the tiles of `samples` (of schema `shards.index.SAMPLES`) whose row numbers `order` gives."""
    columns = {name: samples[name].combine_chunks() for name in samples.column_names}
    members = Members(store)

    def place(row: int) -> tuple[str, int, int]:
        return columns["shard"][row].as_py(), columns["offset_bytes"][row].as_py(), columns["length_bytes"][row].as_py()

    with members:
        for row, jpeg in members.read((row, place(row)) for row in order):
            told = {name: columns[name][row].as_py() for name in _TOLD}
            yield Tile(**told, jpeg=jpeg)


_TOLD = ("key", "photo", "tile", "camera", "label", "group", "quality_factor", "x_px", "y_px", "width_px", "height_px")


def _chosen(index: Index, split: str, only: Collection[str] | None) -> pa.Table:
    samples = index.split(split)
    if only is not None:
        samples = samples.filter(pc.is_in(samples["photo"], value_set=pa.array(sorted(only), pa.string())))
    if samples.num_rows == 0:
        wish = "" if only is None else f" for the {len(only)} photographs wanted"
        raise StageError(f"generation {index.generation} has no tile in split {split}{wish}; crawl more, curate again")
    return samples


def _one_pass(total: int, consumer: int, consumers: int, seed: int, epoch: int, ordered: bool) -> Numbers:
    """Return the rows of one consumer's pass; those of all consumers are every row once, even where some get none."""
    mine = np.arange(total * consumer // consumers, total * (consumer + 1) // consumers)
    if ordered:
        return mine
    # the same turn for all consumers, else their ranges would overlap
    turned = (mine + int(np.random.default_rng([seed, epoch]).integers(total))) % total
    generator = np.random.default_rng([seed, epoch, consumer])
    windows = [turned[start : start + WINDOW_TILES] for start in range(0, len(turned), WINDOW_TILES)]
    return np.concatenate([generator.permutation(window) for window in windows] or [turned])


def _rounds(total: int, generator: np.random.Generator) -> Iterator[int]:
    """Yield numbers below `total` without end, each once a round, every round in a new order."""
    while True:
        yield from generator.permutation(total).tolist()


def _balanced(samples: pa.Table, generator: np.random.Generator) -> Iterator[int]:
    classes: dict[int, dict[str, list[int]]] = {}
    for row, (label, photo) in enumerate(zip(samples["label"].to_pylist(), samples["photo"].to_pylist(), strict=True)):
        classes.setdefault(label, {}).setdefault(photo, []).append(row)
    photos = [[rows for _, rows in sorted(classes[label].items())] for label in sorted(classes)]
    turns = [_rounds(len(of_class), generator) for of_class in photos]
    for label in _rounds(len(photos), generator):
        rows = photos[label][next(turns[label])]
        yield rows[int(generator.integers(len(rows)))]
