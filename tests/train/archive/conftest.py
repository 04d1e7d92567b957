"""A small model's parts, made without a training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from corpus.cameras.catalogue import Camera
from corpus.sections import Training
from train.archive.parts import Parts
from train.model.checkpoints import to_safetensors
from train.model.loaded import Enrolled
from train.model.network import build_network
from train.model.refusal import OpenSet, Refusal
from train.open_set.files import enrolled_bytes, open_set_json, prototypes_bytes
from train.open_set.prototypes import make_prototypes
from train.runs.run import RunConfig

CLASSES = ("alpha", "beta", "gamma")


@pytest.fixture(scope="session")
def parts_once(settings: Callable[..., Training]) -> Parts:
    """Return the parts of a model of three cameras whose network was not trained."""
    torch.manual_seed(0)
    train = settings(cache_folder="/somebody/cache", threads=3)
    network = build_network(train, len(CLASSES))
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 4)
    prototypes = make_prototypes(rng.normal(0, 1, (12, network.features)), labels, ["one", "two"] * 6, 3)
    refusal = Refusal("cosine_class", 0.0, -2.0, 0.5)
    open_set = OpenSet(refusal, refusal, 8.0, {"alpha": {"alpha": 8, "beta": 2}}, {"gamma": {"beta": 9}})
    cameras = tuple(
        Camera(key=key, name=key.title(), make=("Maker",), model=(key.upper(),), sizes=("96x96",)) for key in CLASSES
    )
    evaluation: dict[str, Any] = {
        "weighted_accuracy": 0.876, "weighted_interval": [0.8, 0.93], "unaltered": 0.9, "unaltered_interval": None,
        "manipulated": 0.82, "manipulated_interval": [0.7, 0.9], "chance": 0.34, "photos": 30, "devices": 6,
        "split": "test", "accuracy": {"unaltered": 0.9, "jpeg_70": 0.7}, "confusion": {"unaltered": [[9]]},
        "cameras": [{"camera": "alpha", "photos": 10, "devices": 2, "recall": 0.9, "recall_interval": [0.7, 0.98],
                     "precision": None}],
        "accuracy_intervals": {"unaltered": None, "jpeg_70": [0.5, 0.9]},
        "notes": ["Two devices are few."],
    }  # fmt: skip
    return Parts(
        "here", "0001-0001-abc-12345678", RunConfig("0001-abc", CLASSES, train), to_safetensors(network.state_dict()),
        cameras, {"temperature": 1.5}, open_set_json(open_set), prototypes_bytes(prototypes), (), evaluation,
    )  # fmt: skip


@pytest.fixture(scope="session")
def enrolled_once(parts_once: Parts) -> bytes:
    """Return a camera enrolled in that model."""
    size = 2 * 128
    embeddings = np.random.default_rng(1).normal(3, 1, (4, size))
    return enrolled_bytes(Enrolled("delta-9", "Delta 9", "Maker", embeddings, ("device 1",) * 4))
