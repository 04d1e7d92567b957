"""Ranking: how well a score tells known things from unknown ones, whatever its threshold.

Scores are higher for what is more surely known. AUROC: Fawcett, Pattern Recognition Letters 27, 2006. OSCR, the open
set classification rate: Dhamija, Günther and Boult, NeurIPS 2018.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def auroc(known: npt.NDArray[Any], unknown: npt.NDArray[Any]) -> float:
    """Return the chance that a known one scores higher than an unknown one, equal scores by half; NaN without both."""
    if not len(known) or not len(unknown):
        return float("nan")
    ordered = np.sort(unknown)
    below, not_above = np.searchsorted(ordered, known, "left"), np.searchsorted(ordered, known, "right")
    return float((below + not_above).mean() / 2 / len(unknown))


def oscr(known: npt.NDArray[Any], right: npt.NDArray[np.bool_], unknown: npt.NDArray[Any]) -> float:
    """Return the open set classification rate; NaN without known or without unknown ones.

    `right`: whether each known one is named right. For every threshold, plot the share of the known ones that are
    accepted and named right over the share of the unknown ones that are accepted; OSCR is the area under this curve. It
    is at most the accuracy, which it reaches where every right answer scores higher than every unknown one.
    """
    if not len(known) or not len(unknown):
        return float("nan")
    return auroc(known[right], unknown) * float(right.mean()) if right.any() else 0.0


def threshold_at(known: npt.NDArray[Any], false_refusals: float) -> float:
    """Return the threshold below which at most this share of the known scores lies; raises ValueError without any."""
    if not len(known):
        raise ValueError("a threshold needs known ones")
    return float(np.sort(known)[int(np.floor(false_refusals * len(known)))])


def refused_at(known: npt.NDArray[Any], unknown: npt.NDArray[Any], false_refusals: float) -> float:
    """Return the share of unknown ones that is refused where this share of the known ones is; NaN without both."""
    if not len(known) or not len(unknown):
        return float("nan")
    return float((unknown < threshold_at(known, false_refusals)).mean())


def fit_logistic(scores: Floats, is_unknown: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset for which 1 / (1 + exp(slope × score + offset)) is the probability of being unknown.

    This is logistic regression. The known ones together weigh as much as the unknown ones together, however many there
    are of each. Targets are not 1 and 0 but (n + 1) / (n + 2) of n unknown ones and 1 / (m + 2) of m known ones (Platt,
    Advances in Large Margin Classifiers, 1999): where a threshold separates the two without an error, the probabilities
    would otherwise be 0 and 1. Raises ValueError without known or without unknown ones.
    """
    unknown, known = int(is_unknown.sum()), int((~is_unknown).sum())
    if not unknown or not known:
        raise ValueError("probabilities need known and unknown ones")
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    inputs = np.stack([(scores - middle) / spread, np.ones(len(scores))], axis=1)
    targets = np.where(is_unknown, (unknown + 1) / (unknown + 2), 1 / (known + 2))
    weights = np.where(is_unknown, 0.5 / unknown, 0.5 / known)
    values = np.zeros(2)

    def loss(values: Floats) -> float:
        logits = inputs @ values
        return float((weights * (np.logaddexp(0, logits) - targets * logits)).sum())

    for _ in range(100):  # Newton's method, halving steps that go too far
        shares = 1 / (1 + np.exp(-inputs @ values))
        gradient = inputs.T @ (weights * (shares - targets))
        curvature = (inputs * (weights * shares * (1 - shares))[:, None]).T @ inputs + 1e-9 * np.eye(2)
        step, before = np.linalg.solve(curvature, gradient), loss(values)
        while loss(values - step) > before and np.abs(step).max() > 1e-9:
            step = step / 2
        values = values - step
        if np.abs(step).max() < 1e-8:
            break
    return float(-values[0] / spread), float(-(values[1] - values[0] * middle / spread))
