"""Photographs: what a network says of photographs, and where they lie in its embedding.

Known photographs are those of the network's cameras; unknown ones are by the cameras of `train.held_out_cameras`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import Answers, Condition, judge
from train.data.crops import STRONGEST_REDUCTION
from train.model.network import CameraNetwork
from train.model.scores import Floats, Numbers

PHOTOS_MAX = 2000
"""Photographs of a split that are looked at: enough for every figure, and minutes of work at most."""


@dataclass(frozen=True, eq=False)
class Photographs:
    """N photographs under some conditions: C conditions, K cameras of the network, embeddings of D numbers."""

    names: tuple[str, ...]
    cameras: tuple[str, ...]
    """True camera of each."""
    devices: tuple[str, ...]
    log_shares: Floats
    """N×C×K: mean log-probabilities over the crops."""
    logits: Floats
    """N×C×K: mean logits."""
    embeddings: Floats
    """N×C×D: mean embeddings."""

    def __len__(self) -> int:
        return len(self.names)

    def labels(self, cameras: Sequence[str]) -> Numbers:
        """Return each photograph's place in a list of cameras."""
        places = {camera: place for place, camera in enumerate(cameras)}
        return np.array([places[camera] for camera in self.cameras], np.int64)

    def under(self, condition: int) -> tuple[Floats, Floats, Floats]:
        """Return log-probabilities, logits and embeddings under one condition."""
        return self.log_shares[:, condition], self.logits[:, condition], self.embeddings[:, condition]

    def of(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Photographs":
        """Return some of the photographs, by their rows or a mask."""
        numbers = np.arange(len(self))[rows].tolist()
        names, cameras, devices = (
            tuple(texts[number] for number in numbers) for texts in (self.names, self.cameras, self.devices)
        )
        arrays = (array[numbers] for array in (self.log_shares, self.logits, self.embeddings))
        return Photographs(names, cameras, devices, *arrays)


def photographs(
    network: CameraNetwork,
    device: torch.device,
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    conditions: Sequence[Condition],
) -> Photographs:
    """Return what the network says of these photographs under these conditions, without those that are damaged.

    `index`: one that has their cameras. Raises StageError where too many of them are damaged.
    """
    with torch.inference_mode():
        classes = network.classify(torch.zeros(1, network.features, device=device)).shape[1]
    answers = judge(
        _Both(network), device, store, index, photo_rows, settings,
        conditions=conditions, crops=settings.test_crops, outputs=classes + network.features,
    )  # fmt: skip
    names = tuple(index.classes[label] for label in answers.labels.tolist())
    return Photographs(answers.photos, names, answers.devices, *_means(answers, classes))


def rows_of(index: Index, split: str, settings: Training, cameras: Sequence[str]) -> Numbers:
    """Return the rows of a split's photographs by some cameras, at most PHOTOS_MAX, spread evenly over the cameras.

    They are large enough for the strongest reduction of the challenge.
    """
    least_px = math.ceil(settings.crop_px / STRONGEST_REDUCTION)
    rows = index.selection(split, least_px=least_px).spread()
    wanted = [place for place, camera in enumerate(index.classes) if camera in cameras]
    mine: Numbers = rows[np.isin(index.labels(rows), wanted)][:PHOTOS_MAX]
    return mine


class _Both(nn.Module):
    """A network that answers a crop's logits, then its embedding, side by side."""

    def __init__(self, network: CameraNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops_nchw: Tensor) -> Tensor:
        embeddings = self.network.embed(crops_nchw)
        return torch.cat([self.network.classify(embeddings).float(), embeddings.float()], dim=1)


def _means(answers: Answers, classes: int) -> tuple[Floats, Floats, Floats]:
    logits = answers.logits[..., :classes].astype(np.float64)
    top = logits.max(axis=-1, keepdims=True)
    shares = logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))
    embeddings = answers.logits[..., classes:].astype(np.float64)
    return np.nanmean(shares, axis=2), np.nanmean(logits, axis=2), np.nanmean(embeddings, axis=2)
