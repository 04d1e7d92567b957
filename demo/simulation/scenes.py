"""Scenes: draws the scenes that all simulated cameras photograph, each from an integer seed.

A scene is linear light, float32, (height, width, 3), mid-grey about 0.18, lamps above 1, under a coloured illuminant.
It consists of what photographs show: shapes that occlude each other with sizes of a power law (dead leaves; Lee,
Mumford and Huang 2001), 1/f textures, smooth skies, shadows, lamps, thin lines and letters, partly out of focus. All
cameras share one generator, so no scene gives a model away. Refuses sizes too small to hold a scene.
"""

from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
"""One channel, (height, width)."""
Light = NDArray[np.float32]
"""Three channels, red first, (height, width, 3)."""

SIZE_MIN_PX = 64
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXYZ0123456789"


@dataclass(frozen=True)
class Scene:
    """Light that reaches the sensor, and the exposure that the camera's meter chooses."""

    light: Light
    illuminant: tuple[float, float, float]
    """Colour of the light source, red, green, blue; green is 1."""
    iso: int
    exposure_s: Fraction


def draw_scene(seed: int, width_px: int, height_px: int) -> Scene:
    """Return the scene of `seed`: equal arguments give equal light.

    Raises ValueError below 64 pixels per side.
    """
    if min(width_px, height_px) < SIZE_MIN_PX:
        raise ValueError(f"a scene of {width_px}x{height_px} px is too small: use at least {SIZE_MIN_PX} px per side")
    rng = np.random.Generator(np.random.SFC64(seed))
    shape = (height_px, width_px)
    labels, count = _objects(rng, shape)
    light = _painted(rng, labels, count)
    if rng.random() < 0.35:
        light = _with_sky(rng, light)
    light *= _illumination(rng, shape)[..., None]
    if rng.random() < 0.5:
        light = _partly_out_of_focus(rng, light)
    _add_lights(rng, light)
    # the lens's blur: the sharpest edges there are, none of them jagged
    light = np.asarray(cv2.GaussianBlur(light, (0, 0), 0.75), np.float32)
    warmth = rng.normal(0.0, 0.16)
    illuminant = (float(np.exp(warmth)), 1.0, float(np.exp(-1.2 * warmth + rng.normal(0.0, 0.05))))
    # the meter aims at mid-grey and misses by a third of a stop, as meters do
    key = 0.17 * 2.0 ** rng.normal(0.0, 0.35) / float(np.mean(np.minimum(light, 1.0)) + 1e-3)
    light *= np.asarray(illuminant, np.float32) * np.float32(key)
    iso = round(64 * 10.0 ** rng.uniform(0.0, 1.0))
    return Scene(light, illuminant, iso, exposure_s=Fraction(1, int(2.0 ** rng.uniform(5.0, 10.0))))


def fractal(rng: np.random.Generator, shape: tuple[int, int], roughness: float) -> Plane:
    """Return a plane of mean 0 and deviation 1 whose amplitude falls with frequency.

    `roughness` is the gain from one octave to the next finer one: 0.5 gives clouds, 0.9 gravel.
    """
    height, width = shape
    levels = max(1, int(np.log2(min(shape))) - 2)
    sizes = [(max(2, -(-height >> level)), max(2, -(-width >> level))) for level in range(levels, -1, -1)]
    plane = rng.standard_normal(sizes[0], dtype=np.float32)
    amplitude = 1.0
    for size in sizes[1:]:
        amplitude *= roughness
        plane = _enlarged(plane, size)
        plane += rng.standard_normal(size, dtype=np.float32) * np.float32(amplitude)
    plane = _enlarged(plane, shape)
    mean, deviation = cv2.meanStdDev(plane)
    plane -= np.float32(mean[0, 0])
    plane *= np.float32(1.0 / (deviation[0, 0] + 1e-6))
    return plane


def _enlarged(
    image: NDArray[np.float32], shape: tuple[int, int], interpolation: int = cv2.INTER_LINEAR
) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(image, (shape[1], shape[0]), interpolation=interpolation), np.float32)


