"""Scores: how much speaks for each known camera, by logits or by the distance to prototypes in the embedding.

Evidence is a matrix photographs × cameras, higher for what is likelier; its largest entry says how sure it is that a
photograph is of any of these cameras at all. Maximum logit: Vaze et al., ICLR 2022. Energy: Liu et al., NeurIPS 2020.
Mahalanobis distance under one covariance for all classes: Lee et al., NeurIPS 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

BY_LOGITS = ("max_logit", "energy")
BY_PROTOTYPES = ("cosine_class", "cosine_device", "mahalanobis_class", "mahalanobis_device")
SCORES = (*BY_LOGITS, *BY_PROTOTYPES)
"""Names of the scores: on logits, and on embeddings by the nearest prototype of a class or of one of its devices."""


@dataclass(frozen=True)
class Prototypes:
    """Mean embeddings of cameras and of their devices; D is the embedding's dimension."""

    centre: Floats
    """D: the mean of the classes' prototypes, from where angles are measured."""
    projection: Floats
    """D×D: makes the spread within the classes the same in every direction."""
    means: Floats
    """M×D: one row for each device."""
    cameras: Numbers
    """M: the camera of each row, a label or, from the number of classes on, an enrolled camera."""
    weights: Floats
    """M: the photographs that each row is the mean of."""
    number: int
    """Number of cameras, also where one has no prototype."""

    def classes(self) -> tuple[Floats, Numbers]:
        """Return one mean of each camera, over its devices alike, and the cameras."""
        cameras = np.unique(self.cameras)
        return np.stack([self.means[self.cameras == camera].mean(axis=0) for camera in cameras]), cameras

    def joined(self, embeddings: Floats, devices: Sequence[str]) -> "Prototypes":
        """Return them with one camera more, which gets the next number: N×D embeddings and their devices' names."""
        names = sorted(set(devices))
        rows = [np.array([device == name for device in devices]) for name in names]
        return Prototypes(
            self.centre,
            self.projection,
            np.concatenate([self.means, np.stack([embeddings[mine].mean(axis=0) for mine in rows])]),
            np.concatenate([self.cameras, np.full(len(names), self.number)]),
            np.concatenate([self.weights, np.array([mine.sum() for mine in rows], np.float64)]),
            self.number + 1,
        )


def evidence(score: str, logits: Floats, embeddings: Floats, prototypes: Prototypes | None) -> Floats:
    """Return the evidence of a score, photographs × cameras, of logits N×K and embeddings N×D.

    Scores on logits know the network's own cameras only, those on prototypes the enrolled ones too. A camera without
    prototypes has no evidence, -inf.
    """
    if score in BY_LOGITS:
        return logits
    if score not in BY_PROTOTYPES or prototypes is None:
        raise ValueError(f"{score!r} is no score, or one on prototypes without any")
    means, cameras = prototypes.classes() if score.endswith("class") else (prototypes.means, prototypes.cameras)
    if score.startswith("cosine"):
        near = _unit(embeddings - prototypes.centre) @ _unit(means - prototypes.centre).T
    else:
        near = -_distances(embeddings @ prototypes.projection, means @ prototypes.projection)
    result = np.full((len(embeddings), prototypes.number), -np.inf)
    for camera in np.unique(cameras):
        result[:, camera] = near[:, cameras == camera].max(axis=1)
    return result


def knownness(score: str, matrix: Floats) -> Floats:
    """Return how surely each photograph is of one of these cameras: the energy, or the largest evidence."""
    if score != "energy":
        largest: Floats = matrix.max(axis=1)
        return largest
    top = matrix.max(axis=1, keepdims=True)
    energy: Floats = top[:, 0] + np.log(np.exp(matrix - top).sum(axis=1))
    return energy


def softmax(matrix: Floats) -> Floats:
    """Return the softmax over the last axis; -inf gets 0."""
    shares: Floats = np.exp(log_softmax(matrix))
    return shares


def log_softmax(matrix: Floats) -> Floats:
    """Return the logarithm of the softmax over the last axis."""
    shifted = matrix - matrix.max(axis=-1, keepdims=True)
    result: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def crops_together(logits: npt.NDArray[Any]) -> Floats:
    """Return log-probabilities, … × K, of the logits of crops, … × crops × K; crops of NaN do not count.

    The probabilities are the geometric mean of those of the crops, scaled to a sum of 1.
    """
    return log_softmax(np.nanmean(log_softmax(np.asarray(logits, np.float64)), axis=-2))


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _distances(points: Floats, means: Floats) -> Any:
    """Return Euclidean distances divided by the square root of the dimension, so that 1 is usual within a class."""
    squares = (points**2).sum(axis=1)[:, None] + (means**2).sum(axis=1)[None] - 2 * points @ means.T
    return np.sqrt(np.maximum(squares, 0) / points.shape[1])
