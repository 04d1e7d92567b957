"""Measuring: finds a trained network's open set on validation photographs and measures it on those of unknown cameras.

What it finds becomes `open_set.json` and `prototypes.safetensors` of the run, the figures become `open_set` in
`evaluation.json`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import QUICK, UNALTERED
from train.model.network import CameraNetwork
from train.model.refusal import FALSE_REFUSALS, OpenSet
from train.model.scores import SCORES, Prototypes
from train.open_set.choosing import HELD_OUT, choose
from train.open_set.enrolment import Trial, enrolment_figures
from train.open_set.figures import known_figures, unknown_figures, unseen_auroc
from train.open_set.files import OPEN_SET, PROTOTYPES, open_set_json, prototypes_bytes
from train.open_set.photographs import Photographs, photographs, rows_of
from train.open_set.prototypes import make_prototypes


@dataclass(frozen=True, eq=False)
class Measured:
    """A network's open set, where one could be found, and the figures of it."""

    figures: dict[str, Any]
    open_set: OpenSet | None = None
    prototypes: Prototypes | None = None

    def publish(self, store: Store, directory: str) -> None:
        """Publish both in a run's folder, where they were found."""
        if self.open_set is not None and self.prototypes is not None:
            store.publish(f"{directory}/{PROTOTYPES}", prototypes_bytes(self.prototypes))
            store.publish_json(f"{directory}/{OPEN_SET}", open_set_json(self.open_set))


def measure(
    network: CameraNetwork,
    device: torch.device,
    store: Store,
    index: Index,
    settings: Training,
    temperature: float = 1.0,
) -> Measured:
    """Return the open set of a network and its figures on the test split.

    `index`: as the network was trained with, without the cameras held out. `temperature`: of the answers. Where the
    validation split has too few photographs, there is no open set, and a note says so.
    """
    classes, left_out = index.classes, index.left_out
    nothing = np.empty(0, np.int64)

    def seen(split: str, cameras: Sequence[str], *, is_altered: bool = False) -> Photographs:
        rows = rows_of(index.whole, split, settings, cameras) if cameras else nothing
        conditions = QUICK if is_altered else (UNALTERED,)
        return photographs(network, device, store, index.whole, rows, settings, conditions)

    trained_on = seen("train", classes)
    validation, unknown_validation = (seen("validation", each, is_altered=True) for each in (classes, left_out))
    if not len(trained_on) or not len(validation):
        return Measured(_without("there are no training or no validation photographs to find an open set on."))
    prototypes = make_prototypes(
        trained_on.embeddings[:, 0], trained_on.labels(classes), trained_on.devices, len(classes)
    )
    chosen = choose(classes, prototypes, validation, unknown_validation)
    if chosen is None:
        return Measured(_without("validation photographs are of one camera, which tells nothing of unknown ones."))
    refusal = chosen.open_set.network
    figures: dict[str, Any] = {
        "score": refusal.score,
        "prototype_score": chosen.open_set.prototypes.score,
        "basis": chosen.basis,
        "validation": dict(chosen.aurocs),
        "validation_photos": {"known": len(validation), "unknown": len(unknown_validation)},
        "false_refusals_wanted": FALSE_REFUSALS,
        "known": None,
        "unknown": None,
        "enrolment": [],
        "notes": _notes(chosen.basis, left_out),
    }
    known = seen("test", classes, is_altered=True)
    if len(known):
        figures["known"] = known_figures(refusal, prototypes, known)
    offered, unknown = seen("train", left_out, is_altered=True), seen("test", left_out, is_altered=True)
    if len(known) and len(offered) + len(unknown):
        figures["unknown"] = unknown_figures(
            classes, refusal, prototypes, known, joined(offered, unknown), chosen.open_set.prototypes.score
        )
        scores = {each: _score_without(each, classes, prototypes, validation, unknown_validation) for each in left_out}
        figures["unknown"]["auroc_unseen"] = unseen_auroc(
            {camera: score for camera, score in scores.items() if camera in {*offered.cameras, *unknown.cameras}},
            prototypes,
            known,
            joined(offered, unknown),
        )
    if len(known) and len(offered) and len(unknown):
        figures["enrolment"] = enrolment_figures(
            Trial(classes, chosen.open_set, prototypes, temperature, offered, unknown, known)
        )
    return Measured(figures, chosen.open_set, prototypes)


def joined(first: Photographs, second: Photographs) -> Photographs:
    """Return the photographs of both."""
    return Photographs(
        (*first.names, *second.names),
        (*first.cameras, *second.cameras),
        (*first.devices, *second.devices),
        np.concatenate([first.log_shares, second.log_shares]),
        np.concatenate([first.logits, second.logits]),
        np.concatenate([first.embeddings, second.embeddings]),
    )


def _score_without(
    camera: str, classes: Sequence[str], prototypes: Prototypes, known: Photographs, unknown: Photographs
) -> str:
    """Return the score that validation photographs choose where those of one unknown camera are not there."""
    others = unknown.of(np.flatnonzero([each != camera for each in unknown.cameras]))
    found = choose(classes, prototypes, known, others)
    return found.open_set.network.score if found is not None else SCORES[0]


def _notes(basis: str, left_out: Sequence[str]) -> list[str]:
    if not left_out:
        return ["No camera was held out of training (train.held_out_cameras), so nothing is measured on unknown ones."]
    if basis != HELD_OUT:
        return ["The cameras held out have no validation photographs, so known ones took turns at being unknown."]
    return [
        'The score and the probability of "none of these" were chosen on validation photographs, by other devices of '
        "the same unknown cameras; the threshold needs known cameras alone. For cameras that nobody has seen, "
        "expect the AUROC of each unknown camera by a score that was chosen without it.",
    ]


def _without(reason: str) -> dict[str, Any]:
    return {"score": None, "known": None, "unknown": None, "enrolment": [], "notes": [f"No open set: {reason}"]}
