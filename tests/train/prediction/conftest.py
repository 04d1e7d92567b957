"""Made pictures for prediction: textures never compressed, and files of every kind."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image


def texture(width_px: int = 200, height_px: int = 152, seed: int = 1) -> np.ndarray:
    """Return a coloured picture never compressed: soft shapes and fine grain, nothing clipped."""
    rng = np.random.default_rng(seed)
    shapes = Image.fromarray(rng.integers(80, 176, (height_px // 8 + 1, width_px // 8 + 1, 3), dtype=np.uint8))
    soft = np.asarray(shapes.resize((width_px, height_px), Image.Resampling.BICUBIC), np.float64)
    return np.clip(soft + rng.normal(0, 3, (height_px, width_px, 3)), 1, 254).astype(np.uint8)


def save(picture: np.ndarray, kind: str, orientation: int | None = None, **options: object) -> bytes:
    """Return a picture as a file, with Make and Orientation in its EXIF where an orientation is given."""
    if orientation is not None:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110], exif[0x0112] = "Maker", "GRAINY", orientation
        options["exif"] = exif
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(scope="session")
def textured() -> Callable[..., np.ndarray]:
    return texture


@pytest.fixture(scope="session")
def saved() -> Callable[..., bytes]:
    return save
