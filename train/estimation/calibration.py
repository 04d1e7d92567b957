"""Calibration: how far probabilities are from the shares that turn out right, and the temperature that mends it.

Probabilities are N × K, labels N. The expected calibration error and temperature scaling are those of Guo, Pleiss, Sun
and Weinberger (On calibration of modern neural networks, ICML 2017); bins are of equal width.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

CALIBRATION = "calibration.json"
"""File of a run's folder that has its temperature."""
BINS = 15
TEMPERATURES = (0.05, 20.0)
"""Limits of a temperature that is looked for: beyond them answers are as good as certain, or as good as none."""

_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0

Floats = npt.NDArray[np.float64]


class Bin(NamedTuple):
    """Photographs whose answers are about equally confident."""

    low: float
    high: float
    photos: int
    confidence: float
    """Mean probability of the camera answered."""
    accuracy: float
    """Share of the answers that are right."""


def reliability(probabilities: Floats, labels: npt.NDArray[Any], bins: int = BINS) -> list[Bin]:
    """Return the bins that have photographs, by the probability of the likeliest camera."""
    confidence, right, places = _confidence(probabilities, labels, bins)
    return [
        Bin(place / bins, (place + 1) / bins, int(own.sum()), float(confidence[own].mean()), float(right[own].mean()))
        for place in range(bins)
        if (own := places == place).any()
    ]


def expected_calibration_error(probabilities: Floats, labels: npt.NDArray[Any], bins: int = BINS) -> float:
    """Return the mean over photographs of a bin's distance between confidence and accuracy; NaN without photographs."""
    if not len(labels):
        return float("nan")
    return float(np.abs(calibration_gaps(probabilities, labels, bins).sum(axis=0)).sum() / len(labels))


def error_by_chance(probabilities: Floats, bins: int = BINS) -> float:
    """Return the calibration error to expect of N photographs under C conditions whose probabilities are all true.

    `probabilities`: N × C × K. Of few photographs each bin's share right is off by chance, so an error of this size is
    none. The conditions of a photograph count as right or wrong together, which they nearly are. NaN without any.
    """
    if not probabilities.size:
        return float("nan")
    photos, conditions, _ = probabilities.shape
    confidence = probabilities.max(axis=2)
    deviations = np.zeros((photos, bins))
    places = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    np.add.at(deviations, (np.arange(photos)[:, None], places), np.sqrt(confidence * (1 - np.minimum(confidence, 1))))
    # the mean absolute value of a normal variable is sqrt(2 / π) of its deviation
    return float(np.sqrt(2 / np.pi * (deviations**2).sum(axis=0)).sum() / (photos * conditions))


def calibration_gaps(probabilities: Floats, labels: npt.NDArray[Any], bins: int = BINS) -> Floats:
    """Return N × bins: in a photograph's own bin, its confidence less whether it is right.

    The error of any set of photographs is the sum over bins of the absolute sums of these, divided by their number.
    """
    confidence, right, places = _confidence(probabilities, labels, bins)
    gaps = np.zeros((len(labels), bins))
    gaps[np.arange(len(labels)), places] = confidence - right
    return gaps


def find_temperature(log_probabilities: Floats, labels: npt.NDArray[Any], weights: Floats | None = None) -> float:
    """Return the temperature T for which softmax(log_probabilities / T) has the least negative log-likelihood.

    `log_probabilities`: N × K. `weights`: how much each row counts; of a photograph under several conditions, they sum
    to 1. One photograph more is counted: the mean of all rows, with a label that is each camera's in equal parts. Where
    all answers are right, the likelihood alone would have a temperature of 0. (One photograph of each camera, Laplace's
    rule, makes the answers of ten cameras too timid.) The temperature is found by golden-section search of log T within
    TEMPERATURES: the loss has one minimum in T. Raises ValueError without photographs.
    """
    if not len(labels):
        raise ValueError("a temperature needs photographs")
    shares = np.full(len(labels), 1.0) if weights is None else np.asarray(weights, np.float64)

    def loss(log_temperature: float) -> float:
        scaled = log_probabilities / np.exp(log_temperature)
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        scaled = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        likelihood = scaled[np.arange(len(labels)), labels] + scaled.mean(axis=1) / shares.sum()
        return float(-(likelihood * shares).sum())

    low, high = np.log(TEMPERATURES)
    while high - low > 1e-4:
        first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, second) if loss(first) <= loss(second) else (first, high)
    return round(float(np.exp((low + high) / 2)), 4)


def _confidence(probabilities: Floats, labels: npt.NDArray[Any], bins: int) -> tuple[Floats, Floats, npt.NDArray[Any]]:
    """Return each photograph's confidence, whether its answer is right, and its bin."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    return confidence, right, np.minimum((confidence * bins).astype(np.int64), bins - 1)
