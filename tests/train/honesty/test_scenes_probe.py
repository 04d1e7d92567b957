"""Scenes-only probe: finds cameras that have scenes or tones of their own, and no others."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from corpus.sections import Training
from corpus.storage import Store
from shards.index import read_index
from train.honesty.scenes_probe import balanced_weights, probe_answers, reductions

CAMERAS, EACH = 3, 24


def pictures(seed: int, *, own_scenes: bool = False, own_tones: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return reductions of random scenes, and their labels."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(99).uniform(0, 1, (CAMERAS, 4, 4, 3))
    labels = np.arange(CAMERAS * EACH) % CAMERAS
    made = []
    for label in labels:
        scene = rng.uniform(0, 1, (4, 4, 3)) * (0.5 if own_scenes else 1) + (fixed[label] * 0.5 if own_scenes else 0)
        smooth = np.clip(cv2.resize(scene, (64, 64), interpolation=cv2.INTER_CUBIC), 0, 1)
        made.append((smooth ** (1.6**label if own_tones else 1) * 255).astype(np.uint8))
    return np.stack(made), labels


@pytest.mark.parametrize(
    ("options", "scenes", "contents"),
    [({}, False, False), ({"own_scenes": True}, True, True), ({"own_tones": True}, True, False)],
)
def test_the_probe_finds_scenes_and_tones_and_its_second_form_scenes_alone(
    options: dict[str, bool], scenes: bool, contents: bool
) -> None:
    known, labels = pictures(1, **options)
    new, truth = pictures(2, **options)
    for contents_only, is_found in ((False, scenes), (True, contents)):
        answers = probe_answers(known, labels, np.ones(len(labels)), new, contents_only=contents_only)
        right = float((answers == truth).mean())
        assert right > 0.75 if is_found else right < 0.55, (options, contents_only, right)


def test_cameras_and_their_devices_weigh_the_same() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1])
    groups = ["a", "a", "a", "b", "c", "c"]
    weights = balanced_weights(labels, groups)
    assert weights.mean() == pytest.approx(1)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights[:3].sum() == pytest.approx(weights[3])


def test_a_reduction_is_the_mean_of_the_tile_and_black_where_that_is_damaged(
    filled: Store, settings: Callable[..., Training], damage_tiles: Callable[..., list[str]]
) -> None:
    index = read_index(filled, "0001-abcdef")
    rows = index.selection("test").spread()[:3]
    damage_tiles(filled, index, index.central_tiles(rows[1:2]))
    found = reductions(filled, index, rows, settings())
    assert found.shape == (3, 64, 64, 3)
    assert [bool(picture.any()) for picture in found] == [True, False, True]
