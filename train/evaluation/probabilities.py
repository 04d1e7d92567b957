"""Probabilities: judges photographs of a split with a network: a table of photo × condition × camera.

As in the challenge, a photograph is judged by its central tile: the central outer crop is taken unaltered and after
each manipulation, crops are cut from it at fixed places, and their probabilities are joined by the geometric mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Corrupt, TileReader
from train.data.crops import central_rectangle, fixed_crops, geometry_of, to_tensor
from train.data.loading import load
from train.data.manipulations import MANIPULATIONS, Manipulation
from train.data.skipped import Skipped, Tally
from train.model.network import mixed_precision

UNALTERED = "unaltered"
CONDITIONS = (UNALTERED, *MANIPULATIONS)
ONE_OF_THEM = (UNALTERED, "manipulated")
"""Conditions of the quick validation: each photograph unaltered, and after one of the eight manipulations in turn."""

Numbers = npt.NDArray[np.int64]

_CROPS_AT_ONCE = 32
"""Crops that a loader makes before it hands them on, where one photograph has not more."""


@dataclass(frozen=True)
class ProbabilityTable:
    """A network's answers for a set of photographs."""

    photos: tuple[str, ...]
    labels: npt.NDArray[np.int64]
    devices: tuple[str, ...]
    conditions: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    """Photos × conditions × cameras; a row sums to 1."""
    skipped: tuple[Skipped, ...] = ()
    """Photographs that are in none of the above, because their tiles are damaged."""


def probability_table(
    network: nn.Module,
    device: torch.device,
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    *,
    conditions: tuple[str, ...] = CONDITIONS,
    crops: int,
) -> ProbabilityTable:
    """Return the probabilities for each of these photographs, in their order, without those whose tiles are damaged.

    `conditions`: CONDITIONS or ONE_OF_THEM. `crops`: the number of crops for each condition. Raises StageError where
    too many tiles are damaged.
    """
    pictures = _Pictures(store, index, settings, conditions, crops)
    at_once = max(1, _CROPS_AT_ONCE // (len(conditions) * crops))
    wanted = (
        list(enumerate(photo_rows[first : first + at_once].tolist(), start=first))
        for first in range(0, len(photo_rows), at_once)
    )
    probabilities = np.full((len(photo_rows), len(conditions), len(index.classes)), np.nan)
    skipped = Tally()
    network.eval()
    for several in load(pictures, wanted, settings.loaders):
        for number, conditions_of_one in several:
            if isinstance(conditions_of_one, Skipped):
                skipped.add([conditions_of_one])
                if fault := skipped.fault(len(photo_rows), "photographs", index.generation):
                    raise StageError(fault)
                continue
            logits = network_logits(network, device, torch.cat(conditions_of_one), settings.batch)
            parts = torch.split(logits, [len(part) for part in conditions_of_one])
            probabilities[number] = np.stack([geometric_mean(part) for part in parts])
    used = np.delete(np.arange(len(photo_rows)), [each.number for each in skipped.named])
    return ProbabilityTable(
        tuple(index.photo_names(photo_rows[used])),
        index.labels(photo_rows[used]),
        tuple(index.group_names(photo_rows[used])),
        conditions,
        probabilities[used],
        tuple(skipped.named),
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


@dataclass(frozen=True)
class _Pictures:
    """The crops of photographs, by (place in the table, row of the index): a tensor for each condition."""

    store: Store
    index: Index
    settings: Training
    conditions: tuple[str, ...]
    crops: int

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _reader(self) -> TileReader:
        return TileReader(self.store, self.index)

    def __getitems__(self, numbers: Sequence[tuple[int, int]]) -> list[tuple[int, list[Tensor] | Skipped]]:
        """Return each photograph's place with its crops, or with what is wrong with its central tile."""
        geometry = geometry_of(self.settings)
        rows = self.index.central_tiles(np.array([photo_row for _, photo_row in numbers], np.int64))
        sizes = zip(
            self.index.tiles.at("width_px", rows).tolist(),
            self.index.tiles.at("height_px", rows).tolist(),
            strict=True,
        )
        squares = [central_rectangle(width_px, height_px, geometry.outer_px) for width_px, height_px in sizes]
        result: list[tuple[int, list[Tensor] | Skipped]] = []
        for (number, _), region in zip(numbers, self._reader.regions(rows, squares), strict=True):
            if isinstance(region, Corrupt):
                result.append((number, Skipped(number, 0, region.key, region.tar, region.what)))
                continue
            pictures = [
                region.pixels if condition == UNALTERED else _manipulated(condition, number).apply(region.pixels)
                for condition in self.conditions
            ]
            crops = [fixed_crops(each, geometry.crop_px, self.crops) for each in pictures]
            result.append((number, [to_tensor(each) for each in crops]))
        return result


def _manipulated(condition: str, number: int) -> Manipulation:
    eight = tuple(MANIPULATIONS.values())
    return MANIPULATIONS[condition] if condition in MANIPULATIONS else eight[number % len(eight)]
