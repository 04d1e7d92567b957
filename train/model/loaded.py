"""Model: a trained network with all that its answers need, and the judgement of a photograph.

It is plain data and a network: `train.archive.loading.load_model` makes it of a run, of a file handed on, or of an
address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from corpus.cameras.catalogue import Catalogue
from corpus.sections import Training
from train.model.network import CameraNetwork, mixed_precision
from train.model.refusal import OpenSet, named, own_threshold
from train.model.scores import Floats, Prototypes, crops_together, softmax

_CONFUSED_SHARE_MIN, _CONFUSED_PHOTOS_MIN = 0.05, 2


@dataclass(frozen=True)
class Enrolled:
    """A camera that was added without training: the embeddings of its photographs, N×D, and their devices."""

    key: str
    name: str
    maker: str | None
    embeddings: Floats
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Sibling:
    """A known camera whose maker seems to have made the unknown one as well."""

    camera: str
    probability: float
    """The share of unknown validation photographs nearest to this camera that were of its maker (with one of each
    added, so that it is never 0 or 1)."""


@dataclass(frozen=True)
class Judgement:
    """What a model says of one photograph."""

    cameras: tuple[tuple[str, float], ...]
    """Keys of all cameras with calibrated probabilities, given that it is one of them; the likeliest first."""
    none_of_these: bool = False
    none_probability: float | None = None
    """Calibrated where unknown cameras are as frequent as known ones; None for a model that cannot tell."""
    sibling: Sibling | None = None
    """Where it is none of these, and a camera of the same maker is known."""
    confused_with: tuple[tuple[str, float], ...] = ()
    """Where it is one of these: cameras whose validation photographs got this answer, with their share of it."""
    largest_logit: float = 0.0
    """The largest of the network's mean logits: it tells how a photograph is turned better than probabilities do."""

    @property
    def likeliest(self) -> str:
        """Key of the likeliest camera, also where it is none of these."""
        return self.cameras[0][0]


