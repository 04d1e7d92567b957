"""Metrics of a training: what the last epoch says, and the marker of the finished run."""

from typing import Any

from train.runs.metrics import training_samples

EPOCH: dict[str, Any] = {
    "epoch": 1, "seconds": 60.0, "loss": 1.25, "accuracy": 0.5, "crops_per_s": 210.0, "data_wait": 0.012, "skipped": 2,
}  # fmt: skip


def told(*args: Any) -> dict[str, float]:
    return {" ".join([each.family.name, *each.labels]): each.value for each in training_samples(*args)}


def test_before_the_first_epoch_only_the_number_of_epochs_is_known() -> None:
    assert told([], 7, None) == {"shutterprint_train_epoch": 0, "shutterprint_train_epochs": 7}


def test_the_last_epoch_is_told_and_skipped_samples_are_those_of_the_run() -> None:
    found = told([EPOCH, EPOCH | {"epoch": 2, "loss": 0.75, "validation_accuracy": 0.6}], 7, None)
    assert found["shutterprint_train_epoch"] == 2
    assert found["shutterprint_train_loss"] == 0.75
    assert found["shutterprint_train_skipped_samples"] == 4
    assert found["shutterprint_train_accuracy_ratio training"] == 0.5
    assert found["shutterprint_train_accuracy_ratio validation"] == 0.6
    assert not any("test_accuracy" in name for name in found)


def test_a_finished_run_has_its_accuracy_on_held_out_devices() -> None:
    found = told([EPOCH], 1, {"weighted_accuracy": 0.9, "unaltered": 0.95, "manipulated": None})
    assert found["shutterprint_train_test_accuracy_ratio weighted"] == 0.9
    assert found["shutterprint_train_test_accuracy_ratio unaltered"] == 0.95
    assert "shutterprint_train_test_accuracy_ratio manipulated" not in found
