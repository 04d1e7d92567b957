"""Held-out evaluation: judges a network on the photographs of devices it was not trained on.

Network and index of a generation → the content of `evaluation.json`, but for the run's name and epoch. Without
photographs in the test split it falls back on validation, then on training photographs, and a note says so.
"""

from typing import Any

import torch
from torch import nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.batches import TrainingBatches
from train.data.crops import geometry_of
from train.evaluation.figures import MANIPULATED_WEIGHT, UNALTERED_WEIGHT, figures
from train.evaluation.probabilities import ONE_OF_THEM, Numbers, probability_table
from train.model.checkpoints import Metrics

VALIDATION_PHOTOS_MAX = 1000
"""Photographs judged after each epoch: enough to choose an epoch by, and minutes of work at most."""


def evaluate_network(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> dict[str, Any]:
    """Return generation, split, notes and all figures of a network; raises StageError without photographs."""
    split, photo_rows, notes = _held_out_photos(index, settings)
    table = probability_table(network, device, store, index, photo_rows, settings, crops=settings.test_crops)
    damaged = [
        f"A photograph was left out, because its tile {each.key} in {each.tar} is damaged: {each.what}."
        for each in table.skipped
    ]
    return {
        "generation": index.generation,
        "split": split,
        "notes": [*TrainingBatches(store, index, settings).check(), *notes, *damaged],
        **figures(table, index.classes),
    }


def validation_metrics(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> Metrics:
    """Return the weighted accuracy on validation photographs, one crop each; no metrics where there are none.

    Beside it stands how many of the photographs were left out for damaged tiles, where there were any.
    """
    most = min(settings.test_photos or VALIDATION_PHOTOS_MAX, VALIDATION_PHOTOS_MAX)
    photo_rows = index.selection("validation", least_px=geometry_of(settings).outer_px).spread(most)
    if not len(photo_rows):
        return {}
    table = probability_table(network, device, store, index, photo_rows, settings, conditions=ONE_OF_THEM, crops=1)
    left_out = {"validation_skipped": len(table.skipped)} if table.skipped else {}
    if not table.photos:
        return left_out
    unaltered, manipulated = (table.probabilities.argmax(axis=2) == table.labels[:, None]).mean(axis=0).tolist()
    return {
        "validation_accuracy": float(UNALTERED_WEIGHT * unaltered + MANIPULATED_WEIGHT * manipulated),
        **left_out,
    }


def _held_out_photos(index: Index, settings: Training) -> tuple[str, Numbers, list[str]]:
    """Return the split to evaluate on, the rows of its photographs, and notes on what falls short."""
    for split in ("test", "validation", "train"):
        selection = index.selection(split, least_px=geometry_of(settings).outer_px)
        photo_rows = selection.spread(settings.test_photos)
        if len(photo_rows):
            break
    notes = []
    if settings.fold is not None:
        notes.append(
            f"Cross-validation: fold {settings.fold} of {index.folds} was held out; it is the test split here."
        )
    if split != "test":
        notes.append(
            f"The test split has no photographs of use; these figures are of the {split} split"
            + (", which the network was trained on: they say nothing of new photographs." if split == "train" else
               ", by which the epoch was chosen: they are a little too good.")
        )  # fmt: skip
    if settings.shuffle_labels:
        notes.append("Trained on shuffled labels: anything clearly above chance means that something leaks.")
    if selection.too_small:
        notes.append(f"{selection.too_small} photographs of this split have tiles below the outer crop; left out.")
    if len(photo_rows) < selection.photos:
        notes.append(
            f"Evaluated on {len(photo_rows)} of {selection.photos} photographs, spread evenly over the cameras."
        )
    return split, photo_rows, notes
