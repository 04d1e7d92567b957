"""Residual statistics: what they see, what they do not, and that they are the same for equal crops."""

import cv2
import numpy as np
import simplejpeg

from train.baselines.residual_statistics import residual_features


def crop(seed: int, noise: float = 3.0, edge_px: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(60, 200, (4, 4, 3)).astype(np.float32), (edge_px, edge_px))
    return np.clip(scene + rng.normal(0, noise, scene.shape), 0, 255).astype(np.uint8)


def test_features_are_finite_and_equal_for_equal_crops_of_any_size() -> None:
    first = residual_features(crop(0))
    assert np.isfinite(first).all()
    assert (first == residual_features(crop(0))).all()
    assert first.shape == residual_features(crop(0, edge_px=40)).shape
    assert np.isfinite(residual_features(np.zeros((32, 32, 3), np.uint8))).all()


def test_a_mirrored_crop_has_equal_cooccurrences() -> None:
    own, mirrored = (residual_features(each)[: 169 * 4] for each in (crop(1), crop(1)[::-1, ::-1]))
    assert np.allclose(own, mirrored)


def test_noise_moves_features_further_than_the_scene_does() -> None:
    base, scene, noise = (residual_features(each) for each in (crop(1), crop(2), crop(1, noise=9.0)))
    assert np.abs(base - noise).sum() > 3 * np.abs(base - scene).sum()


def test_places_on_the_grid_are_seen() -> None:
    picture = np.kron(np.random.default_rng(0).integers(90, 140, (12, 12, 1)), np.ones((8, 8, 3))).astype(np.uint8)
    coded = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg(picture, quality=60), colorspace="RGB")
    on_grid, off_grid = (residual_features(np.ascontiguousarray(coded[k : k + 64, k : k + 64])) for k in (0, 3))
    assert np.abs(on_grid - off_grid).max() > 0.5
