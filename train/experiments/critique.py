"""Critique: networks trained on photographs of one history and judged on those of each, as a matrix.

Four small trainings of a run's network on its training photographs, and a fifth on all four kinds in turn, which is
what the critique's cure comes to. Each is judged on the run's held-out photographs under each history.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Corrupt
from train.data.answers import judge
from train.data.samples import Crop, Numbers, TrainingSamples
from train.estimation.bootstrap import intervals, or_none
from train.experiments.histories import KINDS, SamplesWithHistory, condition_of
from train.fit.plain_training import train_plainly
from train.model.network import build_network

MIXED = "all four in turn"


def critique_rows(
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    device: torch.device,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Return a row for each kind trained on × kind judged on: accuracy with its interval, by device.

    `settings`: those of the trainings. `say`: is told what goes on.
    """  # fmt: skip
    conditions = [condition_of(kind) for kind in KINDS]
    rows = []
    for kind in (*KINDS, MIXED):
        say(f"training on: {kind}")
        samples = (
            SamplesInTurn(store, index, settings) if kind == MIXED else SamplesWithHistory(store, index, settings, kind)
        )
        network = train_plainly(lambda: build_network(settings, len(index.classes)), samples, device)
        answers = judge(
            network, device, store, index, photo_rows, settings, conditions=conditions, crops=settings.test_crops
        )
        right = answers.right().astype(np.float64)
        bounds = intervals(right, answers.devices, answers.labels)
        rows += [
            {
                "trained_on": kind, "judged_on": judged, "photos": len(right),
                "accuracy": {"value": float(right[:, place].mean()), "interval": or_none(bounds[place])},
            }
            for place, judged in enumerate(KINDS)
        ]  # fmt: skip
    return rows


@dataclass(frozen=True)
class SamplesInTurn(TrainingSamples):
    """Samples that have the four kinds of history in turn."""

    def _crops(self, numbers: Numbers, rows: Numbers, attempt: int) -> list[Crop | Corrupt]:
        found: list[Crop | Corrupt] = []
        for place, number in enumerate(numbers.tolist()):
            kind = KINDS[number // len(self.index.classes) % len(KINDS)]
            one = SamplesWithHistory(self.store, self.index, self.settings, kind)
            found += one._crops(numbers[place : place + 1], rows[place : place + 1], attempt)
        return found
