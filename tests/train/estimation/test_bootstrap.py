"""Intervals by device: right where devices differ, wide where little is known, none where nothing is."""

import numpy as np
import pytest

from train.estimation.bootstrap import balanced_mean, intervals, or_none, paired, resamples, statistic_intervals
from train.estimation.calibration import calibration_gaps, error_by_chance, expected_calibration_error


def devices_of(counts: list[int], photos: int) -> tuple[list[str], np.ndarray]:
    """Return the devices and labels of `photos` photographs by each of `counts[k]` devices of class k."""
    devices = [
        f"{label}-{device}" for label, count in enumerate(counts) for device in range(count) for _ in range(photos)
    ]
    return devices, np.repeat(np.arange(len(counts)), np.array(counts) * photos)


def test_photographs_of_one_device_are_not_independent() -> None:
    devices, labels = devices_of([10, 10], 30)
    alternating = np.tile([0.0, 1.0], len(devices) // 2)
    alternating[0] = 1.0
    [[low, high]] = intervals(alternating, devices, labels)
    assert high - low < 0.01  # every device is right half the time
    whole = np.repeat(np.tile([0.0, 1.0], 10), 30)
    [[low, high]] = intervals(whole, devices, labels)
    assert high - low > 0.3  # half the devices are always right: as many photographs, of which only 20 are independent


@pytest.mark.parametrize("counts", [[2, 2, 2, 2], [3, 3, 3], [8, 2, 5]])
def test_width_is_that_of_the_variance_between_few_devices(counts: list[int]) -> None:
    rng = np.random.default_rng(1)
    devices, labels = devices_of(counts, 1)
    values = rng.normal(labels * 10.0, 1.0)
    drawn = resamples(devices, labels, 20_000)
    within = [values[labels == label] for label in range(len(counts))]
    expected = sum(len(each) * each.var(ddof=1) for each in within) / len(values) ** 2
    ratio = float(drawn.means(values).var() / expected)
    assert 0.97 < ratio < 1.15
    assert np.bincount(labels[drawn.rows(0)]).tolist() == counts  # classes keep their sizes


def test_figures_that_are_no_means_have_intervals_too_and_agree_where_they_are() -> None:
    devices, labels = devices_of([4, 4], 3)
    values = np.random.default_rng(2).normal(size=(len(devices), 2))
    by_rows = statistic_intervals(lambda rows: values[rows].mean(axis=0), devices, labels, draws=300)
    assert by_rows == pytest.approx(intervals(values, devices, labels, draws=300))


def test_several_columns_are_resampled_together() -> None:
    devices, labels = devices_of([5], 2)
    values = np.random.default_rng(3).normal(size=len(devices))
    low, high = intervals(np.column_stack([values, 1 - values]), devices, labels)
    assert low == pytest.approx(1 - high[::-1])


def test_one_device_alone_has_no_interval() -> None:
    assert np.isnan(intervals(np.ones(9), ["a"] * 9, np.zeros(9))).all()
    assert np.isnan(statistic_intervals(lambda rows: float(len(rows)), ["a"] * 9, np.zeros(9))).all()
    assert or_none(intervals(np.ones(9), ["a"] * 9, np.zeros(9))[0]) is None


def test_devices_that_all_agree_prove_nothing_of_others() -> None:
    devices, labels = devices_of([4, 4], 5)
    assert np.isnan(intervals(np.ones(40), devices, labels)).all()


def test_classes_of_one_device_are_drawn_together_and_never_make_an_interval_narrow() -> None:
    devices, labels = devices_of([1, 1, 1, 1], 20)
    right = np.repeat([1.0, 1.0, 0.0, 1.0], 20)
    assert resamples(devices, labels).single == (0, 1, 2, 3)
    [[low, high]] = intervals(right, devices, labels)
    assert low <= 0.25
    assert high == 1.0
    devices, labels = devices_of([1, 4], 20)  # the lonely one joins the other class
    [[low, high]] = intervals(np.repeat([0.0, 1.0, 1.0, 1.0, 1.0], 20), devices, labels)
    assert high - low > 0.3


def test_the_same_name_in_two_classes_is_two_devices() -> None:
    assert resamples(["x", "x", "x"], np.array([0, 0, 1])).counts.shape[1] == 2


def test_differences_are_paired() -> None:
    devices, labels = devices_of([6, 6], 10)
    rng = np.random.default_rng(4)
    hard = np.repeat(rng.random(12), 10)
    first, second = hard, hard + 0.05 + rng.normal(0, 0.01, len(hard))
    difference, low, high = paired(first, second, devices, labels)
    assert low < difference < high
    assert 0.04 < low < high < 0.06
    alone = intervals(first, devices, labels)[0]
    assert alone[1] - alone[0] > 10 * (high - low)


def test_equal_arguments_give_equal_intervals_and_other_seeds_others() -> None:
    devices, labels = devices_of([5, 5], 4)
    values = np.random.default_rng(5).normal(size=len(devices))
    assert (intervals(values, devices, labels) == intervals(values, devices, labels)).all()
    assert (intervals(values, devices, labels) != intervals(values, devices, labels, seed=1)).any()


def test_balanced_means_count_every_class_alike() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    values, devices = np.array([1.0, 1, 1, 1, 1, 1, 0, 0]), [*"aabbccde"]
    assert balanced_mean(values, labels).tolist() == [0.5]
    drawn = resamples(devices, labels).balanced_means(values, labels)
    assert np.unique(drawn).tolist() == [0.5]
    assert np.ptp(resamples(devices, labels).balanced_means(np.arange(8.0), labels)) > 1


def test_an_interval_of_a_calibration_error_reaches_down_to_what_chance_alone_makes() -> None:
    errors, reaching, plain = [], 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sure = rng.uniform(0.5, 1, 120)
        labels = (rng.random(120) > sure).astype(int)  # the probabilities are right, so the true error is 0
        probabilities = np.stack([sure, 1 - sure], axis=1)
        drawn = resamples([str(number) for number in range(120)], np.zeros(120), draws=300)
        value = expected_calibration_error(probabilities, labels)
        draws = np.abs(drawn.sums(calibration_gaps(probabilities, labels))).sum(axis=1) / 120
        low, high = drawn.distance_interval(value, draws)
        assert 0 <= low <= value <= high
        errors.append(value)
        reaching += int(low < 0.001)
        plain += int(drawn.interval(draws[:, None])[0, 0] < 0.01)
    assert np.mean(errors) == pytest.approx(error_by_chance(probabilities[:, None]), rel=0.1)
    assert (reaching > 20, plain) == (True, 0)
    assert np.isnan(resamples(["a"], np.zeros(1)).distance_interval(0.1, np.full(2000, 0.1))).all()
