"""Permutation: what a classifier's answers reach when the labels of whole devices are permuted, which is chance.

Photographs of a device keep a common label, since they are not independent; labels are drawn without replacement, so
each is given as many devices as before (Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 2005).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

DRAWS = 2000

Floats = npt.NDArray[np.float64]


class Chance(NamedTuple):
    """The mean value of N photographs when labels are permuted."""

    value: float
    """The mean over the permutations."""
    interval: tuple[float, float]
    """That 95 % of them lie in."""
    reached: float
    """Share of the permutations, the true labels counted as one, that reach the mean value with the true labels."""


def chance_of(
    values: Floats, labels: npt.NDArray[Any], devices: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> Chance | None:
    """Return the mean of `values`, N photographs × K labels, at the labels permuted over devices.

    `values[n, k]`: what photograph n counts if its label is k. A device is a name within a class. Returns None where
    all devices have one label: there is nothing to permute. The same arguments give the same result.
    """
    keys = [f"{label}|{device}" for label, device in zip(labels.tolist(), devices, strict=True)]
    _, first, device_of = np.unique(np.array(keys, dtype=str), return_index=True, return_inverse=True)
    own = np.asarray(labels, np.int64)[first]
    if len(np.unique(own)) < 2:
        return None
    sums = np.zeros((len(own), values.shape[1]))
    np.add.at(sums, device_of, values)
    rng, places = np.random.default_rng(seed), np.arange(len(own))
    drawn = np.array([sums[places, rng.permutation(own)].sum() for _ in range(draws)]) / len(labels)
    reached = int((drawn >= sums[places, own].sum() / len(labels) - 1e-12).sum())
    low, high = np.percentile(drawn, (2.5, 97.5)).tolist()
    return Chance(float(drawn.mean()), (low, high), (reached + 1) / (draws + 1))