@dataclass(frozen=True)
class Model:
    """A trained network, ready for photographs."""

    name: str
    """The run's name."""
    generation: str
    network: CameraNetwork
    device: torch.device
    classes: tuple[str, ...]
    """Camera keys in the order of the network's outputs."""
    settings: Training
    catalogue: Catalogue
    """Entries of the cameras, for names and makers; a camera may lack one."""
    temperature: float = 1.0
    """By it the mean log-probabilities of a photograph's crops are divided; found on validation."""
    open_set: OpenSet | None = None
    prototypes: Prototypes | None = None
    """Of the network's cameras; None with `open_set`."""
    enrolled: tuple[Enrolled, ...] = ()

    @property
    def cameras(self) -> tuple[str, ...]:
        """Keys of all cameras that it can name: the network's own, then the enrolled ones."""
        return (*self.classes, *(each.key for each in self.enrolled))

    def name_of(self, key: str) -> str:
        """Return a camera's name as people write it, or its key where nothing is known of it."""
        names = {each.key: each.name for each in self.enrolled}
        camera = self.catalogue.get(key)
        return names.get(key) or (camera.name if camera is not None else key)

    def maker_of(self, key: str) -> str | None:
        """Return the first EXIF Make of a camera, in lower case; None where nothing is known of it."""
        makers = {each.key: each.maker for each in self.enrolled}
        camera = self.catalogue.get(key)
        maker = camera.make[0] if camera is not None and camera.make else makers.get(key)
        return maker.casefold() if maker else None

    def judge(self, crops: Tensor) -> Judgement:
        """Return what it says of one photograph, of which these are the crops: uint8 N×3×H×W."""
        return self.judge_all(crops, [len(crops)])[0]

    def judge_all(self, crops: Tensor, counts: Sequence[int]) -> list[Judgement]:
        """Return what it says of several photographs: the first `counts[0]` crops are those of the first, and so on."""
        of_crops = crop_answers(self.network, self.device, crops, self.settings.batch)
        log_shares, logits, embeddings = photo_answers(*of_crops, counts)
        shares, largest = softmax(log_shares / self.temperature), logits.max(axis=1).tolist()
        if self.open_set is None or self.prototypes is None:
            pairs = zip(shares, largest, strict=True)
            return [Judgement(_sorted(self.classes, row), largest_logit=most) for row, most in pairs]
        prototypes, thresholds = self._with_enrolled
        found = named(self.open_set, prototypes, thresholds, shares, logits, embeddings)
        return [
            replace(self._judgement(bool(refused), none, row, near), largest_logit=most)
            for refused, none, row, near, most in zip(
                found.refused, found.none.tolist(), found.shares, found.nearest.tolist(), largest, strict=True
            )
        ]

    @cached_property
    def _with_enrolled(self) -> tuple[Prototypes, list[float]]:
        """The prototypes of all cameras, and the threshold of each enrolled one."""
        assert self.open_set is not None and self.prototypes is not None  # noqa: S101, PT018  asked for there alone
        prototypes, thresholds = self.prototypes, []
        for each in self.enrolled:
            thresholds.append(own_threshold(self.open_set, self.prototypes, each.embeddings, each.devices))
            prototypes = prototypes.joined(each.embeddings, each.devices)
        return prototypes, thresholds

    def _judgement(self, refused: bool, none: float, shares: Floats, nearest: int) -> Judgement:
        cameras = _sorted(self.cameras, shares)
        return Judgement(
            cameras,
            refused,
            none,
            self._sibling(self.cameras[nearest]) if refused else None,
            () if refused else self._confused_with(cameras[0][0]),
        )

    def _sibling(self, nearest: str) -> Sibling | None:
        """Return the nearest camera where, by what was measured, the unknown one is probably of the same maker."""
        assert self.open_set is not None  # noqa: S101  as above
        maker = self.maker_of(nearest)
        if maker is None:
            return None
        photos = {camera: counts.get(nearest, 0) for camera, counts in self.open_set.nearest.items()}
        same = sum(count for camera, count in photos.items() if self.maker_of(camera) == maker)
        probability = (same + 1) / (sum(photos.values()) + 2)
        return Sibling(nearest, probability) if probability > 0.5 else None

    def _confused_with(self, answer: str) -> tuple[tuple[str, float], ...]:
        assert self.open_set is not None  # noqa: S101  as above
        counts = self.open_set.confusion.get(answer, {})
        total = sum(counts.values())
        wrong = {
            camera: count / total
            for camera, count in counts.items()
            if camera != answer and count >= max(_CONFUSED_PHOTOS_MIN, _CONFUSED_SHARE_MIN * total)
        }
        return tuple(sorted(wrong.items(), key=lambda pair: (-pair[1], pair[0])))


@torch.inference_mode()
def crop_answers(network: CameraNetwork, device: torch.device, crops: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Return logits N×K and embeddings N×D of uint8 crops N×3×H×W, `batch` at a time, as float32 on the CPU."""
    logits, embeddings = [], []
    with mixed_precision(device):
        for part in torch.split(crops, batch):
            embedding = network.embed(part.to(device, non_blocking=True))
            logits.append(network.classify(embedding).float().cpu())
            embeddings.append(embedding.float().cpu())
    return torch.cat(logits), torch.cat(embeddings)


def photo_answers(logits: Tensor, embeddings: Tensor, counts: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return log-probabilities, mean logits and mean embeddings of photographs, of those of their crops."""

    def parts(rows: Tensor) -> list[Floats]:
        return [part.numpy() for part in torch.split(rows.double(), list(counts))]

    return (
        np.stack([crops_together(part) for part in parts(logits)]),
        np.stack([part.mean(axis=0) for part in parts(logits)]),
        np.stack([part.mean(axis=0) for part in parts(embeddings)]),
    )


def _sorted(cameras: Sequence[str], shares: Floats) -> tuple[tuple[str, float], ...]:
    pairs = zip(cameras, shares.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
