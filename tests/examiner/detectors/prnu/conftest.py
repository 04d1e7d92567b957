"""Small photographs by devices whose sensors' patterns are known."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
TakePhotograph = Callable[..., Luma]


def photograph(device: int, scene: int, height_px: int = 240, width_px: int = 320) -> Luma:
    """Return a smooth scene under a pattern of 2 % and noise of 2 levels."""
    pattern = np.random.default_rng((1, device)).normal(1, 0.02, (height_px, width_px))
    random = np.random.default_rng((2, scene))
    light = cv2.resize(random.uniform(60, 230, (6, 8)), (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    return np.clip(light * pattern + random.normal(0, 2, pattern.shape), 0, 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def take_photograph() -> TakePhotograph:
    return photograph
