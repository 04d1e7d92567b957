"""Cue conflict: does a network answer by the fine detail of a picture or by its scene?

The fine detail of one photograph is laid over the low frequencies of another, which another camera took. A network that
reads the camera names that of the detail, one that has learned scenes names the other one (the experiment of Geirhos et
al., ICLR 2019, with frequencies for texture and shape). Photographs of one camera cannot be in conflict: with fewer
than two cameras there is no answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Region, TileReader
from train.data.answers import UNALTERED, condition_crops, middle, network_logits
from train.data.crops import to_tensor
from train.data.loading import load
from train.data.manipulations import Picture
from train.data.skipped import Skipped, Tally
from train.model.scores import crops_together

Numbers = npt.NDArray[np.int64]

SIGMA_PX = 3.0
"""Of the Gaussian that divides a picture: demosaicing, noise, sharpening and the edges of 8×8 blocks are finer."""
SCENES_PER_PHOTO = 2
"""Scenes that the detail of one photograph is laid over, each of another camera where there are so many."""


@dataclass(frozen=True)
class Conflicts:
    """A network's answers for photographs in conflict, and for the same photographs as they are."""

    photo_rows: Numbers
    """Photographs whose detail was used; those with a damaged tile, or damaged scenes, are left out."""
    unaltered: Numbers
    """The answered camera of each photograph as it is."""
    scene_labels: Numbers
    """Photographs × scenes: the camera of each scene."""
    answers: Numbers
    """Photographs × scenes: the answered camera of the detail over the scene."""
    left_out: int = 0


def blended(detail: Picture, scene: Picture, sigma_px: float = SIGMA_PX) -> Picture:
    """Return the high frequencies of one picture over the low ones of another of the same size."""
    own, other = detail.astype(np.float32), scene.astype(np.float32)
    high = own - cv2.GaussianBlur(own, (0, 0), sigma_px)
    result: Picture = np.clip(np.rint(cv2.GaussianBlur(other, (0, 0), sigma_px) + high), 0, 255).astype(np.uint8)
    return result


def scenes_of(labels: Numbers, scenes: int = SCENES_PER_PHOTO) -> Numbers:
    """Return for each photograph the places of `scenes` photographs by other cameras: photographs × scenes.

    The other cameras take turns, and so do the photographs of each. Raises StageError for fewer than two cameras.
    """
    cameras = np.unique(labels)
    if len(cameras) < 2:
        raise StageError("honesty: a cue conflict needs photographs by two cameras")
    members = {int(camera): np.flatnonzero(labels == camera) for camera in cameras}
    chosen = np.empty((len(labels), scenes), np.int64)
    for camera, own in members.items():
        others = [other for other in members if other != camera]
        for turn, place in enumerate(own.tolist()):
            for scene in range(scenes):
                there = members[others[(turn + scene) % len(others)]]
                chosen[place, scene] = there[(turn + scene // len(others)) % len(there)]
    return chosen


def judge_conflicts(
    network: nn.Module, device: torch.device, store: Store, index: Index, photo_rows: Numbers, settings: Training
) -> Conflicts:
    """Return the answers of a network for these photographs in conflict; raises StageError for fewer than two cameras.

    As in the evaluation, `train.test_crops` crops of each photograph's middle are judged together.
    """
    labels = index.labels(photo_rows)
    scenes = scenes_of(labels)
    pairs = _Pairs(store, index, settings)
    wanted = ([(place, int(photo_rows[place]), tuple(photo_rows[scenes[place]]))] for place in range(len(photo_rows)))
    answers = np.zeros((len(photo_rows), 1 + scenes.shape[1]), np.int64)
    damaged = Tally()
    used = np.ones(len(photo_rows), bool)
    network.eval()
    for place, pictures in _each(load(pairs, wanted, settings.loaders)):
        if isinstance(pictures, Skipped):
            damaged.add([pictures])
            used[place] = False
            if fault := damaged.fault(len(photo_rows), "photographs", index.generation):
                raise StageError(fault)
            continue
        answers[place] = _answered(network, device, pictures, settings.batch)
    kept = np.flatnonzero(used)
    return Conflicts(
        photo_rows[kept], answers[kept, 0], labels[scenes[kept]], answers[kept, 1:], len(photo_rows) - len(kept)
    )


def followed(conflicts: Conflicts, labels: Numbers) -> npt.NDArray[np.float64]:
    """Return for each photograph the share of its scenes answered by detail, by scene and by neither: N × 3."""
    by_detail = (conflicts.answers == labels[:, None]).mean(axis=1)
    by_scene = (conflicts.answers == conflicts.scene_labels).mean(axis=1)
    return np.column_stack([by_detail, by_scene, 1.0 - by_detail - by_scene])


def _each(several: Iterator[list[tuple[int, Any]]]) -> Iterator[tuple[int, Any]]:
    for some in several:
        yield from some


def _answered(network: nn.Module, device: torch.device, pictures: Sequence[Tensor], batch: int) -> Numbers:
    """Return the answered camera of each picture, by the geometric mean over its crops."""
    logits = network_logits(network, device, torch.cat(list(pictures)), batch)
    parts = torch.split(logits, [len(picture) for picture in pictures])
    return np.array([crops_together(part.numpy()).argmax() for part in parts], np.int64)


@dataclass(frozen=True)
class _Pairs:
    """The crops of photographs as they are and over the scenes of others, by (place, row, rows of the scenes)."""

    store: Store
    index: Index
    settings: Training

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _reader(self) -> TileReader:
        return TileReader(self.store, self.index)

    def __getitems__(
        self, wanted: Sequence[tuple[int, int, tuple[int, ...]]]
    ) -> list[tuple[int, list[Tensor] | Skipped]]:
        """Return each place with the crops of the photograph and of each conflict, or with what is damaged."""
        result: list[tuple[int, list[Tensor] | Skipped]] = []
        for place, photo_row, scene_rows in wanted:
            rows = self.index.central_tiles(np.array([photo_row, *scene_rows], np.int64))
            sizes = zip(*(self.index.tiles.at(name, rows).tolist() for name in ("width_px", "height_px")), strict=True)
            regions = self._reader.regions(rows, [middle(width_px, height_px) for width_px, height_px in sizes])
            whole = [region.pixels for region in regions if isinstance(region, Region)]
            if len(whole) < len(regions):
                first = next(region for region in regions if not isinstance(region, Region))
                result.append((place, Skipped(place, 0, first.key, first.tar, first.what)))
                continue
            result.append((place, [self._crops(picture) for picture in (whole[0], *_conflicts(whole))]))
        return result

    def _crops(self, picture: Picture) -> Tensor:
        settings = self.settings
        return to_tensor(condition_crops(picture, UNALTERED, settings.crop_px, settings.test_crops))


def _conflicts(windows: Sequence[Picture]) -> list[Picture]:
    """Return the detail of the first window over the scene of each other one, where both have pixels."""
    detail, *scenes = windows
    conflicts = []
    for scene in scenes:
        height_px, width_px = np.minimum(detail.shape, scene.shape)[:2].tolist()
        conflicts.append(blended(detail[:height_px, :width_px], scene[:height_px, :width_px]))
    return conflicts
