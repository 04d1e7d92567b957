"""Transductive tricks: answers for a whole test set at once, as the teams of the IEEE Signal Processing Cup 2018 made.

Class balance: the shares of the classes in the test set are taken as known, and the answers are the likeliest ones that
have these shares (Hungarian assignment: Kuhn, Naval Research Logistics 2, 1955). Pseudo-labels: confident answers for
test photographs become labels, and the last layer is fitted again with them (Lee, Pseudo-label, ICML workshop 2013).
Both need all the test photographs before they answer for one, so they say nothing of a single photograph.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from train.model.scores import log_softmax

CONFIDENT = 0.9
"""Probability from which an answer becomes a label."""

_STEPS_MAX = 500
_ROUNDING = 1e-9

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class Layer(NamedTuple):
    """A linear layer, K classes × D numbers: logits are `embeddings @ weights.T + biases`."""

    weights: Floats
    biases: Floats

    def log_probabilities(self, embeddings: Floats) -> Floats:
        """Return the log-probabilities N × K of embeddings N × D."""
        return log_softmax(embeddings @ self.weights.T + self.biases)


def equal_shares(classes: int) -> Floats:
    """Return the shares of K classes that are equally frequent."""
    return np.full(classes, 1 / classes)


def limits(photos: int, shares: Floats) -> tuple[Numbers, Numbers]:
    """Return the least and the most photographs of each class: its share of all, rounded down and up.

    Raises ValueError for shares that are negative or do not sum to 1.
    """
    if (shares < 0).any() or not np.isclose(shares.sum(), 1):
        raise ValueError("shares must not be negative and must sum to 1")
    wanted = photos * shares
    return np.floor(wanted + _ROUNDING).astype(np.int64), np.ceil(wanted - _ROUNDING).astype(np.int64)


def balanced_answers(log_probabilities: Floats, shares: Floats) -> Numbers:
    """Return the class of each of N photographs: the likeliest answers of all that have these shares of the classes.

    `log_probabilities`: N × K, finite. `shares`: K, sum to 1. A share that is no whole number of photographs is rounded
    down or up, whichever is likelier. Memory grows with N², time with N³: a second for 3,000 photographs, a quarter of
    a minute for 10,000.
    """
    from scipy.optimize import linear_sum_assignment

    photos, classes = log_probabilities.shape
    least, most = limits(photos, shares)
    class_of_place = np.concatenate([np.repeat(np.arange(classes), least), np.flatnonzero(most > least)])
    # Places below the least of a class must be taken, so what stays free is one of those above it: rows without a
    # photograph take these, and may take no other.
    free = len(class_of_place) - photos
    values = np.zeros((photos + free, len(class_of_place)))
    values[:photos] = log_probabilities[:, class_of_place]
    values[photos:, : int(least.sum())] = -2 * (1 + np.abs(log_probabilities).max(initial=0.0)) * (1 + photos)
    rows, places = linear_sum_assignment(values, maximize=True)
    answered = np.empty(photos + free, np.int64)
    answered[rows] = class_of_place[places]
    return answered[:photos]


def most_right(labels: npt.NDArray[np.integer], shares: Floats) -> float:
    """Return the largest share of N photographs that answers of these shares can have right: 1 where they are true."""
    least, most = limits(len(labels), shares)
    true = np.bincount(labels, minlength=len(shares))
    extra = min(len(labels) - int(least.sum()), int(((true > least) & (most > least)).sum()))
    return (int(np.minimum(true, least).sum()) + extra) / len(labels)


def confident_answers(probabilities: Floats, least: float = CONFIDENT) -> tuple[Numbers, Numbers]:
    """Return the rows of N × K probabilities whose answer has at least this probability, and these answers."""
    rows = np.flatnonzero(probabilities.max(axis=1) >= least)
    return rows, probabilities[rows].argmax(axis=1)


def refitted(embeddings: Floats, answers: Numbers, layer: Layer) -> Layer:
    """Return the layer fitted again to M × D embeddings with their pseudo-labels, M; without any, the layer itself.

    It has the least sum of cross-entropy and of half the squared change of each class's weights and bias, in units of
    the embeddings' root mean square length. The training's layer is thus the prior that stands for the training
    photographs: a change of about one unit of a logit is expected, and many labels outweigh it. The problem is convex;
    L-BFGS solves it.
    """
    from scipy.optimize import minimize

    if not len(answers):
        return layer
    classes, size = layer.weights.shape
    lengthened = np.column_stack([embeddings, np.ones(len(embeddings))])
    unit = float(np.sqrt((lengthened**2).sum(axis=1).mean()))
    scaled = lengthened / unit
    before = embeddings @ layer.weights.T + layer.biases
    wanted = np.eye(classes)[answers]

    def loss(flat: Floats) -> tuple[float, Floats]:
        change = flat.reshape(classes, size + 1)
        told = log_softmax(before + scaled @ change.T)
        value = -float((told * wanted).sum()) + 0.5 * float((flat**2).sum())
        return value, (((np.exp(told) - wanted).T @ scaled) + change).ravel()

    found = minimize(loss, np.zeros(classes * (size + 1)), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS_MAX})
    change = found.x.reshape(classes, size + 1) / unit
    return Layer(layer.weights + change[:, :-1], layer.biases + change[:, -1])
