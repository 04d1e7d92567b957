"""Probabilities: judges photographs of a split with a network: a table of photo × condition × camera.

As in the challenge, a photograph is judged by its central tile: the central outer crop is taken unaltered and after
each manipulation, crops are cut from it at fixed places, and their probabilities are joined by the geometric mean.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import read_tiles
from train.data.crops import (
    Geometry,
    central_square,
    decode_tile,
    fixed_crops,
    geometry_of,
    to_tensor,
    use_one_opencv_thread,
)
from train.data.manipulations import MANIPULATIONS, Manipulation
from train.model.network import mixed_precision

UNALTERED = "unaltered"
CONDITIONS = (UNALTERED, *MANIPULATIONS)
ONE_OF_THEM = (UNALTERED, "manipulated")
"""Conditions of the quick validation: each photograph unaltered, and after one of the eight manipulations in turn."""


@dataclass(frozen=True)
class ProbabilityTable:
    """A network's answers for a set of photographs."""

    photos: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    devices: tuple[str, ...]
    conditions: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    """Photos × conditions × cameras; a row sums to 1."""


def probability_table(
    network: nn.Module,
    device: torch.device,
    store: Store,
    index: Index,
    split: str,
    photos: Sequence[str],
    settings: Training,
    *,
    conditions: tuple[str, ...] = CONDITIONS,
    crops: int,
) -> ProbabilityTable:
    """Return the probabilities for each of `photos` (digests in the split), in their order.

    `conditions`: CONDITIONS or ONE_OF_THEM. `crops`: the number of crops for each condition. Raises StageError for
    damaged tiles.
    """
    pictures = _Pictures(store, index, split, tuple(photos), geometry_of(settings), conditions, crops)
    loader: DataLoader[tuple[int, list[Tensor]]] = DataLoader(pictures, batch_size=None, num_workers=settings.loaders)
    probabilities = np.full((len(photos), len(conditions), len(index.classes)), np.nan)
    network.eval()
    for number, pictures_of_one in loader:
        logits = network_logits(network, device, torch.cat(pictures_of_one), settings.batch)
        parts = torch.split(logits, [len(part) for part in pictures_of_one])
        probabilities[number] = np.stack([geometric_mean(part) for part in parts])
    rows = {row["photo"]: row for row in pictures.samples.select(["photo", "label", "group"]).to_pylist()}
    return ProbabilityTable(
        tuple(photos),
        np.array([rows[photo]["label"] for photo in photos], dtype=np.int64),
        tuple(rows[photo]["group"] for photo in photos),
        conditions,
        probabilities,
    )


@torch.inference_mode()
def network_logits(network: nn.Module, device: torch.device, crops_nchw: Tensor, batch: int) -> Tensor:
    """Return the logits of uint8 crops N×3×H×W, `batch` of them at a time, as float32 on the CPU."""
    with mixed_precision(device):
        parts = [network(part.to(device, non_blocking=True)).float().cpu() for part in torch.split(crops_nchw, batch)]
    return torch.cat(parts)


def geometric_mean(logits: Tensor) -> npt.NDArray[np.float64]:
    """Return the geometric mean of the probabilities of N×K logits, scaled to a sum of 1."""
    mean = torch.log_softmax(logits.double(), dim=1).mean(dim=0)
    result: npt.NDArray[np.float64] = torch.softmax(mean, dim=0).numpy()
    return result


class _Pictures(IterableDataset[tuple[int, list[Tensor]]]):
    """Each photograph's number and one tensor of crops for each condition; loader processes divide the photographs."""

    def __init__(
        self,
        store: Store,
        index: Index,
        split: str,
        photos: tuple[str, ...],
        geometry: Geometry,
        conditions: tuple[str, ...],
        crops: int,
    ) -> None:
        use_one_opencv_thread()
        self.store, self.photos, self.geometry = store, photos, geometry
        self.conditions, self.crops = conditions, crops
        samples = index.split(split)
        self.samples = samples.filter(pc.equal(samples["tile"], 0))

    def __iter__(self) -> Iterator[tuple[int, list[Tensor]]]:
        use_one_opencv_thread()
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        row_of = {photo: row for row, photo in enumerate(self.samples["photo"].to_pylist())}
        numbers = range(first, len(self.photos), step)
        tiles = read_tiles(self.store, self.samples, iter([row_of[self.photos[number]] for number in numbers]))
        for number, tile in zip(numbers, tiles, strict=True):
            outer = central_square(decode_tile(tile), self.geometry.outer_px)
            pictures = [
                _manipulated(condition, number).apply(outer) if condition != UNALTERED else outer
                for condition in self.conditions
            ]
            yield number, [to_tensor(fixed_crops(each, self.geometry.crop_px, self.crops)) for each in pictures]


def _manipulated(condition: str, number: int) -> Manipulation:
    eight = tuple(MANIPULATIONS.values())
    return MANIPULATIONS[condition] if condition in MANIPULATIONS else eight[number % len(eight)]
