"""Histories: what each kind does to a picture's grid, and samples that have it."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.data.answers import condition_crops
from train.data.samples import TrainingSamples
from train.experiments.critique import SamplesInTurn
from train.experiments.histories import KINDS, SamplesWithHistory, condition_of, drawn_history


def blockiness(crop: np.ndarray) -> float:
    """Return how much larger steps are over the lines of the 8×8 grid than elsewhere."""
    steps = np.abs(np.diff(crop.astype(float), axis=1)).mean(axis=(0, 2))
    on_line = np.arange(len(steps)) % 8 == 7
    return float(steps[on_line].mean() / steps[~on_line].mean())


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    """A smooth scene with a little noise, which compression takes away block by block."""
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(60, 200, (8, 8, 3)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
    return np.clip(scene + rng.normal(0, 3, (160, 160, 1)), 0, 255).astype(np.uint8)


def test_blocks_are_on_the_grid_after_aligned_and_multiple_compression_and_off_it_after_a_shift(
    noisy: np.ndarray,
) -> None:
    found = {}
    for kind in KINDS:
        condition = condition_of(kind)
        crops = [condition_crops(noisy, condition.of(turn), 64, 1)[0] for turn in range(6)]
        assert {crop.shape for crop in crops} == {(64, 64, 3)}
        found[kind] = float(np.mean([blockiness(crop) for crop in crops]))
    assert found["aligned"] > found["uncompressed"] + 0.2
    assert found["multiple"] > found["uncompressed"] + 0.2
    assert found["shifted"] < found["uncompressed"] + 0.1


def test_histories_are_drawn_by_their_kind_and_an_unknown_one_is_refused() -> None:
    rng = np.random.default_rng(1)
    assert drawn_history("uncompressed", rng).steps == ()
    assert len(drawn_history("multiple", rng).steps) == 3
    assert min(drawn_history("shifted", rng).offset_px) >= 1
    assert drawn_history("multiple", rng).lost_px <= 21
    with pytest.raises(ValueError, match="none of"):
        drawn_history("other", rng)


def test_samples_have_a_history_and_the_labels_and_tiles_of_the_training(
    filled: Store, settings: Callable[..., Training]
) -> None:
    index, own = read_index(filled, "0001-abcdef"), settings()
    numbers = list(range(12))
    plain = TrainingSamples(filled, index, own).__getitems__(numbers)
    made = {kind: SamplesWithHistory(filled, index, own, kind).__getitems__(numbers) for kind in KINDS}
    for kind, batch in made.items():
        assert batch.crops.shape == (12, 3, 32, 32)
        assert batch.labels.tolist() == plain.labels.tolist()
        assert batch.manipulated.tolist() == [kind != "uncompressed"] * 12
    again = SamplesWithHistory(filled, index, own, "multiple").__getitems__(numbers)
    assert bool((again.crops == made["multiple"].crops).all())
    in_turn = SamplesInTurn(filled, index, own).__getitems__(numbers)
    for place, kind in enumerate(np.repeat(KINDS, 3)):  # three cameras, so each meets every kind
        assert bool((in_turn.crops[place] == made[kind].crops[place]).all())
