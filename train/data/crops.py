"""Crops: cuts tiles into the uint8 squares a network sees, random ones for training, fixed ones for evaluation.

A training crop is made in three steps: take a random outer crop of the tile (`train.outer_crop_px`), manipulate it
with `train.manipulation_probability`, take a random inner crop (`train.crop_px`) and flip and turn that. Only the
window that the inner crop depends on is manipulated: the same result for less work. As in the challenge's test set,
crops are not aligned with JPEG's 8×8 grid.

Each sample's random numbers are seeded by (seed, epoch, rank, loader, sample's number): no two loader processes share
any, and an epoch's crops are always the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from corpus.errors import ConfigurationError, StageError
from corpus.sections import Training
from forensics.pixels.decoding import decode_whole
from shards.reader import Tile
from train.data.manipulations import MANIPULATIONS, Picture, random_manipulation

Flips = Literal["none", "turns", "d4"]
Batch = tuple[torch.Tensor, torch.Tensor]
"""Crops uint8 N×3×H×W and labels int64 N."""

_TURNS = (None, cv2.ROTATE_90_COUNTERCLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_CLOCKWISE)
STRONGEST_REDUCTION = min(each.strength for each in MANIPULATIONS.values() if each.kind == "scale")


@dataclass(frozen=True)
class Geometry:
    """Sizes of the crops in pixels, and how they are varied."""

    outer_px: int
    crop_px: int
    manipulation_probability: float
    flips: Flips


def geometry_of(settings: Training) -> Geometry:
    """Return the crops' geometry; raises ConfigurationError where a reduced outer crop cannot hold the inner one."""
    least_px = int(np.ceil(settings.crop_px / STRONGEST_REDUCTION))
    if settings.outer_crop_px < least_px:
        raise ConfigurationError(
            f"train.outer_crop_px: {settings.outer_crop_px} is too small: resized by {STRONGEST_REDUCTION:g} it must "
            f"still hold train.crop_px {settings.crop_px}; set it to {least_px} or more, or crop_px to "
            f"{int(settings.outer_crop_px * STRONGEST_REDUCTION)} or less"
        )
    return Geometry(settings.outer_crop_px, settings.crop_px, settings.manipulation_probability, settings.flips)


def decode(jpeg: bytes) -> Picture:
    """Return the pixels of a JPEG, height × width × 3, RGB; raises ValueError for a damaged one."""
    return decode_whole(jpeg, "RGB", fastdct=False, fastupsample=False).picture


def decode_tile(tile: Tile) -> Picture:
    """Return the pixels of a tile; raises StageError for a damaged one, since curation writes only whole tiles."""
    try:
        return decode(tile.jpeg)
    except ValueError as error:
        raise StageError(
            f"shards: tile {tile.key} is damaged: {error}; delete its tar and that tar's entry, then curate again"
        ) from error


def training_crop(tile: Picture, geometry: Geometry, rng: np.random.Generator) -> Picture:
    """Return a random crop of a tile, crop_px × crop_px × 3; raises ValueError for a tile smaller than outer_px."""
    if min(tile.shape[:2]) < geometry.outer_px:
        raise ValueError(f"a tile of {tile.shape[1]}×{tile.shape[0]} px holds no outer crop of {geometry.outer_px} px")
    outer = _random_square(tile, geometry.outer_px, rng)
    if rng.random() < geometry.manipulation_probability:
        manipulation = random_manipulation(rng)
        window_px = min(manipulation.window_px(geometry.crop_px), geometry.outer_px)
        outer = manipulation.apply(_random_square(outer, window_px, rng))
    return flip(_random_square(outer, geometry.crop_px, rng), geometry.flips, rng)


def flip(crop: Picture, flips: Flips, rng: np.random.Generator) -> Picture:
    """Return the crop turned by a random multiple of 90° (`turns`), mirrored as well (`d4`), or as it is (`none`)."""
    if flips == "none":
        return crop
    turn = _TURNS[int(rng.integers(4))]
    if turn is not None:
        crop = cv2.rotate(crop, turn).astype(np.uint8, copy=False)
    if flips == "d4" and rng.random() < 0.5:
        crop = cv2.flip(crop, 1).astype(np.uint8, copy=False)
    return crop