def _objects(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[NDArray[np.uint16], int]:
    """Return a map of which object each pixel shows (later ones in front) and the number of objects."""
    height, width = shape
    labels = np.zeros(shape, np.uint16)
    label = 1
    # radii follow a power law r^-2.3; mostly large ones first, since small things lie on large ones
    count = int(rng.integers(150, 550))
    radii = 7.0 * (1.0 - rng.random(count)) ** (-1 / 1.3)
    radii = np.minimum(radii, 0.5 * min(shape))
    radii = radii[np.argsort(-radii * rng.uniform(0.4, 1.0, count))]
    for radius in radii:
        corners = _outline(rng) * radius + rng.random(2) * (width, height)
        cv2.fillPoly(labels, [np.round(corners * 16).astype(np.int32)], label, lineType=cv2.LINE_8, shift=4)
        label += 1
    for _ in range(int(rng.integers(0, 14))):  # branches and wires
        steps = rng.normal(0.0, rng.uniform(10, 60), (int(rng.integers(3, 9)), 2)).cumsum(axis=0)
        points = steps + rng.random(2) * (width, height)
        cv2.polylines(labels, [points.astype(np.int32)], False, label, thickness=int(rng.integers(1, 5)))
        label += 1
    for _ in range(int(rng.integers(0, 5))):  # signs
        text = "".join(rng.choice(list(_LETTERS), int(rng.integers(3, 12))))
        where = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        scale = float(rng.uniform(0.4, 2.0))
        letters = np.zeros(shape, np.uint8)
        cv2.putText(letters, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, int(rng.integers(1, 4)))
        labels[letters > 127] = label
        label += 1
    return labels, label


def _outline(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the corners of a shape of radius about 1: a box, a disc, a splinter or a lobed leaf."""
    corners = int(rng.choice([3, 4, 4, 5, 24, 32]))
    turn = np.linspace(0.0, 2 * np.pi, corners, endpoint=False) + rng.random() * 2 * np.pi
    lobes = 1.0 + (rng.uniform(0.0, 0.5) * np.cos(int(rng.integers(2, 6)) * turn) if corners > 5 else 0.0)
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.reshape(lobes * np.ones(corners), (-1, 1))
    points[:, 0] *= np.exp(rng.normal(0.0, 0.5))
    angle = rng.choice([0.0, rng.random() * np.pi])
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turned, np.float64)


def _painted(rng: np.random.Generator, labels: NDArray[np.uint16], count: int) -> Light:
    """Return the objects in their colours, each with its own mixture of the scene's textures."""
    grey = np.exp(rng.uniform(np.log(0.03), np.log(0.85), (count, 1)))
    tint = np.exp(rng.normal(0.0, 0.28, (count, 3)) * rng.choice([0.3, 0.8, 1.4], (count, 1)))
    palette = (grey * tint / tint.mean(axis=1, keepdims=True)).astype(np.float32)
    # most surfaces have one texture, some are bare
    gains = (rng.gamma(0.8, 0.24, (3, count)) * (rng.random((3, count)) < 0.5)).astype(np.float32)
    relief = np.zeros(labels.shape, np.float32)
    for gain, texture in zip(gains, _textures(rng, (labels.shape[0], labels.shape[1])), strict=True):
        relief += gain.take(labels) * texture
    np.clip(relief, -0.9, 2.5, out=relief)
    relief += 1.0
    light: Light = palette.take(labels, axis=0)
    light *= relief[..., None]
    return light


def _textures(rng: np.random.Generator, shape: tuple[int, int]) -> list[Plane]:
    """Return three textures: a rough one, one with a direction and one with a pattern."""
    height, width = shape
    rough = fractal(rng, shape, rng.uniform(0.55, 0.95))
    stretch = int(rng.integers(3, 12))
    if rng.random() < 0.5:
        narrow = fractal(rng, (height, max(8, width // stretch)), rng.uniform(0.7, 0.95))
    else:
        narrow = fractal(rng, (max(8, height // stretch), width), rng.uniform(0.7, 0.95))
    grain = _enlarged(narrow, shape)
    rows, columns = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)[None, :]
    angle, period_px = rng.random() * np.pi, rng.uniform(4.0, 40.0)
    along = columns * np.float32(np.cos(angle)) + rows * np.float32(np.sin(angle))
    across = rows * np.float32(np.cos(angle)) - columns * np.float32(np.sin(angle))
    bend = _enlarged(fractal(rng, (height // 8, width // 8), 0.5), shape) * np.float32(rng.uniform(0.0, 2.0))
    stripes = np.sin(along * np.float32(2 * np.pi / period_px) + bend)
    if rng.random() < 0.5:  # weave and tiles
        stripes *= np.sin(across * np.float32(2 * np.pi / (period_px * rng.uniform(0.7, 2.0))) + bend)
    if rng.random() < 0.6:  # hard-edged: bricks, slats, foliage
        stripes = np.tanh(stripes * np.float32(rng.uniform(2.0, 8.0)))
    return [rough, grain, stripes]


def _with_sky(rng: np.random.Generator, light: Light) -> Light:
    height, width = light.shape[:2]
    horizon = height * rng.uniform(0.12, 0.45)
    ragged = fractal(rng, (8, width), 0.6)[4] * height * rng.uniform(0.0, 0.05)
    skyline = np.stack([np.arange(width), horizon + ragged], axis=1)
    mask = np.zeros((height, width), np.uint8)
    outline = np.concatenate([[[0, 0]], skyline, [[width - 1, 0]]]).astype(np.int32)
    cv2.fillPoly(mask, [outline], 255)
    clouds = _enlarged(fractal(rng, (height // 4, width // 4), 0.5), (height, width)) * np.float32(rng.uniform(0, 0.2))
    fall = np.linspace(1.0, rng.uniform(0.8, 1.8), height, dtype=np.float32)[:, None]
    brightness = np.float32(rng.uniform(0.35, 1.0)) * fall * (1.0 + clouds)
    blue = rng.uniform(0.0, 0.5)
    colour = np.array([1.0 - blue, 1.0 - 0.4 * blue, 1.0 + 0.4 * blue], np.float32)
    bottom = int(skyline[:, 1].max()) + 1  # the sky ends above
    sky = brightness[:bottom, :, None] * colour
    np.copyto(light[:bottom], sky, where=mask[:bottom, :, None] > 0)
    return light


def _illumination(rng: np.random.Generator, shape: tuple[int, int]) -> Plane:
    """Return the light that falls on each pixel: slow changes, and shadows with hard and soft edges."""
    height, width = shape
    slow = _enlarged(fractal(rng, (height // 16, width // 16), 0.35), shape, cv2.INTER_CUBIC)
    light: Plane = np.exp(slow * np.float32(rng.uniform(0.1, 0.5)))
    for _ in range(int(rng.integers(0, 4))):
        shadow = np.full(shape, 1.0, np.float32)
        corners = _outline(rng) * rng.uniform(0.1, 0.5) * width + rng.random(2) * (width, height)
        cv2.fillPoly(shadow, [corners.astype(np.int32)], float(rng.uniform(0.2, 0.7)))
        light *= _blurred(shadow, float(rng.choice([0.0, 2.0, 8.0])))
    return light


def _partly_out_of_focus(rng: np.random.Generator, light: Light) -> Light:
    height, width = light.shape[:2]
    depth = _enlarged(fractal(rng, (height // 16, width // 16), 0.4), (height, width), cv2.INTER_CUBIC)
    sharp = 1.0 / (1.0 + np.exp((depth - np.float32(rng.uniform(0.2, 1.6))) * np.float32(6.0)))
    soft = _blurred(light, float(rng.uniform(2.0, 9.0)))
    light -= soft
    light *= sharp[..., None].astype(np.float32)
    light += soft
    return light


def _blurred(image: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    """Return the image under a Gaussian, wide ones at a quarter of the resolution, which is sixteen times cheaper."""
    if sigma_px <= 0.0:
        return image
    if sigma_px < 4.0:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / 4)
    return _enlarged(np.asarray(small, np.float32), (height, width))


def _add_lights(rng: np.random.Generator, light: Light) -> None:
    """Add lamps and glints brighter than the sensor can record, in place."""
    height, width = light.shape[:2]
    for _ in range(int(rng.integers(0, 9))):
        radius = float(rng.uniform(1.0, 8.0))
        reach = int(radius * 4) + 2
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        left, right, top, bottom = max(0, x - reach), min(width, x + reach), max(0, y - reach), min(height, y + reach)
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
        glow = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / np.float32(2 * radius**2))
        colour = np.array([1.0, 0.9, 0.75] if rng.random() < 0.5 else [1.0, 1.0, 1.0], np.float32)
        light[top:bottom, left:right] += glow[..., None] * colour * np.float32(rng.uniform(0.5, 4.0))
