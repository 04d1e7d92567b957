"""Every finding of a file's history sees what is planted for it, where this is strong."""

import io

import numpy as np
import pytest
from PIL import Image

import examiner
from examiner.trials import history
from examiner.trials.trial import Plant, as_jpeg


def genuine(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (30, 40, 3), np.uint8))
    smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), np.float64)
    noisy = smooth * 0.8 + 25 + random.normal(0, 5, (480, 640, 1))
    return as_jpeg(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)), 96)


@pytest.fixture(scope="module")
def pair() -> tuple[bytes, bytes]:
    return genuine(1), genuine(2)


def scores(data: bytes) -> dict[str, float]:
    return {each.name: each.score for each in examiner.examine(data).findings if each.score is not None}


@pytest.fixture(scope="module")
def untouched(pair: tuple[bytes, bytes]) -> dict[str, float]:
    return scores(pair[0])


@pytest.mark.parametrize(
    ("finding", "plant"),
    [
        ("shifted_grid", history.cropped_between(70, 95)),
        ("double_compression", history.saved_twice(75, 90)),
        ("uneven_compression", history.pasted_after(65, 95, 192)),
        ("foreign_grid", history.pasted_from_jpeg(70, 98, 192)),
        ("resampling", history.resized(1.7, None)),
    ],
)
def test_a_finding_has_a_higher_score_after_what_is_planted_for_it(
    pair: tuple[bytes, bytes], untouched: dict[str, float], finding: str, plant: Plant
) -> None:
    planted = scores(plant(*pair, np.random.default_rng(3)))
    assert planted[finding] > 1.5 * untouched[finding] + 3


def test_every_trial_names_a_finding(untouched: dict[str, float]) -> None:
    assert {each.finding for each in history.TRIALS} <= untouched.keys()


def test_trials_are_told_apart_by_what_was_done() -> None:
    assert len({(each.finding, each.what) for each in history.TRIALS}) == len(history.TRIALS)


def test_a_pasted_part_has_its_grid_aside_and_lies_inside(pair: tuple[bytes, bytes]) -> None:
    plant = history.pasted_from_jpeg(90, 100, 4096)
    assert Image.open(io.BytesIO(plant(*pair, np.random.default_rng(1)))).size == (640, 480)
