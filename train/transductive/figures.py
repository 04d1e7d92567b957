"""Transductive figures: what the challenge's tricks with the test set as a whole gain, beside the ordinary figure.

Each condition is taken as a test set of its own. Answers are those that the ordinary figures come from; embeddings are
computed once more, at the same crops. Neither answers nor ordinary figures are changed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import CHALLENGE, Answers, Condition, Numbers
from train.estimation.bootstrap import resamples
from train.evaluation.figures import SCORES, means, scores
from train.evaluation.held_out import held_out_photos, least_px
from train.evaluation.studies import Subject
from train.model.heads import linear_form
from train.model.network import CameraNetwork
from train.transductive.tricks import (
    CONFIDENT,
    Floats,
    Layer,
    balanced_answers,
    confident_answers,
    equal_shares,
    most_right,
    refitted,
)

SENTENCE = (
    "Transductive: an answer depends on all the other test photographs, so these are no figures of what is said of a "
    "single photograph."
)
PHOTOS_MAX = 10_000
"""Photographs assigned to classes at once: memory grows with the square of their number, time with the cube."""


def check_transductive(index: Index, settings: Training) -> None:
    """Raise StageError where the held-out photographs are no test set that can be used as a whole."""
    split, photo_rows, _ = held_out_photos(index, settings)
    if split != "test":
        raise StageError(
            "--transductive: uses the test photographs as a whole, and the test split has none of use; crawl more "
            "devices, curate and train again"
        )
    if len(photo_rows) > PHOTOS_MAX:
        raise StageError(
            f"--transductive: {len(photo_rows):,} test photographs are too many to be assigned at once, {PHOTOS_MAX:,} "
            f"are the most; train a run with train.test_photos: {PHOTOS_MAX}"
        )


def transductive_figures(
    network: CameraNetwork,
    device: torch.device,
    store: Store,
    index: Index,
    settings: Training,
    answers: Answers,
    temperature: float,
) -> dict[str, Any]:
    """Return the figures of class balance and pseudo-labels under each condition of the challenge.

    `answers`: those of the evaluation. `temperature`: what makes their probabilities true, by which confident ones are
    chosen. `rows`: for each condition and score the ordinary figure, that of each trick and its gain, paired by device;
    `labelled`: the share of photographs whose answer became a label, `labelled_right`: the share of these labels that
    is right. `shares`: the cameras' true shares and those that class balance assumes. Raises StageError where a
    photograph cannot be read any more.
    """
    # by digest: the evaluation's order, one camera after another, must not decide between equal assignments
    order = np.argsort(answers.photos)
    photos = [answers.photos[row] for row in order]
    photo_rows = index.photo_rows_of(photos)
    photo_rows = photo_rows[np.argsort(index.photo_names(photo_rows))]
    weights, biases, is_normalised = linear_form(network.classifier)
    embedding = Subject(_Embedding(network, is_normalised), device, store, index, photo_rows, settings)
    layer = Layer(weights.cpu().double().numpy(), biases.cpu().double().numpy())
    values, sure = answers.log_probabilities()[order], answers.probabilities(temperature=temperature)[order]
    shares = equal_shares(len(index.classes))
    balanced, fitted_again = np.empty((2, len(photos), len(answers.conditions)), np.int64)
    labelled, hits = [], []
    for place, condition in enumerate(_named(answers.conditions)):
        balanced[order, place] = balanced_answers(values[:, place], shares)
        rows, told = confident_answers(sure[:, place])
        again = values[:, place]
        if len(rows):
            embeddings = _embeddings(embedding, network.features, condition, photos)
            again = refitted(embeddings[rows], told, layer).log_probabilities(embeddings)
        fitted_again[order, place] = again.argmax(axis=1)
        labelled.append(len(rows) / len(photos))
        hits.append(float((told == answers.labels[order][rows]).mean()) if len(rows) else None)
    return {
        "kind": "transductive",
        "note": SENTENCE,
        "notes": transductive_notes(index, settings, answers.labels),
        "confident_from": CONFIDENT,
        "shares": share_rows(index.classes, answers.labels),
        "rows": gain_rows(answers, balanced, fitted_again, labelled, hits),
    }


def gain_rows(
    answers: Answers, balanced: Numbers, fitted_again: Numbers, labelled: Sequence[float], hits: Sequence[float | None]
) -> list[dict[str, Any]]:
    """Return a row for each score, then for each condition, from the answers N × conditions of both tricks."""
    drawn = resamples(answers.devices, answers.labels)
    names = (*SCORES, *(name for name in answers.conditions if name not in SCORES))

    def judged(right: Floats, before: Floats | None = None) -> list[dict[str, Any]]:
        """Return the figures by `names` of what is right, or of the gain over what was right before."""
        less = np.zeros(right.shape) if before is None else before
        of_scores = scores(right, answers.conditions) - scores(less, answers.conditions)
        by_condition = dict(zip(answers.conditions, means(right - less, drawn), strict=True))
        return [*means(of_scores, drawn), *(by_condition[name] for name in names[len(SCORES) :])]

    before = answers.right().astype(np.float64)
    after = [(each == answers.labels[:, None]).astype(np.float64) for each in (balanced, fitted_again)]
    figures = [judged(each) for each in (before, *after)]
    gains = [judged(each, before) for each in after]
    known = {name: (labelled[place], hits[place]) for place, name in enumerate(answers.conditions)}
    return [
        {
            "figure": name,
            "ordinary": figures[0][place],
            "class_balance_transductive": figures[1][place],
            "class_balance_gain_transductive": gains[0][place],
            "pseudo_labels_transductive": figures[2][place],
            "pseudo_labels_gain_transductive": gains[1][place],
            "labelled": known.get(name, (None, None))[0],
            "labelled_right": known.get(name, (None, None))[1],
        }
        for place, name in enumerate(names)
    ]


def share_rows(classes: Sequence[str], labels: Numbers) -> list[dict[str, Any]]:
    """Return each camera's photographs, its true share of them and the one that class balance assumes."""
    counts = np.bincount(labels, minlength=len(classes)).tolist()
    return [
        {"camera": camera, "photos": count, "true_share": count / len(labels), "assumed_share": 1 / len(classes)}
        for camera, count in zip(classes, counts, strict=True)
    ]


