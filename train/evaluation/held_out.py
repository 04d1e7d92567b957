"""Held-out evaluation: judges a network on the photographs of devices it was not trained on.

Network and index of a generation → the content of `evaluation.json`, but for the run's name and epoch, with the
answers it comes from and the temperature that validation photographs ask for. Without photographs in the test split it
falls back on validation, then on training photographs, and a note says so.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.data.answers import CHALLENGE, QUICK, Answers, Numbers, judge, publish_answers
from train.data.batches import TrainingBatches
from train.data.crops import STRONGEST_REDUCTION
from train.estimation.calibration import CALIBRATION, find_temperature
from train.evaluation.breakdowns import breakdowns
from train.evaluation.figures import MANIPULATED_WEIGHT, UNALTERED_WEIGHT, figures
from train.evaluation.photo_facts import facts_of
from train.honesty.figures import honesty_figures
from train.model.checkpoints import Metrics
from train.model.network import CameraNetwork
from train.open_set.measuring import Measured, measure

VALIDATION_PHOTOS_MAX = 1000
"""Photographs judged after each epoch: enough to choose an epoch by, and minutes of work at most."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What an evaluation found."""

    figures: dict[str, Any]
    """Generation, split, notes and all figures: `evaluation.json` but for the run's name and epoch."""
    answers: Answers
    calibration: dict[str, Any]
    """`calibration.json`: the temperature, and what it was found on."""
    opened: Measured
    """How unknown cameras are told from known ones."""

    def publish(self, store: Store, directory: str) -> None:
        """Publish the answers, the calibration and the open set in a run's folder."""
        publish_answers(store, directory, self.answers)
        store.publish_json(f"{directory}/{CALIBRATION}", self.calibration)
        self.opened.publish(store, directory)


def evaluate_network(
    network: CameraNetwork, device: torch.device, store: Store, index: Index, settings: Training
) -> HeldOut:
    """Return what a network answers for the held-out photographs; raises StageError without photographs."""
    split, photo_rows, notes = held_out_photos(index, settings)
    calibration = find_calibration(network, device, store, index, settings)
    answers = judge(
        network, device, store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops
    )
    damaged = [
        f"A photograph was left out, because its tile {each.key} in {each.tar} is damaged: {each.what}."
        for each in answers.skipped
    ]
    found = figures(answers, index.classes, calibration["temperature"])
    opened = measure(network, device, store, index, settings, calibration["temperature"])
    facts = breakdowns(answers, facts_of(store, index, answers.photos))
    told = {
        "generation": index.generation,
        "split": split,
        "notes": [
            *TrainingBatches(store, index, settings).check(),
            *notes,
            *damaged,
            *_of_devices(found),
            *_of_calibration(calibration),
        ],
        **found,
        **facts,
        "honesty": honesty_figures(network, device, store, index, photo_rows, settings),
        "open_set": opened.figures,
    }
    return HeldOut(told, answers, calibration, opened)


def find_calibration(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> dict[str, Any]:
    """Return the temperature that validation photographs ask for, unaltered and manipulated weighed as in the score.

    `by_condition`: what each condition alone would ask for; a photograph in question does not say its condition, so one
    temperature serves all. Without validation photographs it is 1.
    """
    photo_rows = _validation_photos(index, settings)
    if len(photo_rows):
        answers = judge(
            network, device, store, index, photo_rows, settings, conditions=CHALLENGE, crops=settings.test_crops
        )
    if not len(photo_rows) or not answers.photos:
        return {"temperature": 1.0, "split": None, "photos": 0, "crops": settings.test_crops, "by_condition": {}}
    values = answers.log_probabilities()
    photos, conditions, classes = values.shape
    weights = np.full(conditions, MANIPULATED_WEIGHT / (conditions - 1))
    weights[answers.conditions.index(CHALLENGE[0].name)] = UNALTERED_WEIGHT
    temperature = find_temperature(
        values.reshape(-1, classes), np.repeat(answers.labels, conditions), np.tile(weights, photos)
    )
    return {
        "temperature": temperature,
        "split": "validation",
        "photos": photos,
        "crops": settings.test_crops,
        "by_condition": {
            name: find_temperature(values[:, place], answers.labels) for place, name in enumerate(answers.conditions)
        },
    }


def validation_metrics(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training
) -> Metrics:
    """Return the weighted accuracy on validation photographs, one crop each; no metrics where there are none.

    Beside it stands how many of the photographs were left out for damaged tiles, where there were any.
    """
    photo_rows = _validation_photos(index, settings)
    if not len(photo_rows):
        return {}
    answers = judge(network, device, store, index, photo_rows, settings, conditions=QUICK, crops=1)
    left_out = {"validation_skipped": len(answers.skipped)} if answers.skipped else {}
    if not answers.photos:
        return left_out
    unaltered, manipulated = answers.right().mean(axis=0).tolist()
    return {
        "validation_accuracy": float(UNALTERED_WEIGHT * unaltered + MANIPULATED_WEIGHT * manipulated),
        **left_out,
    }


def least_px(settings: Training) -> int:
    """Return the edge of a tile that holds a crop under all conditions of the challenge, the reduction included."""
    return math.ceil(settings.crop_px / STRONGEST_REDUCTION)


def _validation_photos(index: Index, settings: Training) -> Numbers:
    most = min(settings.test_photos or VALIDATION_PHOTOS_MAX, VALIDATION_PHOTOS_MAX)
    return index.selection("validation", least_px=least_px(settings)).spread(most)


def _of_devices(found: dict[str, Any]) -> list[str]:
    single = found["single_device_cameras"]
    if not single:
        return []
    named = ", ".join(single[:5]) + (f" and {len(single) - 5} more" if len(single) > 5 else "")
    if found["devices"] < 2:
        return [f"All photographs are by one device ({named}): nothing can be said of other devices, so no interval."]
    stands = "One device stands" if len(single) == 1 else "One device each stands"
    return [
        f"{stands} for {named}: what is said of {'it' if len(single) == 1 else 'them'} is said of that device. Their "
        "own figures have no interval; in those of all photographs such devices were drawn as if they were of one "
        "camera, which makes intervals wide."
    ]


def _of_calibration(calibration: dict[str, Any]) -> list[str]:
    if calibration["photos"]:
        return []
    return [
        "There are no validation photographs to find a temperature on: probabilities are as the network gives them."
    ]


def held_out_photos(index: Index, settings: Training) -> tuple[str, Numbers, list[str]]:
    """Return the split to evaluate on, the rows of its photographs, and notes on what falls short."""
    for split in ("test", "validation", "train"):
        selection = index.selection(split, least_px=least_px(settings))
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
        notes.append(
            f"{selection.too_small} photographs of this split have tiles below {least_px(settings)} px, which hold no "
            "crop when they are reduced; left out."
        )
    if len(photo_rows) < selection.photos:
        notes.append(
            f"Evaluated on {len(photo_rows)} of {selection.photos} photographs, spread evenly over the cameras."
        )
    return split, photo_rows, notes
