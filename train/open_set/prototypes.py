"""Prototypes: the mean embedding of each device of each camera, and the spread within cameras.

The covariance within the classes is shrunk towards a multiple of the identity by the optimal amount of Ledoit and Wolf
(Journal of Multivariate Analysis 88, 2004): a few hundred photographs do not tell a matrix of 512 × 512 numbers.
"""

from collections.abc import Sequence

import numpy as np

from train.model.scores import Floats, Numbers, Prototypes

_WHOLE_MAX = 1024
"""Dimensions of an embedding beyond which directions are taken as independent: a whole matrix would take minutes."""


def make_prototypes(embeddings: Floats, labels: Numbers, devices: Sequence[str], classes: int) -> Prototypes:
    """Return the prototypes of N×D embeddings of photographs; raises ValueError where there are none."""
    if not len(labels):
        raise ValueError("prototypes need photographs")
    keys = sorted(set(zip(labels.tolist(), devices, strict=True)))
    places = {key: place for place, key in enumerate(keys)}
    row = np.array([places[key] for key in zip(labels.tolist(), devices, strict=True)])
    weights = np.bincount(row, minlength=len(keys)).astype(np.float64)
    means = np.stack([embeddings[row == place].mean(axis=0) for place in range(len(keys))])
    cameras = np.array([label for label, _ in keys], np.int64)
    nothing = np.eye(embeddings.shape[1])
    found = Prototypes(np.zeros(embeddings.shape[1]), nothing, means, cameras, weights, classes)
    of_classes, present = found.classes()
    within = embeddings - of_classes[np.searchsorted(present, labels)]
    return Prototypes(of_classes.mean(axis=0), whitening(within), means, cameras, weights, classes)


def whitening(centred: Floats) -> Floats:
    """Return the D×D matrix that gives N×D centred rows a covariance near the identity, however few they are."""
    number, size = centred.shape
    variances = (centred**2).mean(axis=0)
    floor = max(float(variances.mean()), 1e-12) * 1e-3
    if size > _WHOLE_MAX:
        return np.diag(1 / np.sqrt(np.maximum(variances, floor)))
    covariance = centred.T @ centred / number
    mean = float(np.trace(covariance)) / size
    distance = float(((covariance - mean * np.eye(size)) ** 2).sum())
    noise = float(((centred**2).sum(axis=1) ** 2).mean() - (covariance**2).sum()) / number
    share = min(1.0, max(0.0, noise / distance)) if distance > 0 else 1.0
    values, vectors = np.linalg.eigh((1 - share) * covariance + share * mean * np.eye(size))
    result: Floats = (vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T
    return result
