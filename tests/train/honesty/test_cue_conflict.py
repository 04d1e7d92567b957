"""Cue conflict: the detail of one photograph over the scene of another, and whose camera a network then names."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from corpus.errors import StageError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.honesty.cue_conflict import blended, followed, judge_conflicts, scenes_of

CPU = torch.device("cpu")


class ByDetail(nn.Module):
    """Names the cameras of the tests by their finest detail: noise, stripes or neither."""

    def forward(self, crops: Tensor) -> Tensor:
        grey = crops.float().mean(dim=1)
        down, right = (grey.diff(dim=axis).abs().mean(dim=(1, 2)) for axis in (1, 2))
        return torch.stack([right, torch.full_like(right, 5.0), (down - right) * 3], dim=1)


class ByScene(nn.Module):
    """Learns the mean colours of photographs by heart, then names the camera of the one that is nearest."""

    def __init__(self, labels: Tensor) -> None:
        super().__init__()
        self.colours: list[Tensor] = []
        self.labels = labels

    def forward(self, crops: Tensor) -> Tensor:
        means = crops.float().mean(dim=(2, 3))
        if len(self.colours) < len(self.labels):  # the first crop is the photograph as it is
            self.colours.append(means[0])
            return torch.zeros(len(crops), 3)
        near = torch.cdist(means, torch.stack(self.colours)).argmin(dim=1)
        return nn.functional.one_hot(self.labels[near], 3).float()


def test_a_conflict_has_the_detail_of_one_picture_and_the_scene_of_the_other() -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(110, 140, (96, 96, 3)).astype(np.uint8)
    scene = cv2.resize(rng.integers(60, 200, (3, 3, 3)).astype(np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    conflict = blended(noise, scene)

    def low(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 6)

    def high(picture: np.ndarray) -> np.ndarray:
        return picture.astype(np.float32) - cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1)

    assert np.abs(low(conflict) - low(scene)).mean() < 2
    assert np.corrcoef(high(conflict).ravel(), high(noise).ravel())[0, 1] > 0.98


def test_scenes_are_of_other_cameras_which_take_turns() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    scenes = scenes_of(labels, 2)
    for own, chosen in zip(labels, scenes, strict=True):
        assert sorted({*labels[chosen].tolist(), int(own)}) == [0, 1, 2]
    assert len(set(scenes[:3].ravel().tolist())) == 3  # no scene stands for its camera alone
    with pytest.raises(StageError, match="two cameras"):
        scenes_of(np.zeros(4, np.int64))


def test_a_network_is_found_to_follow_the_detail_or_the_scene(
    filled: Store, index: Index, settings: Callable[..., Training]
) -> None:
    rows = index.selection("test").spread()
    labels = index.labels(rows)
    by_detail = judge_conflicts(ByDetail(), CPU, filled, index, rows, settings(test_crops=1))
    assert (by_detail.unaltered == labels).all()
    detail, scene, _ = followed(by_detail, labels).mean(axis=0)
    assert (detail > 0.9, scene < 0.1) == (True, True)
    network = ByScene(torch.tensor(labels))
    judge_conflicts(network, CPU, filled, index, rows, settings(test_crops=1))
    by_scene = judge_conflicts(network, CPU, filled, index, rows, settings(test_crops=1))
    detail, scene, neither = followed(by_scene, labels).mean(axis=0)
    assert (scene > 0.9, detail < 0.1) == (True, True)
    assert detail + scene + neither == pytest.approx(1)


def test_a_photograph_with_a_damaged_tile_or_scene_is_left_out(
    filled: Store, index: Index, settings: Callable[..., Training], damage_tiles: Callable[..., list[str]]
) -> None:
    rows = index.selection("test").spread()
    damage_tiles(filled, index, index.central_tiles(rows[:1]))
    conflicts = judge_conflicts(ByDetail(), CPU, filled, index, rows, settings(test_crops=1))
    scenes = scenes_of(index.labels(rows))
    touched = [place for place in range(len(rows)) if place == 0 or 0 in scenes[place]]
    assert conflicts.left_out == len(touched)
    assert set(conflicts.photo_rows.tolist()) == set(rows.tolist()) - set(rows[touched].tolist())
