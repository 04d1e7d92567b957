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
from train.data.batches import TrainingBatches, choose_photos
from train.data.crops import geometry_of
from train.evaluation.figures import MANIPULATED_WEIGHT, UNALTERED_WEIGHT, figures
from train.evaluation.probabilities import ONE_OF_THEM, probability_table

VALIDATION_PHOTOS_MAX = 1000
"""Photographs judged after each epoch: enough to choose an epoch by, and minutes of work at most."""


def evaluate_network(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> dict[str, Any]:
    """Return generation, split, notes and all figures of a network; raises StageError without photographs."""
    split, photos, notes = _held_out_photos(index, settings)
    table = probability_table(network, device, store, index, split, photos, settings, crops=settings.test_crops)
    return {
        "generation": index.generation,
        "split": split,
        "notes": [*TrainingBatches(store, index, settings).check(), *notes],
        **figures(table, index.classes),
    }


def validation_accuracy(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> float | None:
    """Return the weighted accuracy on validation photographs, one crop each; None where there are none."""
    most = min(settings.test_photos or VALIDATION_PHOTOS_MAX, VALIDATION_PHOTOS_MAX)
    photos = choose_photos(index, "validation", geometry_of(settings), most).photos
    if not photos:
        return None
    table = probability_table(
        network, device, store, index, "validation", photos, settings, conditions=ONE_OF_THEM, crops=1
    )
    unaltered, manipulated = (table.probabilities.argmax(axis=2) == table.labels[:, None]).mean(axis=0).tolist()
    return float(UNALTERED_WEIGHT * unaltered + MANIPULATED_WEIGHT * manipulated)


def _held_out_photos(index: Index, settings: Training) -> tuple[str, tuple[str, ...], list[str]]:
    """Return the split to evaluate on, its photographs, and notes on what falls short."""
    geometry = geometry_of(settings)
    for split in ("test", "validation", "train"):
        chosen = choose_photos(index, split, geometry, settings.test_photos)
        if chosen.photos:
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
    if chosen.too_small:
        notes.append(f"{chosen.too_small} photographs of this split have tiles below the outer crop; left out.")
    whole = len(index.photos(split)) - chosen.too_small
    if len(chosen.photos) < whole:
        notes.append(f"Evaluated on {len(chosen.photos)} of {whole} photographs, spread evenly over the cameras.")
    return split, chosen.photos, notes
