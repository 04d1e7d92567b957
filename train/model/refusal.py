"""Refusal: names photographs among a network's own and enrolled cameras, or says that they are of none of these.

Prototypes say whether a photograph is of one of the network's own cameras or of an enrolled one. An answer with an own
camera is refused by the network's score, as without enrolled cameras. One with an enrolled camera is refused by the
distance to its prototypes, at a threshold of its own: the network was not trained to draw that camera's photographs
together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.estimation.ranking import threshold_at
from train.model.scores import Floats, Numbers, Prototypes, evidence, knownness, softmax

FALSE_REFUSALS = 0.05
"""Share of the known cameras' unaltered validation photographs that a threshold refuses."""


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
    """By the best score on prototypes, which is used for enrolled cameras: logits know nothing of these."""
    scale: float
    """Evidence of the latter × scale are logits of all cameras, the enrolled ones too."""
    confusion: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Photographs by answered, then by true camera."""
    nearest: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Photographs of cameras that were taken as unknown, by camera, then by the nearest of the other ones."""


class Named(NamedTuple):
    """What is said of N photographs; K cameras are the network's own, E are enrolled."""

    shares: Floats
    """N×(K+E): probabilities of the cameras, given that it is one of them."""
    answers: Numbers
    """N: the likeliest camera, also where it is none of these."""
    refused: npt.NDArray[np.bool_]
    """N: whether it is none of these."""
    none: Floats
    """N: the probability of that, where unknown cameras are as frequent as known ones."""
    nearest: Numbers
    """N: the camera with the nearest prototype."""


def named(
    open_set: OpenSet,
    prototypes: Prototypes,
    thresholds: Sequence[float],
    own_shares: Floats,
    logits: Floats,
    embeddings: Floats,
) -> Named:
    """Return what is said of photographs: N×K calibrated probabilities, N×K mean logits, N×D mean embeddings.

    `prototypes`: of all cameras. `thresholds`: of each enrolled camera, by `own_threshold`.
    """
    number = own_shares.shape[1]
    matrix = evidence(open_set.prototypes.score, logits, embeddings, prototypes)
    shares = joined_shares(own_shares, softmax(matrix * open_set.scale)) if thresholds else own_shares
    answers = shares.argmax(axis=1)
    own = open_set.network
    known = knownness(own.score, evidence(own.score, logits, embeddings, prototypes)[:, :number])
    refused = known < own.threshold
    none = np.array([own.probability(score) for score in known.tolist()])
    for row in np.flatnonzero(answers >= number).tolist():
        score, threshold = float(matrix[row, answers[row]]), thresholds[answers[row] - number]
        refused[row] = score < threshold
        none[row] = open_set.prototypes.probability(score + open_set.prototypes.threshold - threshold)
    return Named(shares, answers, refused, none, matrix.argmax(axis=1))


def own_threshold(open_set: OpenSet, prototypes: Prototypes, embeddings: Floats, devices: Sequence[str]) -> float:
    """Return the threshold of a camera that is enrolled from photographs: N×D embeddings and their devices' names.

    Each photograph is compared with the prototypes of those by other devices, or where all are by one device with those
    of the other photographs; as few of them are refused as of known cameras' validation photographs. It is never above
    the known cameras' threshold, and from one photograph it is that.
    """
    threshold = open_set.prototypes.threshold
    if len(embeddings) < 2:
        return threshold
    places = np.arange(len(embeddings))
    names = np.array(devices)
    scores = []
    for place in places.tolist():
        others = places[names != names[place]] if len(set(devices)) > 1 else places[places != place]
        joined = prototypes.joined(embeddings[others], names[others].tolist())
        nothing = np.zeros((1, prototypes.number))
        scores.append(evidence(open_set.prototypes.score, nothing, embeddings[[place]], joined)[0, prototypes.number])
    return min(threshold, threshold_at(np.array(scores), FALSE_REFUSALS))


def joined_shares(own: Floats, by_prototypes: Floats) -> Floats:
    """Return the probabilities of all cameras: N×K of the network's own and N×(K+E) by prototypes → N×(K+E).

    Prototypes say whether it is an enrolled camera and which; of its own cameras the network knows better.
    """
    number = own.shape[1]
    enrolled = by_prototypes[:, number:]
    return np.concatenate([own * (1 - enrolled.sum(axis=1, keepdims=True)), enrolled], axis=1)