def share_notes(labels: Numbers, classes: int) -> list[str]:
    """Return what class balance assumes of the cameras' shares, and how that differs from the truth."""
    told = f"Class balance assumes that each of the {classes} cameras has an equal share of the test photographs"
    ceiling = most_right(labels, equal_shares(classes))
    if ceiling == 1:
        return [f"{told}, as in the challenge; here it has, as nearly as whole photographs allow."]
    counts = np.bincount(labels, minlength=classes)
    return [
        f"{told}, as in the challenge. Here the true shares differ: they are from {counts.min() / len(labels):.3f} to "
        f"{counts.max() / len(labels):.3f}, not {1 / classes:.3f}, so that balanced answers can be right for "
        f"{ceiling:.3f} of the photographs at most."
    ]


def transductive_notes(index: Index, settings: Training, labels: Numbers) -> list[str]:
    """Return what a reader of the figures must know."""
    notes = share_notes(labels, len(index.classes))
    split, photo_rows, _ = held_out_photos(index, settings)
    if len(photo_rows) < index.selection(split, least_px=least_px(settings)).photos:
        notes.append(
            "The evaluation took its photographs evenly over the cameras (train.test_photos), which makes the shares "
            "more equal than those of the whole split."
        )
    return [
        *notes,
        f"Pseudo-labels: answers with a calibrated probability of at least {CONFIDENT:.2f} became labels, and the "
        "last layer was fitted again with them.",
        "Each condition was taken as a test set of its own. Intervals draw devices; the answers stay as they were "
        "given for the whole test set.",
    ]


def _named(conditions: Sequence[str]) -> list[Condition]:
    of = {condition.name: condition for condition in CHALLENGE}
    return [of[name] for name in conditions]


def _embeddings(subject: Subject, size: int, condition: Condition, photos: Sequence[str]) -> Floats:
    """Return the photographs' embeddings N × size, the mean over crops: logits are linear in them, so theirs follow."""
    found = subject.judge((condition,), outputs=size)
    if found.photos != tuple(photos):
        raise StageError(
            f"--transductive: {len(photos) - len(found.photos)} photographs were damaged since the evaluation read "
            "them; python -m shards.verify names all that is damaged and how to mend it"
        )
    return np.asarray(np.nanmean(found.logits[:, 0].astype(np.float64), axis=1))


class _Embedding(nn.Module):
    """A network that answers a crop's embedding, of length 1 where its classifier takes it so."""

    def __init__(self, network: CameraNetwork, is_normalised: bool) -> None:
        super().__init__()
        self.network, self.is_normalised = network, is_normalised

    def forward(self, crops_nchw: Tensor) -> Tensor:
        embeddings = self.network.embed(crops_nchw).float()
        return nn.functional.normalize(embeddings) if self.is_normalised else embeddings
