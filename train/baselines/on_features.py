"""Classifiers on features: fits trees to the features of training crops, and answers for crops as a network does.

The crops are those that a network is trained on, drawn from the same sequence of samples, manipulated ones among them.
The result is called like a network, uint8 crops N×3×H×W → logits N×classes, so that it is judged like one. Cameras
without training photographs get the lowest logit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from corpus.errors import ConfigurationError
from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from train.baselines.residual_statistics import residual_features
from train.data.loading import load
from train.data.samples import Batch, TrainingSamples

Features = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
Probabilities = Callable[[Features], npt.NDArray[np.float64]]
"""Features N×F → probabilities N×classes."""

_LEAST = 1e-6  # probability of a camera that was never seen
_SAMPLES_LEAST = 4
"""Crops of each camera that trees are fitted to; of fewer they learn nothing, and LightGBM stops at one."""
_COMPONENTS_MAX = 256
_FOREST_TREES = 500
_BOOSTING_ROUNDS = 200


class OnFeatures(nn.Module):
    """Answers by features of the crops: `extract` describes a batch of them, `classify` gives its probabilities."""

    def __init__(self, extract: Callable[[Tensor], Features], classify: Probabilities) -> None:
        super().__init__()
        self._extract, self._classify = extract, classify

    def forward(self, crops_nchw: Tensor) -> Tensor:
        """Return the logarithms of the probabilities of uint8 crops, N×classes."""
        probabilities = self._classify(self._extract(crops_nchw))
        return torch.from_numpy(np.log(np.maximum(probabilities, _LEAST))).float().to(crops_nchw.device)


def residual_statistics(store: Store, index: Index, settings: Training, samples: int) -> nn.Module:
    """Return gradient-boosted trees (LightGBM) on the residual statistics of `samples` training crops."""
    crops = _training_crops(store, index, settings, samples)
    features, labels = _collected(load(_Described(crops), _in_batches(samples, settings.batch), settings.loaders))
    classify = boosted_trees(features, labels, len(index.classes), settings)
    return OnFeatures(_statistics_of, classify)


def boosted_trees(features: Features, labels: Numbers, classes: int, settings: Training) -> Probabilities:
    """Return the probabilities that LightGBM learns; the same features give the same trees."""
    import lightgbm

    cameras, places = np.unique(labels, return_inverse=True)
    options = {
        "objective": "multiclass", "num_class": max(len(cameras), 2), "learning_rate": 0.08, "num_leaves": 15,
        "min_data_in_leaf": max(3, min(20, len(labels) // 50)), "feature_fraction": 0.1, "bagging_fraction": 0.8,
        "bagging_freq": 1, "lambda_l2": 1.0, "seed": settings.seed % 2**31, "deterministic": True,
        "force_row_wise": True, "num_threads": settings.threads or 1, "verbosity": -1,
    }  # fmt: skip
    booster = lightgbm.train(options, lightgbm.Dataset(features, places), _BOOSTING_ROUNDS)

    def probabilities(described: Features) -> npt.NDArray[np.float64]:
        found = np.asarray(booster.predict(described, num_threads=settings.threads or 1))
        return _of_all_classes(found[:, : len(cameras)], cameras, classes)

    return probabilities


def forest_on_components(features: Features, labels: Numbers, classes: int, settings: Training) -> Probabilities:
    """Return the probabilities that a random forest learns from the features' principal components."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.preprocessing import StandardScaler

    seed = settings.seed % 2**31
    scale = StandardScaler().fit(features)
    components = PCA(min(_COMPONENTS_MAX, *features.shape), random_state=seed).fit(scale.transform(features))
    forest = RandomForestClassifier(_FOREST_TREES, random_state=seed, n_jobs=settings.threads or 1)
    forest.fit(components.transform(scale.transform(features)), labels)

    def probabilities(described: Features) -> npt.NDArray[np.float64]:
        found = forest.predict_proba(components.transform(scale.transform(described)))
        return _of_all_classes(found, forest.classes_, classes)

    return probabilities


def described_by(
    network: nn.Module, device: torch.device, store: Store, index: Index, settings: Training, samples: int
) -> tuple[Features, Numbers]:
    """Return what a network makes of `samples` training crops, and their labels."""
    crops = _training_crops(store, index, settings, samples)
    batches = load(crops, _in_batches(samples, settings.batch), settings.loaders)
    with torch.inference_mode():
        return _collected((network(batch.crops.to(device)).float().cpu().numpy(), batch.labels) for batch in batches)


def _training_crops(store: Store, index: Index, settings: Training, samples: int) -> TrainingSamples:
    """Return the sequence of training crops; raises ConfigurationError where `samples` of them are too few."""
    crops = TrainingSamples(store, index, settings)
    cameras = len(crops.selection.labels)
    if samples < _SAMPLES_LEAST * cameras:
        raise ConfigurationError(
            f"--samples: {samples} crops are too few for {cameras} cameras; give {_SAMPLES_LEAST * cameras} or more"
        )
    return crops


def _in_batches(samples: int, batch: int) -> list[list[int]]:
    return [list(range(first, min(first + batch, samples))) for first in range(0, samples, batch)]


def _collected(parts: Any) -> tuple[Features, Numbers]:
    features, labels = zip(*((np.asarray(found), np.asarray(own)) for found, own in parts), strict=True)
    return np.concatenate(features).astype(np.float32), np.concatenate(labels).astype(np.int64)


def _of_all_classes(found: npt.NDArray[Any], cameras: Numbers, classes: int) -> npt.NDArray[np.float64]:
    every = np.zeros((len(found), classes))
    every[:, cameras] = found
    return every


def _statistics_of(crops_nchw: Tensor) -> Features:
    crops = crops_nchw.permute(0, 2, 3, 1).cpu().numpy()
    return np.stack([residual_features(np.ascontiguousarray(crop)) for crop in crops])


@dataclass(frozen=True)
class _Described:
    """Residual statistics and labels of training samples by number, so that loaders do the work."""

    samples: TrainingSamples

    def __getitems__(self, numbers: Sequence[int]) -> tuple[Features, Tensor]:
        """Return features and labels of these samples."""
        batch: Batch = self.samples.__getitems__(numbers)
        return _statistics_of(batch.crops), batch.labels
