"""Metrics of a training, from the history of its epochs and the marker of its run. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.metrics.family import Family, Sample

EPOCH = Family("shutterprint_train_epoch", "gauge", "Epochs finished.")
EPOCHS = Family("shutterprint_train_epochs", "gauge", "Epochs that the run has in all.")
EPOCH_S = Family("shutterprint_train_epoch_duration_seconds", "gauge", "How long the last epoch took.")
LOSS = Family("shutterprint_train_loss", "gauge", "Mean training loss of the last epoch.")
ACCURACY = Family(
    "shutterprint_train_accuracy_ratio",
    "gauge",
    "Accuracy of the last epoch, on training or validation.",
    ("on",),
)
CROPS = Family("shutterprint_train_crops_per_second", "gauge", "Crops trained on in a second, in the last epoch.")
DATA_WAIT = Family(
    "shutterprint_train_data_wait_ratio", "gauge", "Share of the last epoch in which the network waited for crops."
)
SKIPPED = Family("shutterprint_train_skipped_samples", "gauge", "Samples of the run skipped for damaged tiles.")
SCORE = Family(
    "shutterprint_train_test_accuracy_ratio", "gauge", "Accuracy of the finished run on held-out devices.", ("of",)
)
FAMILIES = (EPOCH, EPOCHS, EPOCH_S, LOSS, ACCURACY, CROPS, DATA_WAIT, SKIPPED, SCORE)

_SCORES = {"weighted": "weighted_accuracy", "unaltered": "unaltered", "manipulated": "manipulated"}


def training_samples(
    history: Sequence[Mapping[str, Any]], epochs: int, finished: Mapping[str, Any] | None
) -> list[Sample]:
    """Return a run's metrics; `finished`: the content of its marker, None while it is not finished."""
    told = [Sample(EPOCH, len(history)), Sample(EPOCHS, epochs)]
    if history:
        last = history[-1]
        told += [
            Sample(EPOCH_S, last["seconds"]),
            Sample(LOSS, last["loss"]),
            Sample(ACCURACY, last["accuracy"], ("training",)),
            Sample(CROPS, last["crops_per_s"]),
            Sample(DATA_WAIT, last["data_wait"]),
            Sample(SKIPPED, sum(each["skipped"] for each in history)),
        ]
        if last.get("validation_accuracy") is not None:
            told.append(Sample(ACCURACY, last["validation_accuracy"], ("validation",)))
    if finished is not None:
        told += [
            Sample(SCORE, finished[key], (name,)) for name, key in _SCORES.items() if finished.get(key) is not None
        ]
    return told
