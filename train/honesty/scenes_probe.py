"""Scenes-only probe: how far photographs of a split can be told apart by their scenes, tones and colours alone.

Each photograph is reduced to 64×64 pixels by averaging, which leaves no demosaicing, little noise and no grid, and
classifiers are fitted to the reductions of training photographs. What they reach on held-out photographs, a network can
reach without a trace finer than the scene; only its gain over the probe is proof. Tone curve and colours survive the
reduction, and they are the camera's as well as the scene's; so a second probe sees the reductions after each colour's
histogram was equalised, where only the contents are left. Photographs count such that each camera, and within a camera
each device, weighs the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from corpus.sections import Training
from corpus.storage import Store
from shards.index import Index
from shards.reader import Region, TileReader
from train.data.loading import load
from train.data.manipulations import Picture

Numbers = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]

EDGE_PX = 64
TRAINING_PHOTOS_MAX = 2000
"""Training photographs that a probe is fitted to, spread evenly over the cameras: seconds of work."""
_AT_ONCE = 16
_BINS = 16
_COMPONENTS_MAX = 48
_TREES = 100


def reduced(picture: Picture) -> Picture:
    """Return a picture reduced to 64×64 by averaging, which the sides of the picture may distort."""
    small: Picture = cv2.resize(picture, (EDGE_PX, EDGE_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return small


def reductions(store: Store, index: Index, photo_rows: Numbers, settings: Training) -> npt.NDArray[np.uint8]:
    """Return the photographs' central tiles reduced: N × 64 × 64 × 3; a damaged one is black."""
    found = np.zeros((len(photo_rows), EDGE_PX, EDGE_PX, 3), np.uint8)
    wanted = (
        list(enumerate(photo_rows[first : first + _AT_ONCE].tolist(), start=first))
        for first in range(0, len(photo_rows), _AT_ONCE)
    )
    for several in load(_Reductions(store, index), wanted, settings.loaders):
        for place, small in several:
            found[place] = small
    return found


def probe_answers(
    training: npt.NDArray[np.uint8],
    labels: Numbers,
    weights: npt.NDArray[np.float64],
    held_out: npt.NDArray[np.uint8],
    *,
    contents_only: bool = False,
) -> Numbers:
    """Return the camera that the probe names for each held-out reduction; `weights`: of the training photographs.

    It sees principal components of the pixels and histograms of tones and colours, or, with `contents_only`, the
    components of equalised pixels alone. Logistic regression and a forest vote with their mean probabilities.
    """
    from sklearn.decomposition import PCA
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    classes = np.unique(labels)
    if len(classes) == 1:
        return np.full(len(held_out), classes[0], np.int64)
    # one thread: these are small matrices, over which threads wait for each other, and sums keep their order
    with threadpool_limits(1):
        seen, others = (
            _pixels(np.stack([equalised(each) for each in pictures]) if contents_only else pictures)
            for pictures in (training, held_out)
        )
        components = PCA(min(_COMPONENTS_MAX, *seen.shape), random_state=0).fit(seen)
        seen, others = components.transform(seen), components.transform(others)
        if not contents_only:
            seen, others = np.hstack([seen, _tones(training)]), np.hstack([others, _tones(held_out)])
        scale = StandardScaler().fit(seen)
        linear = LogisticRegression(C=0.1, max_iter=300)
        linear.fit(scale.transform(seen), labels, sample_weight=weights)
        forest = ExtraTreesClassifier(_TREES, random_state=0).fit(seen, labels, sample_weight=weights)
        shares = linear.predict_proba(scale.transform(others)) + forest.predict_proba(others)
    answers: Numbers = classes[shares.argmax(axis=1)]
    return answers


def equalised(picture: Picture) -> Picture:
    """Return a picture after the histogram of each colour was equalised, which takes tone curve and colours away."""
    return np.dstack([cv2.equalizeHist(np.ascontiguousarray(plane)) for plane in np.moveaxis(picture, 2, 0)]).astype(
        np.uint8, copy=False
    )


def balanced_weights(labels: Numbers, groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return weights by which all cameras, and within a camera all devices, weigh the same; their mean is 1."""
    _, cameras = np.unique(labels, return_inverse=True)
    pairs = [f"{label} {group}" for label, group in zip(labels.tolist(), groups, strict=True)]
    _, first, devices = np.unique(pairs, return_index=True, return_inverse=True)
    devices_of_camera = np.bincount(cameras[first], minlength=int(cameras.max()) + 1)
    weights = 1.0 / (np.bincount(devices)[devices] * devices_of_camera[cameras])
    result: npt.NDArray[np.float64] = weights / weights.mean()
    return result


def _pixels(pictures: npt.NDArray[np.uint8]) -> Features:
    """Return brightness and colour of 16×16 averages, as rows."""
    small = np.stack([cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA) for picture in pictures])
    return small.reshape(len(small), -1).astype(np.float32) / 255.0


def _tones(pictures: npt.NDArray[np.uint8]) -> Features:
    """Return histograms, moments and quantiles of brightness and the two colour differences, and of their edges."""
    rows = []
    for picture in pictures:
        parts: list[Any] = []
        for plane in np.moveaxis(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb), 2, 0):
            values = plane.astype(np.float32)
            edges = np.abs(np.diff(values, axis=0)).ravel(), np.abs(np.diff(values, axis=1)).ravel()
            parts += [
                np.histogram(values, _BINS, (0, 256))[0] / values.size,
                np.quantile(values, (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)) / 255.0,
                (values.mean() / 255.0, values.std() / 255.0),
                *(np.quantile(each, (0.25, 0.5, 0.75, 0.95)) / 255.0 for each in edges),
            ]
        parts.append(
            np.corrcoef(picture.reshape(-1, 3).T.astype(np.float64) + _never_constant())[np.triu_indices(3, 1)]
        )
        rows.append(np.concatenate([np.asarray(part, np.float32) for part in parts]))
    return np.stack(rows)


def _never_constant() -> npt.NDArray[np.float64]:
    """Return values that keep the correlation of a plain picture defined, and change no other."""
    return np.linspace(0.0, 1e-3, EDGE_PX * EDGE_PX)[None, :]


@dataclass(frozen=True)
class _Reductions:
    """Reductions by (place, row of the photograph)."""

    store: Store
    index: Index

    def __getstate__(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @cached_property
    def _reader(self) -> TileReader:
        return TileReader(self.store, self.index)

    def __getitems__(self, numbers: Sequence[tuple[int, int]]) -> list[tuple[int, Picture]]:
        """Return each place with its reduction."""
        rows = self.index.central_tiles(np.array([photo_row for _, photo_row in numbers], np.int64))
        sizes = zip(*(self.index.tiles.at(name, rows).tolist() for name in ("width_px", "height_px")), strict=True)
        regions = self._reader.regions(rows, [(0, 0, width_px, height_px) for width_px, height_px in sizes])
        black = np.zeros((EDGE_PX, EDGE_PX, 3), np.uint8)
        return [
            (place, reduced(region.pixels) if isinstance(region, Region) else black)
            for (place, _), region in zip(numbers, regions, strict=True)
        ]
