"""Model: a trained network with all that its answers need, and the judgement of a photograph.

It is plain data and a network: `train.archive.loading.load_model` makes it of a run, of a file handed on, or of an
address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from corpus.catalogue import Catalogue
from corpus.sections import Training
from train.model.network import CameraNetwork, mixed_precision
from train.model.scores import Floats, Prototypes, crops_together, evidence, knownness, softmax

_CONFUSED_SHARE_MIN, _CONFUSED_PHOTOS_MIN = 0.05, 2


@dataclass(frozen=True)
class Refusal:
    """When a photograph is of none of the cameras: a score, its threshold, and what it means as a probability."""

    score: str
    threshold: float
    """Below it a photograph is refused; 5 % of the known cameras' validation photographs are."""
    slope: float
    offset: float
    """The probability that it is of none of them is 1 / (1 + exp(slope × score + offset)), where as many photographs
    are of unknown cameras as of known ones (Platt, Advances in Large Margin Classifiers, 1999)."""

    def probability(self, score: float) -> float:
        """Return the probability that a photograph with this score is of none of the cameras."""
        return float(1 / (1 + np.exp(np.clip(self.slope * score + self.offset, -60, 60))))


@dataclass(frozen=True)
class OpenSet:
    """What was measured on validation photographs, so that unknown cameras are told from known ones."""

    network: Refusal
    """By the score that measured best."""
    prototypes: Refusal
    """By the best score on prototypes, which is used where cameras are enrolled: logits know nothing of these."""
    scale: float
    """Evidence of the latter × scale are logits of all cameras, the enrolled ones too."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Photographs by answered, then by true camera."""
    nearest: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Photographs of cameras that were taken as unknown, by camera, then by the nearest of the other ones."""


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
        prototypes = self._all_prototypes
        refusal = self.open_set.prototypes if self.enrolled else self.open_set.network
        matrix = evidence(self.open_set.prototypes.score, logits, embeddings, prototypes)
        if self.enrolled:
            shares = joined_shares(shares, softmax(matrix * self.open_set.scale))
        known = knownness(refusal.score, evidence(refusal.score, logits, embeddings, prototypes)).tolist()
        return [
            replace(self._judgement(refusal, score, row, near), largest_logit=most)
            for score, row, near, most in zip(known, shares, matrix.argmax(axis=1).tolist(), largest, strict=True)
        ]

    @property
    def _all_prototypes(self) -> Prototypes:
        assert self.prototypes is not None  # noqa: S101  asked for by `judge_all` alone
        prototypes = self.prototypes
        for each in self.enrolled:
            prototypes = prototypes.joined(each.embeddings, each.devices)
        return prototypes

    def _judgement(self, refusal: Refusal, score: float, shares: Floats, nearest: int) -> Judgement:
        cameras = _sorted(self.cameras, shares)
        refused = score < refusal.threshold
        return Judgement(
            cameras,
            refused,
            refusal.probability(score),
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


def joined_shares(own: Floats, by_prototypes: Floats) -> Floats:
    """Return the probabilities of all cameras: N×K of the network's own and N×(K+E) by prototypes → N×(K+E).

    Prototypes say whether it is an enrolled camera and which; of its own cameras the network knows better.
    """
    number = own.shape[1]
    enrolled = by_prototypes[:, number:]
    return np.concatenate([own * (1 - enrolled.sum(axis=1, keepdims=True)), enrolled], axis=1)


def _sorted(cameras: Sequence[str], shares: Floats) -> tuple[tuple[str, float], ...]:
    pairs = zip(cameras, shares.tolist(), strict=True)
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
