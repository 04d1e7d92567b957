"""Spread: photographs that trained a network → how their windows scatter in its embedding, for maps of splices.

Each photograph is saved as PNG and as JPEG, in turns as it is and altered as a whole, as what is pasted often was:
moved off its grid of blocks, resized, or saved before. Photographs differ among those of the same last quality.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from corpus.storage import Store
from examiner.detectors.splices.consistency import CELL_PX, LEAST_SHARE, at_windows
from examiner.detectors.splices.reliable import reliable_share
from examiner.detectors.splices.spread import Spread, fitted
from examiner.detectors.splices.windows import embeddings_of
from examiner.trials.genuine import Genuine
from examiner.trials.splices import FACTORS, QUALITIES
from examiner.trials.trial import as_jpeg, opened
from train.model.loaded import Model

PHOTOGRAPHS = 60
LAST = (None, 95, 90, 80, 70)
"""Qualities of the last compression; None: PNG."""
MOST_PX = 960
"""Longest side of the part of a photograph that is looked at."""
_WINDOWS = 50
"""Windows that each picture gives at most."""
_LEAST_WINDOWS = 10
"""Fewer say nothing of a picture's scatter."""


def fitted_spread(model: Model, store: Store, photographs: Sequence[Genuine]) -> Spread | None:
    """Return the spread of the first PHOTOGRAPHS of these; None where they are too few, or the network has no map.

    The same photographs give the same spread. Raises StorageError where the store lacks one.
    """
    found: list[tuple[str, NDArray[np.float32]]] = []
    for place, each in enumerate(photographs[:PHOTOGRAPHS]):
        try:
            photograph = opened(store.read(each.original))
        except (ValueError, OSError):  # is damaged
            continue
        for name, rgb in pictures_of(photograph, place):
            windows = _windows(model, rgb, place)
            if windows is not None:
                found.append((name, windows))
    try:
        return fitted(found)
    except ValueError:
        return None


def pictures_of(photograph: Image.Image, place: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Return a photograph saved at each quality of LAST, with the quality's name; every other one altered before.

    `place`: its number, which decides what is done to it.
    """
    random = np.random.default_rng(place)
    photograph = photograph.crop((0, 0, min(photograph.width, MOST_PX), min(photograph.height, MOST_PX)))
    for turn, quality in enumerate(LAST):
        picture = photograph if (place + turn) % 2 else _altered(photograph, (place + turn) // 2 % 3, random)
        saved = picture if quality is None else opened(as_jpeg(picture, quality))
        yield str(quality), np.asarray(saved)


def _altered(photograph: Image.Image, how: int, random: np.random.Generator) -> Image.Image:
    if how == 1:
        factor = float(random.choice(FACTORS))
        size_px = (round(photograph.width * factor), round(photograph.height * factor))
        photograph = photograph.resize(size_px, Image.Resampling.BICUBIC)
    elif how == 2:
        photograph = opened(as_jpeg(photograph, int(random.choice(QUALITIES))))
    x_px, y_px = (int(each) for each in random.integers(1, 8, 2))
    return photograph.crop((x_px, y_px, min(photograph.width, x_px + MOST_PX), min(photograph.height, y_px + MOST_PX)))


def _windows(model: Model, rgb: NDArray[np.uint8], place: int) -> NDArray[np.float32] | None:
    """Return the embeddings of some windows that have traces, windows × dimension; None where they are few."""
    found = embeddings_of(model, rgb)
    if found is None:
        return None
    embeddings, step_px = found
    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    reliable = reliable_share(luma, CELL_PX) >= LEAST_SHARE
    windows = embeddings[at_windows(reliable, (embeddings.shape[0], embeddings.shape[1]), step_px)]
    if len(windows) < _LEAST_WINDOWS:
        return None
    chosen = np.random.default_rng(place).permutation(len(windows))[:_WINDOWS]
    return np.asarray(windows[chosen], np.float32)
