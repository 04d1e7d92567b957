"""Choosing: finds on validation photographs which score tells unknown cameras best, its threshold and its meaning.

Scores are compared on unaltered photographs and on manipulated ones: a score that is best on the former may take every
manipulated photograph for one of an unknown camera. Unknown validation photographs are those of
`train.held_out_cameras`. Where there are none, each known camera plays the unknown one in turn: its logit and its
prototypes are left out, and its photographs are the unknown ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from train.estimation.ranking import auroc, fit_logistic, threshold_at
from train.model.refusal import FALSE_REFUSALS, OpenSet, Refusal
from train.model.scores import BY_PROTOTYPES, SCORES, Floats, Numbers, Prototypes, evidence, knownness, softmax
from train.open_set.photographs import Photographs

HELD_OUT, LEFT_OUT_IN_TURN = "cameras held out of training", "known cameras that were left out in turn"
_WEIGHTS = (0.7, 0.3)
"""Of unaltered and of manipulated photographs, as in the accuracy that is reported."""
_SCALES = tuple(float(2**power) for power in np.arange(-2, 9, 0.25))


@dataclass(frozen=True, eq=False)
class Choice:
    """The open set of a network, and how it was found."""

    open_set: OpenSet
    aurocs: Mapping[str, float]
    """Of every score on validation: unaltered and manipulated photographs, in the weights of the score."""
    basis: str
    """What the unknown photographs were: HELD_OUT or LEFT_OUT_IN_TURN."""


@dataclass(frozen=True, eq=False)
class _Trial:
    """Known and unknown scores of one set of unknown photographs."""

    known: Floats
    unknown: Floats


def choose(
    classes: Sequence[str], prototypes: Prototypes, known: Photographs, unknown: Photographs | None
) -> Choice | None:
    """Return the open set that validation photographs ask for; None where nothing can be told from them.

    `known`: of the network's cameras. `unknown`: of cameras held out, None or empty where there are none. Both are
    unaltered, or under two conditions: unaltered and manipulated.
    """
    labels = known.labels(classes)
    if not len(known) or (not unknown and len(np.unique(labels)) < 2):
        return None
    weights = _WEIGHTS[: known.logits.shape[1]]
    of_conditions = [
        {score: _trials(score, labels, prototypes, known, unknown, place) for score in SCORES}
        for place in range(len(weights))
    ]
    trials = of_conditions[0]
    aurocs = {
        score: float(np.average([_auroc(each[score]) for each in of_conditions], weights=weights)) for score in SCORES
    }
    if not all(np.isfinite(list(aurocs.values()))):
        return None
    best, by_prototypes = (max(names, key=lambda name: aurocs[name]) for names in (SCORES, BY_PROTOTYPES))
    log_shares, logits, embeddings = known.under(0)
    matrix = evidence(by_prototypes, logits, embeddings, prototypes)
    open_set = OpenSet(
        network=_refusal(best, trials[best], prototypes, known),
        prototypes=_refusal(by_prototypes, trials[by_prototypes], prototypes, known),
        scale=_scale(matrix, labels),
        confusion=_counts(classes, log_shares.argmax(axis=1), known.cameras),
        nearest=_nearest(classes, by_prototypes, prototypes, known, unknown),
    )
    return Choice(open_set, aurocs, HELD_OUT if unknown else LEFT_OUT_IN_TURN)


def scores_of(score: str, photos: Photographs, prototypes: Prototypes, condition: int = 0) -> Floats:
    """Return how surely each photograph is of a known camera, by a score, under one of its conditions."""
    _, logits, embeddings = photos.under(condition)
    return knownness(score, evidence(score, logits, embeddings, prototypes))


def _trials(
    score: str,
    labels: Numbers,
    prototypes: Prototypes,
    known: Photographs,
    unknown: Photographs | None,
    condition: int = 0,
) -> list[_Trial]:
    if unknown:
        return [_Trial(*(scores_of(score, each, prototypes, condition) for each in (known, unknown)))]
    _, logits, embeddings = known.under(condition)
    matrix = evidence(score, logits, embeddings, prototypes)
    trials = []
    for label in np.unique(labels).tolist():
        left = knownness(score, np.delete(matrix, label, axis=1))
        trials.append(_Trial(left[labels != label], left[labels == label]))
    return trials


def _auroc(trials: Sequence[_Trial]) -> float:
    return float(np.mean([auroc(trial.known, trial.unknown) for trial in trials]))


def _refusal(score: str, trials: Sequence[_Trial], prototypes: Prototypes, known: Photographs) -> Refusal:
    scores = np.concatenate([part for trial in trials for part in (trial.known, trial.unknown)])
    is_unknown = np.concatenate(
        [np.full(len(part), is_it) for trial in trials for part, is_it in ((trial.known, False), (trial.unknown, True))]
    )
    slope, offset = fit_logistic(scores, is_unknown)
    return Refusal(score, threshold_at(scores_of(score, known, prototypes), FALSE_REFUSALS), slope, offset)


def _scale(matrix: Floats, labels: Numbers) -> float:
    """Return the scale for which the softmax of the evidence has the least negative log-likelihood."""

    def loss(scale: float) -> float:
        return -float(np.log(np.maximum(softmax(matrix * scale)[np.arange(len(labels)), labels], 1e-12)).mean())

    return min(_SCALES, key=loss)


def _counts(classes: Sequence[str], answers: Numbers, truths: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return photographs by answered, then by true camera."""
    counts: dict[str, dict[str, int]] = {}
    for answer, truth in zip(answers.tolist(), truths, strict=True):
        row = counts.setdefault(classes[answer], {})
        row[truth] = row.get(truth, 0) + 1
    return counts


def _nearest(
    classes: Sequence[str], score: str, prototypes: Prototypes, known: Photographs, unknown: Photographs | None
) -> dict[str, dict[str, int]]:
    """Return for each camera, taken as unknown, how many of its photographs have which other camera as the nearest.

    Each known camera is taken as unknown in its turn, its own evidence left out, also where cameras were held out: the
    counts tell how often the nearest camera is of the same maker, and few cameras tell that badly.
    """
    counts: dict[str, dict[str, int]] = {}
    for photos, is_known in ((known, True), (unknown, False)):
        if photos is None or (is_known and len(classes) < 2):
            continue
        _, logits, embeddings = photos.under(0)
        matrix = evidence(score, logits, embeddings, prototypes)
        if is_known:
            matrix[np.arange(len(photos)), photos.labels(classes)] = -np.inf
        for truth, near in zip(photos.cameras, matrix.argmax(axis=1).tolist(), strict=True):
            row = counts.setdefault(truth, {})
            row[classes[near]] = row.get(classes[near], 0) + 1
    return counts
