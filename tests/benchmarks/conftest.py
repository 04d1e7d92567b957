"""A folder of small photographs by two cameras, which differ in their noise, with groups of unequal sizes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

GROUPS = {"grainy": (5, 2, 2, 1), "smooth": (3, 3, 2)}
"""Photographs of each group of a camera."""


@pytest.fixture(scope="session")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder, to be read only: CAMERA/GROUP/NN.jpg, and a camera with one group."""
    folder = tmp_path_factory.mktemp("originals")
    rng = np.random.default_rng(1)
    for camera, sizes in {**GROUPS, "lonely": (2,)}.items():
        for group, size in enumerate(sizes):
            (folder / camera / f"group-{group}").mkdir(parents=True)
            for number in range(size):
                scene = cv2.resize(rng.integers(60, 200, (4, 4, 3)).astype(np.float32), (96, 96))
                noise = (12 if camera == "grainy" else 1) * rng.normal(0, 1, (96, 96, 1))
                pixels = np.clip(scene + noise, 0, 255).astype(np.uint8)
                jpeg = simplejpeg.encode_jpeg(pixels, quality=97, colorsubsampling="444")
                (folder / camera / f"group-{group}" / f"{number:02d}.jpg").write_bytes(jpeg)
    return folder
