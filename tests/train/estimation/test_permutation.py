"""Permutation: what answers reach when the labels of whole devices are permuted."""

import numpy as np
import pytest

from train.estimation.permutation import chance_of

LABELS = np.repeat(np.arange(4), 30)
DEVICES = [f"{label}-{number // 10}" for label in range(4) for number in range(30)]


def counted(answered: np.ndarray) -> np.ndarray:
    return (answered[:, None] == np.arange(4)).astype(float)


def test_right_answers_come_down_to_one_camera_in_so_many_and_are_never_reached() -> None:
    found = chance_of(counted(LABELS), LABELS, DEVICES)
    assert found is not None
    assert found.value == pytest.approx(1 / 4, abs=0.01)
    assert found.interval[0] < 1 / 4 < found.interval[1] < 0.7
    assert found.reached == pytest.approx(1 / 2001)  # the true labels alone
    assert found == chance_of(counted(LABELS), LABELS, DEVICES)


def test_guesses_are_what_chance_reaches() -> None:
    guessed = np.random.default_rng(0).integers(4, size=len(LABELS))
    found = chance_of(counted(guessed), LABELS, DEVICES)
    assert found is not None
    assert found.interval[0] <= (guessed == LABELS).mean() <= found.interval[1]
    assert found.reached > 0.025
    always = chance_of(counted(np.zeros(len(LABELS))), LABELS, DEVICES)
    assert always is not None
    assert (always.value, always.interval, always.reached) == (0.25, (0.25, 0.25), 1.0)


def test_photographs_of_a_device_keep_a_common_label() -> None:
    answered = np.repeat(np.arange(12) % 4, 10)  # each device of ten photographs gets one name
    few, many = (chance_of(counted(answered), LABELS, devices) for devices in (DEVICES, range(len(LABELS))))
    assert few is not None
    assert many is not None
    assert few.interval[1] - few.interval[0] > 2 * (many.interval[1] - many.interval[0])


def test_of_one_camera_nothing_can_be_permuted() -> None:
    assert chance_of(counted(np.zeros(3)), np.zeros(3, int), ["a", "b", "c"]) is None
