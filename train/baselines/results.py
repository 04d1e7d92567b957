"""Results of baselines: judges what was fitted on held-out photographs, and publishes a folder for each result.

The folder, `baselines/<name>-<generation>-<digest>/`, has `answers.arrow`, of the form that a run's has, so that
`shutterprint compare` pairs the two by photograph, and `baseline.json` with what was fitted and its figures. Before the
digest stands `fold<k>-` where fold k is held out, as in a run's name, or `folds-` where each is in turn. The digest
covers all that the result depends on, so another seed has a folder of its own.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import CHALLENGE, Answers, judge, publish_answers
from train.evaluation.figures import figures
from train.evaluation.held_out import held_out_photos
from train.evaluation.table import interval_text
from train.runs.run import CARRIED_OUT_BY

ROOT = "baselines"


def judge_held_out(network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training) -> Answers:
    """Return the answers for the photographs, and under the conditions, that a run's network is judged by.

    Raises StageError where there are no test photographs.
    """
    split, photo_rows, _ = held_out_photos(index, settings)
    if split != "test":
        raise StageError(
            f"generation {index.generation} has no test photographs of use to judge a baseline on; crawl more devices, "
            "then curate again, or use --folds"
        )
    return judge(network, device, store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops)


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers for the photographs of several folds as one; each photograph is in one of them."""
    first = parts[0]
    crops = max(part.logits.shape[2] for part in parts)
    logits = [
        np.pad(part.logits, [(0, 0), (0, 0), (0, crops - part.logits.shape[2]), (0, 0)], constant_values=np.nan)
        for part in parts
    ]
    return Answers(
        tuple(photo for part in parts for photo in part.photos),
        np.concatenate([part.labels for part in parts]),
        tuple(device for part in parts for device in part.devices),
        first.conditions,
        np.concatenate(logits),
        tuple(skipped for part in parts for skipped in part.skipped),
    )


def publish_baseline(
    store: Store, name: str, index: Index, settings: Training, answers: Answers, folds: int | None, **told: Any
) -> tuple[str, dict[str, Any]]:
    """Publish a baseline's folder, its marker last, and return its path and the content of `baseline.json`.

    `folds`: how many were held out in turn; None: the splits, or `train.fold`. `told`: what else was decided.
    """
    settings = settings.model_copy(update={"fold": None}) if folds else settings
    directory = _folder(name, index.generation, settings, folds, told)
    store.remove(f"{directory}/_done.json")
    publish_answers(store, directory, answers)
    content = {
        "baseline": name, "generation": index.generation, "folds": folds, "classes": list(index.classes),
        "train": settings.model_dump(mode="json"), **told, **figures(answers, index.classes),
    }  # fmt: skip
    store.publish_json(f"{directory}/baseline.json", content)
    store.mark_done(directory, {"weighted_accuracy": content["weighted_accuracy"]})
    return directory, content


def _folder(name: str, generation: str, settings: Training, folds: int | None, told: dict[str, Any]) -> str:
    decided = {"train": settings.model_dump(mode="json", exclude={*CARRIED_OUT_BY, "start_from"}), **told}
    digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()[:8]
    of_fold = "folds-" if folds else "" if settings.fold is None else f"fold{settings.fold}-"
    return f"{ROOT}/{name}-{generation}-{of_fold}{digest}"


def score_line(told: dict[str, Any]) -> str:
    """Return the sentence that sums a baseline up."""
    shares = [
        f"{name} {told[key]:.3f} [{interval_text(told[interval])}]"
        for name, key, interval in (
            ("weighted accuracy", "weighted_accuracy", "weighted_interval"),
            ("unaltered", "unaltered", "unaltered_interval"),
            ("manipulated", "manipulated", "manipulated_interval"),
        )
    ]
    fold = told["train"]["fold"]
    held_out = f"{told['folds']} folds" if told["folds"] else "the test split" if fold is None else f"fold {fold}"
    return (
        f"{told['baseline']}: {', '.join(shares)}, on {told['photos']} photographs by {told['devices']} devices of "
        f"{held_out}; chance {told['chance']:.3f}"
    )
