"""Amounts: accuracy by the amount of training data, with trainings of equal length on more and more photographs.

Of each camera the photographs are ordered device by device, in an order drawn from the seed, and a training gets the
first 1/8, 1/4, 1/2 or all of them. So the devices of a smaller amount are among those of each larger one, and only the
last device of an amount may be there in part. All trainings have the same number of steps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index, Selection
from shards.order import generator
from train.data.answers import CHALLENGE, judge
from train.data.crops import geometry_of
from train.data.samples import Numbers, TrainingSamples
from train.estimation.bootstrap import intervals, or_none
from train.evaluation.figures import scores
from train.fit.plain_training import train_plainly
from train.model.network import build_network

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)


def nested_amounts(index: Index, settings: Training) -> dict[float, Numbers]:
    """Return the rows of the training photographs of each share; shares that come to the same photographs count once.

    Each camera keeps at least one photograph.
    """
    rows = index.selection("train", least_px=geometry_of(settings).outer_px).all_photo_rows()
    labels = index.labels(rows)
    names, devices = np.unique(np.array(index.group_names(rows), dtype=str), return_inverse=True)
    drawn = generator(settings.seed, 0, "amounts of devices").permutation(len(names))
    order = np.lexsort((rows, drawn[devices], labels))
    amounts: dict[float, Numbers] = {}
    for share in SHARES:
        chosen = [
            own[: max(1, int(np.ceil(share * len(own))))]
            for own in (rows[order][labels[order] == label] for label in np.unique(labels))
        ]
        found = np.sort(np.concatenate(chosen))
        if not any(len(found) == len(other) for other in amounts.values()):
            amounts[share] = found
    return amounts


def amount_rows(
    store: Store,
    index: Index,
    photo_rows: Numbers,
    settings: Training,
    device: torch.device,
    say: Callable[[str], None],
) -> list[dict[str, Any]]:
    """Return a row for each amount: share, photographs, devices, and the scores with their intervals, by device."""
    rows = []
    for share, used in nested_amounts(index, settings).items():
        devices = len(set(index.group_names(used)))
        say(f"training on {len(used)} photographs by {devices} devices")
        samples = SamplesOfPhotos(store, index, settings, tuple(used.tolist()))
        network = train_plainly(lambda: build_network(settings, len(index.classes)), samples, device)
        answers = judge(
            network, device, store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops
        )
        columns = scores(answers.right(), answers.conditions)
        bounds = intervals(columns, answers.devices, answers.labels)
        row: dict[str, Any] = {"share": share, "training_photos": len(used), "training_devices": devices}
        for place, name in enumerate(("unaltered", "manipulated", "weighted")):
            row[name] = {"value": float(columns[:, place].mean()), "interval": or_none(bounds[place])}
        rows.append(row)
    return rows


@dataclass(frozen=True)
class SamplesOfPhotos(TrainingSamples):
    """The sequence of samples of some training photographs alone."""

    only: tuple[int, ...] = ()
    """Rows of the photographs."""

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "only": self.only}

    @cached_property
    def selection(self) -> Selection:
        """These photographs, those whose tiles hold an outer crop."""
        return self.index.selection("train", least_px=geometry_of(self.settings).outer_px, only=self.only)