def central_square(picture: Picture, edge_px: int) -> Picture:
    """Return the central square of `edge_px`, or the largest one of a smaller picture."""
    height_px, width_px = picture.shape[:2]
    edge_px = min(edge_px, height_px, width_px)
    top, left = (height_px - edge_px) // 2, (width_px - edge_px) // 2
    return picture[top : top + edge_px, left : left + edge_px]


def fixed_crops(picture: Picture, crop_px: int, crops: int) -> list[Picture]:
    """Return up to `crops` crops at fixed places: the centre, the corners, the middles of the edges, then finer grids.

    Places that coincide count once: a picture of crop_px has one crop. Raises ValueError for a smaller picture.
    """
    height_px, width_px = picture.shape[:2]
    if min(height_px, width_px) < crop_px:
        raise ValueError(f"{width_px}×{height_px} is smaller than the network's crop of {crop_px} px")
    places = [((height_px - crop_px) * y // 8, (width_px - crop_px) * x // 8) for y, x in _places()]
    return [picture[y : y + crop_px, x : x + crop_px] for y, x in list(dict.fromkeys(places[:crops]))]


def to_tensor(crops: Iterable[Picture]) -> torch.Tensor:
    """Return crops as one uint8 tensor N × 3 × H × W in channels-last memory, as the network needs them."""
    return torch.from_numpy(np.stack(list(crops))).permute(0, 3, 1, 2)


def join_crops(samples: Sequence[tuple[Picture, int]]) -> Batch:
    """Return crops and their labels as a batch; a DataLoader's `collate_fn`."""
    crops, labels = zip(*samples, strict=True)
    return to_tensor(crops), torch.tensor(labels)


def use_one_opencv_thread() -> None:
    """Keep OpenCV from starting threads of its own: the loaders are the parallelism.

    Must be called both before loaders are forked and inside them: a fork inherits the pool's locks without its
    threads, and OpenCV would wait for those threads for ever when the fork shuts the pool.
    """
    cv2.setNumThreads(1)


class CropStream(IterableDataset[tuple[Picture, int]]):
    """Training crops (uint8 H×W×3) and labels of a stream of tiles, in the order of the stream.

    `labels`: other labels by photo, for training on shuffled labels.
    """

    def __init__(
        self,
        tiles: Iterable[Tile],
        geometry: Geometry,
        *,
        seed: int,
        epoch: int,
        rank: int = 0,
        labels: Mapping[str, int] | None = None,
    ) -> None:
        use_one_opencv_thread()
        self.tiles, self.geometry, self.labels = tiles, geometry, labels
        self.seed, self.epoch, self.rank = seed, epoch, rank

    def __iter__(self) -> Iterator[tuple[Picture, int]]:
        """Yield crops; each process of a DataLoader draws its own."""
        use_one_opencv_thread()
        worker = get_worker_info()
        loader = worker.id if worker else 0
        for number, tile in enumerate(self.tiles):
            rng = np.random.default_rng((self.seed % 2**32, self.epoch, self.rank, loader, number))
            crop = training_crop(decode_tile(tile), self.geometry, rng)
            label = tile.label if self.labels is None else self.labels[tile.photo]
            yield np.ascontiguousarray(crop), label  # a view would keep the whole tile in memory


def _random_square(picture: Picture, edge_px: int, rng: np.random.Generator) -> Picture:
    top = int(rng.integers(picture.shape[0] - edge_px + 1))
    left = int(rng.integers(picture.shape[1] - edge_px + 1))
    return picture[top : top + edge_px, left : left + edge_px]


def _places() -> list[tuple[int, int]]:
    """Return places in eighths of the free range: coarse grids first, within a grid the farthest from the centre."""
    places = [(4, 4)]
    for step in (8, 4, 2, 1):
        grid = [(y, x) for y in range(0, 9, step) for x in range(0, 9, step)]
        places += sorted(set(grid) - set(places), key=lambda yx: (-((yx[0] - 4) ** 2) - (yx[1] - 4) ** 2, yx))
    return places
