"""Spread: how windows of one photograph scatter in a network's embedding, and how photographs differ from each other.

embeddings of windows of genuine photographs → Spread; Spread and a picture's windows → how much likelier each window is
that of another photograph. Both kinds of scatter are taken for Gaussian, so the ratio of likelihoods is that of
probabilistic linear discriminant analysis (Ioffe, ECCV 2006; Prince and Elder, ICCV 2007), with the photograph in the
place of the person. Distances beyond what is usual count by their logarithm, as in Student's distribution: windows with
an odd texture lie far from their own photograph, too.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

CELLS = 2
"""Side of a window, in places of the network's map: half of that of the windows that name cameras."""
DIRECTIONS = 32
"""Directions of the embedding that are kept: those in which photographs differ most, measured by their scatter."""
LEAST_PHOTOGRAPHS = 8
"""Fewer say too little of how photographs differ; each gives a picture by each name."""
_SHRINKAGE = 0.05
_LEAST_VARIANCE = 1e-3
_FREEDOM = 10.0
_ROUNDS = 4
_DOUBT = 3.0
"""Logarithm of the odds that a window belongs to the picture, before it is looked at."""
_LEAST_OWN = 0.2
"""Share of the windows that must be the picture's own for its mean to be theirs."""


@dataclass(frozen=True, eq=False)
class Spread:
    """Directions in which the scatter within photographs is 1 and their differences are independent."""

    directions: Floats
    """Dimension of the embedding × directions."""
    centre: Floats
    """Mean of the photographs, by direction."""
    between: Floats
    """Variance of photographs, by direction, in units of the scatter within."""

    def projected(self, embeddings: Floats) -> Floats:
        """Return embeddings, … × dimension, as … × directions."""
        return np.asarray(embeddings @ self.directions, np.float32)


def fitted(pictures: Sequence[tuple[str, Floats]]) -> Spread:
    """Return the spread of pictures: each as a name of what they have in common, and windows × dimension.

    A photograph gives one picture by each name. Pictures differ from those of the same name only: of two regions of a
    picture, both have had its last compression, so how compressions differ says nothing of splices. Raises ValueError
    where the photographs are too few.
    """
    photographs = max(Counter(name for name, _ in pictures).values(), default=0)
    if photographs < LEAST_PHOTOGRAPHS:
        raise ValueError(f"{photographs} photographs are too few to see how photographs differ")
    means = np.stack([windows.mean(axis=0, dtype=np.float64) for _, windows in pictures])
    number = sum(len(windows) for _, windows in pictures)
    dimension = means.shape[1]
    within = np.zeros((dimension, dimension))
    for mean, (_, windows) in zip(means, pictures, strict=True):
        off = windows - mean
        within += off.T @ off
    within /= max(number - len(pictures), 1)
    within = (1 - _SHRINKAGE) * within + _SHRINKAGE * np.trace(within) / dimension * np.eye(dimension)
    variances, axes = np.linalg.eigh(within)
    whitening = axes / np.sqrt(variances)
    white = means @ whitening
    names = np.array([name for name, _ in pictures])
    off = np.concatenate([white[names == name] - white[names == name].mean(axis=0) for name in np.unique(names)])
    between, turned = np.linalg.eigh(off.T @ off / max(len(off) - len(np.unique(names)), 1))
    kept = np.argsort(-between, kind="stable")[:DIRECTIONS]
    of_windows = len(pictures) / number  # scatter of a mean of so many windows
    return Spread(
        (whitening @ turned[:, kept]).astype(np.float32),
        (white.mean(axis=0) @ turned[:, kept]).astype(np.float32),
        np.maximum(between[kept] - of_windows, _LEAST_VARIANCE).astype(np.float32),
    )


def log_ratios(spread: Spread, projected: Floats, reliable: NDArray[np.bool_]) -> Floats:
    """Return how much likelier each window is that of another photograph, as logarithms: rows × columns.

    `projected`: rows × columns × directions; `reliable`: rows × columns, which windows count for the picture's mean.
    """
    windows = projected[reliable] if reliable.any() else projected.reshape(-1, projected.shape[2])
    return _log_ratios(spread, projected, own_mean(spread, windows)).astype(np.float32)


def own_mean(spread: Spread, windows: Floats) -> Doubles:
    """Return the mean of the windows that are a picture's own, by expectation and maximisation from their median."""
    median = np.median(windows.astype(np.float64), axis=0)
    mean = median
    for _ in range(_ROUNDS):
        shares = 1 / (1 + np.exp(np.clip(_log_ratios(spread, windows, mean) - _DOUBT, -30, 30)))
        total = float(shares.sum())
        mean = (shares[:, None] * windows).sum(axis=0) / total if total > _LEAST_OWN * len(windows) else median
    return np.asarray(mean, np.float64)


def _log_ratios(spread: Spread, windows: Floats, mean: Doubles) -> Doubles:
    between = 1 + spread.between.astype(np.float64)
    own = ((windows - mean) ** 2).sum(axis=-1)
    other = ((windows - spread.centre) ** 2 / between).sum(axis=-1)
    heavy = (_FREEDOM + len(between)) * (np.log1p(own / _FREEDOM) - np.log1p(other / _FREEDOM))
    return np.asarray((heavy - np.log(between).sum()) / 2, np.float64)
