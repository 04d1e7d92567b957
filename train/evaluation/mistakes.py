"""Mistakes: the wrong answers that a network was surest of, with small pictures of what it saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg

from corpus.storage import Store
from shards.index import Index
from shards.reader import Region, TileReader
from train.data.answers import Answers, middle
from train.data.manipulations import Picture

SHOWN = 24
EDGE_PX = 144
"""Edge of a thumbnail: 24 of them take about 150 kB of the page."""
_JPEG_QUALITY = 75


@dataclass(frozen=True)
class Mistake:
    """A photograph that was answered wrong, under the condition in which the network was surest."""

    photo: str
    device: str
    camera: str
    answered: str
    probability: float
    condition: str
    picture: bytes | None = None
    """The photograph's middle, unaltered, as a JPEG; None where its tile is damaged."""


def mistakes(
    answers: Answers, classes: Sequence[str], store: Store, index: Index, temperature: float, most: int = SHOWN
) -> list[Mistake]:
    """Return at most `most` mistakes, the surest first, each photograph once."""
    probabilities = answers.probabilities(temperature=temperature)
    said = probabilities.argmax(axis=2)
    sure = np.where(said != answers.labels[:, None], probabilities.max(axis=2), -1.0)
    worst = sure.argmax(axis=1)
    rows = np.argsort(-sure.max(axis=1), kind="stable")[:most]
    rows = rows[sure.max(axis=1)[rows] > 0]
    pictures = _pictures(store, index, [answers.photos[row] for row in rows])
    return [
        Mistake(
            answers.photos[row],
            answers.devices[row],
            classes[answers.labels[row]],
            classes[said[row, worst[row]]],
            float(sure[row, worst[row]]),
            answers.conditions[worst[row]],
            pictures.get(answers.photos[row]),
        )
        for row in rows.tolist()
    ]


def thumbnail(picture: Picture) -> bytes:
    """Return a picture as a JPEG of at most EDGE_PX a side."""
    scale = min(1.0, EDGE_PX / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(small), quality=_JPEG_QUALITY, colorsubsampling="420")
    return data


def _pictures(store: Store, index: Index, photos: Sequence[str]) -> dict[str, bytes]:
    photo_rows = index.photo_rows_of(photos)
    if not len(photo_rows):
        return {}
    tiles = index.central_tiles(photo_rows)
    sizes = zip(index.tiles.at("width_px", tiles).tolist(), index.tiles.at("height_px", tiles).tolist(), strict=True)
    windows = [middle(width_px, height_px) for width_px, height_px in sizes]
    with TileReader(store, index) as reader:
        regions = reader.regions(tiles, windows)
    named = zip(index.photo_names(photo_rows), regions, strict=True)
    return {name: thumbnail(region.pixels) for name, region in named if isinstance(region, Region)}
