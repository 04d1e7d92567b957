"""Honesty figures: evidence, for each trained network, that it reads the camera and neither the scene nor the metadata.

Network and photographs → plain data, the part `honesty` of `evaluation.json`. All intervals are 95 %, by devices. What
cannot be computed is None, and a note says why.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.estimation.bootstrap import balanced_mean, intervals, or_none, resamples
from train.honesty.cue_conflict import SCENES_PER_PHOTO, SIGMA_PX, Conflicts, followed, judge_conflicts
from train.honesty.metadata_oracle import metadata_features, oracle_answers
from train.honesty.scenes_probe import TRAINING_PHOTOS_MAX, balanced_weights, probe_answers, reductions

Numbers = npt.NDArray[np.int64]

PHOTOS_MAX = 1000
"""Held-out photographs that are looked at, the first ones, which are spread over the cameras: minutes of work at
most."""
FOLLOWED = ("detail", "scene", "neither")


def honesty_figures(
    network: nn.Module, device: torch.device, store: Store, index: Index, photo_rows: Numbers, settings: Training
) -> dict[str, Any]:
    """Return the figures of a network on held-out photographs.

    `cue_conflict`: shares of conflicts answered by detail, scene and neither. `network`: its accuracy, unaltered.
    `scenes_probe` (the scene, its tones and colours), `contents_probe` (the scene without these) and `metadata`:
    accuracy of classifiers that see nothing else, and the network's gain over them, paired by photograph. They are
    fitted with all cameras weighing alike, so all accuracies here are balanced: the mean over cameras of the share
    right. `chance` is what any answer that is always the same reaches: 1 / K of the photographs' K cameras.
    """
    photo_rows = photo_rows[:PHOTOS_MAX]
    notes = []
    cameras = len(np.unique(index.labels(photo_rows)))
    if cameras < 2:
        return {"photos": len(photo_rows), "notes": ["Honesty needs photographs by two cameras; there are none here."]}
    conflicts = judge_conflicts(network, device, store, index, photo_rows, settings)
    if conflicts.left_out:
        notes.append(f"{conflicts.left_out} photographs were left out, because a tile of the conflict is damaged.")
    rows = conflicts.photo_rows
    if not len(rows):
        return {"photos": 0, "notes": notes}
    judged = _Judged(index, rows, conflicts.unaltered)
    training = index.selection("train").spread(TRAINING_PHOTOS_MAX)
    if np.isin(rows, training).any():
        notes.append("Probe and oracle were fitted to the photographs they are tried on: their accuracy says nothing.")
    labels = index.labels(training)
    weights = balanced_weights(labels, index.group_names(training))
    pictures = reductions(store, index, np.concatenate([training, rows]), settings)
    known, new = pictures[: len(training)], pictures[len(training) :]
    metadata = {}
    seen, unknown = metadata_features(store, index, np.concatenate([training, rows]))
    for name, features in seen.items():
        answers = oracle_answers(features[: len(training)], labels, weights, features[len(training) :])
        metadata[name] = judged.against(answers)
    if unknown:
        notes.append(f"{unknown} So the oracle saw tables and sizes alone.")
    return {
        "photos": len(rows),
        "devices": len(set(judged.devices)),
        "training_photos": len(training),
        "cameras": len(np.unique(judged.labels)),
        "chance": 1 / len(np.unique(judged.labels)),
        "network": judged.accuracy(conflicts.unaltered),
        "cue_conflict": _conflict_figures(conflicts, judged),
        "scenes_probe": judged.against(probe_answers(known, labels, weights, new)),
        "contents_probe": judged.against(probe_answers(known, labels, weights, new, contents_only=True)),
        "metadata": metadata,
        "notes": notes,
    }


class _Judged:
    """The held-out photographs and the network's answers for them."""

    def __init__(self, index: Index, rows: Numbers, answers: Numbers) -> None:
        self.labels = index.labels(rows)
        self.devices = index.group_names(rows)
        self._drawn = resamples(self.devices, self.labels)
        self._right = (answers == self.labels).astype(np.float64)

    def accuracy(self, answers: Numbers) -> dict[str, Any]:
        """Return the balanced accuracy of answers with its interval."""
        value, interval = self._balanced((answers == self.labels).astype(np.float64))
        return {"accuracy": value, "interval": interval}

    def against(self, answers: Numbers) -> dict[str, Any]:
        """Return the balanced accuracy, and the gain of the network over it, each with its interval."""
        gain, interval = self._balanced(self._right - (answers == self.labels))
        return {**self.accuracy(answers), "gain": gain, "gain_interval": interval}

    def _balanced(self, values: npt.NDArray[np.float64]) -> tuple[float, tuple[float, float] | None]:
        drawn = self._drawn.balanced_means(values, self.labels)
        return float(balanced_mean(values, self.labels)[0]), or_none(self._drawn.interval(drawn)[0])


def _conflict_figures(conflicts: Conflicts, judged: _Judged) -> dict[str, Any]:
    shares = followed(conflicts, judged.labels)
    found = intervals(shares, judged.devices, judged.labels)
    figures: dict[str, Any] = {"conflicts": conflicts.answers.size, "sigma_px": SIGMA_PX}
    figures["scenes_per_photo"] = SCENES_PER_PHOTO
    for place, name in enumerate(FOLLOWED):
        figures[name] = float(shares[:, place].mean())
        figures[f"{name}_interval"] = or_none(found[place])
    return figures
