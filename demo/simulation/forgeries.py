"""Forgeries: changes a scanned page as forgers do, and says where.

A forger covers words of the page: with words of another scan, with words of the same page, with the same at another
size, with letters that software draws, or with the colour of paper. What is pasted is made as bright as the paper
around it. A forgery comes with its mask.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from demo.simulation.cameras import Picture
from demo.simulation.documents import TYPEFACES, Box, typeface

PADDING_PX = 3


@dataclass(frozen=True)
class Scanned:
    """A scan, and where its words are."""

    picture: Picture
    words: tuple[Box, ...]


@dataclass(frozen=True)
class Forgery:
    """A forged page."""

    picture: Picture
    mask: NDArray[np.bool_]
    """True where pixels were replaced."""
    box: Box


Forge = Callable[[Scanned, Scanned, np.random.Generator], Forgery]
"""(the page, another scan, random numbers) → the forged page."""


def pasted(page: Scanned, other: Scanned, rng: np.random.Generator) -> Forgery:
    """Return the page with words of another scan."""
    target = _target(page, rng)
    return _covered(page.picture, target, _cut(other, target, rng, None))


def copied(page: Scanned, other: Scanned, rng: np.random.Generator) -> Forgery:
    """Return the page with words of its own at another place as well."""
    target = _target(page, rng)
    return _covered(page.picture, target, _cut(page, target, rng, target))


def resized(page: Scanned, other: Scanned, rng: np.random.Generator) -> Forgery:
    """Return the page with words of another scan that were enlarged or reduced."""
    target = _target(page, rng)
    factor = float(rng.choice([0.75, 0.85, 1.15, 1.3]))
    x, y, width, height = target
    source = _cut(other, (x, y, round(width / factor), round(height / factor)), rng, None)
    return _covered(
        page.picture, target, np.asarray(cv2.resize(source, (width, height), interpolation=cv2.INTER_CUBIC))
    )


def retyped(page: Scanned, other: Scanned, rng: np.random.Generator) -> Forgery:
    """Return the page with letters that software has drawn on the colour of the paper."""
    target = _target(page, rng)
    height = target[3]
    patch = _plain(page.picture, target)
    image = Image.fromarray(patch)
    font = typeface(int(rng.integers(len(TYPEFACES))), max(8, round(0.75 * height)))
    ink = np.percentile(_at(page.picture, target).reshape(-1, 3), 3, axis=0)
    text = f"{rng.integers(10, 10**6):,}.{rng.integers(0, 100):02d} {rng.integers(10, 10**6):,}"
    ImageDraw.Draw(image).text((PADDING_PX, 0), text, fill=tuple(int(each) for each in ink), font=font)
    return _covered(page.picture, target, np.asarray(cv2.GaussianBlur(np.asarray(image), (0, 0), 0.6)))


def whitened(page: Scanned, other: Scanned, rng: np.random.Generator) -> Forgery:
    """Return the page with words under the colour of the paper."""
    target = _target(page, rng)
    return _covered(page.picture, target, _plain(page.picture, target))


KINDS: dict[str, Forge] = {
    "pasted": pasted,
    "copied": copied,
    "resized": resized,
    "retyped": retyped,
    "whitened": whitened,
}


def _target(page: Scanned, rng: np.random.Generator) -> Box:
    """Return the box of one to three neighbouring words."""
    width, height = page.picture.shape[1::-1]
    first = int(rng.integers(len(page.words)))
    x, y, right, bottom = _corners(page.words[first])
    for word in page.words[first + 1 : first + int(rng.integers(1, 4))]:
        left, top, ends, lower = _corners(word)
        if left >= right and abs(top - y) < bottom - y:
            y, right, bottom = min(y, top), ends, max(bottom, lower)
    x, y = max(0, x - PADDING_PX), max(0, y - PADDING_PX)
    return x, y, min(width, right + PADDING_PX) - x, min(height, bottom + PADDING_PX) - y


def _corners(box: Box) -> Box:
    return box[0], box[1], box[0] + box[2], box[1] + box[3]


def _cut(scan: Scanned, like: Box, rng: np.random.Generator, but: Box | None) -> Picture:
    """Return a piece as large as `like` that begins at a word of the scan, and lies apart from `but`."""
    height, width = scan.picture.shape[:2]
    _, _, wide, high = like
    choices = [
        (x - PADDING_PX, y - PADDING_PX)
        for x, y, _, _ in scan.words
        if PADDING_PX <= x <= width - wide
        and PADDING_PX <= y <= height - high
        and (but is None or abs(x - but[0]) > wide + 8 or abs(y - but[1]) > high + 8)
    ]
    if not choices:
        raise ValueError(f"no word of the scan has {wide}x{high} px beside it")
    x, y = choices[int(rng.integers(len(choices)))]
    return scan.picture[y : y + high, x : x + wide].copy()


def _covered(picture: Picture, target: Box, patch: Picture) -> Forgery:
    x, y, width, height = target
    wanted, has = _paper(_around(picture, target)), _paper(patch)
    shifted = np.clip(patch.astype(np.int16) + np.round(wanted - has).astype(np.int16), 0, 255).astype(np.uint8)
    forged, mask = picture.copy(), np.zeros(picture.shape[:2], np.bool_)
    forged[y : y + height, x : x + width] = shifted
    mask[y : y + height, x : x + width] = True
    return Forgery(forged, mask, target)


def _plain(picture: Picture, target: Box) -> Picture:
    _, _, width, height = target
    return np.full((height, width, 3), np.round(_paper(_around(picture, target))), np.uint8)


def _paper(patch: Picture) -> NDArray[np.float64]:
    """Return the colour of the paper: the median of the brighter half."""
    pixels = patch.reshape(-1, 3)
    luma = pixels.sum(axis=1, dtype=np.int64)
    return np.asarray(np.median(pixels[luma >= np.median(luma)], axis=0), np.float64)


def _at(picture: Picture, box: Box) -> Picture:
    x, y, width, height = box
    return picture[y : y + height, x : x + width]


def _around(picture: Picture, box: Box) -> Picture:
    x, y, width, height = box
    return picture[max(0, y - 20) : y + height + 20, max(0, x - 20) : x + width + 20]
