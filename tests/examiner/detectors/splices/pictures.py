"""Pictures of the tests of splices: how they are saved, and where a square is pasted."""

import io

import cv2
import numpy as np
from PIL import Image

SQUARE = slice(192, 416)


def saved(picture: np.ndarray, quality: int) -> np.ndarray:
    """Return the pixels of a picture saved as a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def luma(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
