"""A device's pattern in photographs: whole, turned, scaled, cropped; and never where it is not."""

import cv2
import numpy as np
import pytest

from examiner.detectors.prnu.correlation import log10_false_alarm, peak_of
from examiner.detectors.prnu.fingerprint import Estimate, Fingerprint
from examiner.detectors.prnu.matching import TURNS, match
from examiner.detectors.prnu.residual import signal_of

from .conftest import Luma, TakePhotograph


@pytest.fixture(scope="module")
def device(take_photograph: TakePhotograph) -> Fingerprint:
    estimate = Estimate((320, 240))
    for scene in range(10):
        estimate.add(take_photograph(7, scene))
    return estimate.fingerprint()


@pytest.fixture(scope="module")
def own(take_photograph: TakePhotograph) -> Luma:
    return take_photograph(7, 100)


def test_a_photograph_by_the_device_matches(device: Fingerprint, own: Luma) -> None:
    found = match(signal_of(own), device.pattern)
    assert found.pce > 500
    assert found.log10_false_alarm < -50
    assert (found.turn, found.scale, found.x, found.y, found.searched) == ("as stored", 1.0, 0, 0, 1)


def test_photographs_by_other_devices_do_not(device: Fingerprint, take_photograph: TakePhotograph) -> None:
    found = [match(signal_of(take_photograph(8 + number, 200 + number)), device.pattern) for number in range(10)]
    assert max(each.pce for each in found) < 30
    assert min(each.log10_false_alarm for each in found) > -4


@pytest.mark.parametrize("turn", range(8))
def test_a_turned_photograph_matches_and_the_turn_is_named(turn: int, device: Fingerprint, own: Luma) -> None:
    back = {
        "as stored": own,
        "turned by 180°": own[::-1, ::-1],
        "turned clockwise": np.rot90(own),
        "turned anticlockwise": np.rot90(own, -1),
        "mirrored": own[:, ::-1],
        "mirrored upside down": own[::-1],
        "transposed": own.T,
        "transposed the other way": own.T[::-1, ::-1],
    }
    found = match(signal_of(np.ascontiguousarray(back[TURNS[turn]])), device.pattern)
    assert found.turn == TURNS[turn]
    assert found.log10_false_alarm < -20


def test_a_crop_matches_at_its_place(device: Fingerprint, own: Luma) -> None:
    found = match(signal_of(own[31:191, 47:267]), device.pattern)
    assert (found.x, found.y) == (47, 31)
    assert found.log10_false_alarm < -20


@pytest.mark.parametrize(("size_px", "scale"), [((240, 180), 0.75), ((160, 120), 0.5)])
def test_a_scaled_photograph_matches(size_px: tuple[int, int], scale: float, device: Fingerprint, own: Luma) -> None:
    small = np.asarray(cv2.resize(own, size_px, interpolation=cv2.INTER_AREA), np.uint8)
    found = match(signal_of(small), device.pattern)
    assert found.scale == scale
    assert found.log10_false_alarm < -6


def test_a_crop_of_a_scaled_photograph_matches(device: Fingerprint, own: Luma) -> None:
    small = np.asarray(cv2.resize(own, (240, 180), interpolation=cv2.INTER_AREA), np.uint8)
    found = match(signal_of(np.ascontiguousarray(small[10:170, 5:205])), device.pattern)
    assert (found.scale, found.x, found.y) == (0.75, 5, 10)
    assert found.log10_false_alarm < -6


def test_a_photograph_larger_than_the_sensor_is_refused_with_a_sentence(device: Fingerprint) -> None:
    large = np.random.default_rng(1).normal(size=(700, 330)).astype(np.float32)
    with pytest.raises(ValueError, match="is 330×700 px, which is no crop of 320×240 px"):
        match(large, device.pattern)


def test_the_peak_counts_only_where_the_signal_lies_inside_the_pattern() -> None:
    # a signal that continues at the pattern's other edge correlates in the circle, and no crop does that
    pattern = np.random.default_rng(1).normal(size=(128, 160)).astype(np.float32)
    wrapped = np.roll(pattern, (-60, -100), axis=(0, 1))[:100, :100]
    assert peak_of(np.ascontiguousarray(wrapped), pattern).pce < 60
    inside = peak_of(np.ascontiguousarray(pattern[20:120, 30:130]), pattern)
    assert (inside.x, inside.y, inside.searched) == (30, 20, 29 * 61)
    assert inside.pce > 1000


def test_the_energy_keeps_its_sign() -> None:
    pattern = np.random.default_rng(1).normal(size=(96, 96)).astype(np.float32)
    assert peak_of(-pattern, pattern, 0).pce < -1000
    assert log10_false_alarm(-1000, 1) == 0


def test_false_alarms_follow_the_gaussian_tail_and_the_number_of_shifts() -> None:
    assert log10_false_alarm(60, 1) == pytest.approx(-14.32, abs=0.01)  # Q(√60) = 4.7e-15
    assert log10_false_alarm(60, 10**6) == pytest.approx(-8.32, abs=0.01)
    assert log10_false_alarm(1, 10**6) == 0
    random = np.random.default_rng(1)
    pattern = random.normal(size=(96, 96)).astype(np.float32)
    signals = random.normal(size=(300, 96, 96)).astype(np.float32)
    above = sum(peak_of(each, pattern, 0).pce > 1.645**2 for each in signals) / 300
    assert 0.02 < above < 0.09  # of chance, 5 % are above 1.645 deviations
