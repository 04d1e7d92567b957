"""Sensor: turns a scene's linear light into the raw mosaic of one device.

The mosaic is 12-bit, uint16, (height, width), one colour per pixel by the colour filter array, white-balanced, with
photon noise, read noise and the device's fixed pattern (PRNU: each photosite's own sensitivity, 1 % deviation; Chen,
Fridrich, Goljan and Lukáš 2008).
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from demo.simulation.scenes import Plane, Scene

Raw = NDArray[np.uint16]
"""Mosaic of values 0 to `WHITE`, (height, width)."""
Mosaic = Literal["RGGB", "BGGR", "GRBG", "GBRG"]
"""Colours of the top left 2×2 pixels, row by row."""

WHITE = 4095
PRNU_DEVIATION = 0.01
PHOTONS_AT_ISO_100 = 4000.0
"""Photons that fill a photosite at ISO 100, as in a phone's 1.1 µm photosite."""
READ_NOISE_AT_ISO_100 = 0.0006


def fixed_pattern(device_seed: int, width_px: int, height_px: int) -> Plane:
    """Return the sensitivity of each photosite of one device: mean 1, deviation `PRNU_DEVIATION`."""
    rng = np.random.Generator(np.random.SFC64(device_seed))
    pattern = rng.standard_normal((height_px, width_px), dtype=np.float32)
    pattern *= np.float32(PRNU_DEVIATION)
    pattern += np.float32(1.0)
    return pattern


def expose(scene: Scene, mosaic: Mosaic, pattern: Plane, noise_seed: int) -> Raw:
    """Return the white-balanced raw mosaic of a scene under a device's fixed pattern.

    Raises ValueError where scene and pattern differ in size.
    """
    height, width = pattern.shape
    if scene.light.shape[:2] != (height, width):
        raise ValueError(f"the scene is {scene.light.shape[1]}x{scene.light.shape[0]} px, the sensor {width}x{height}")
    signal = np.empty((height, width), np.float32)
    for site, (row, column) in zip(mosaic, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        signal[row::2, column::2] = scene.light[row::2, column::2, "RGB".index(site)]
    np.clip(signal, 0.0, 1.0, out=signal)  # a full photosite saturates
    signal *= pattern
    rng = np.random.Generator(np.random.SFC64(noise_seed))
    gain = scene.iso / 100.0
    noise = rng.standard_normal((height, width), dtype=np.float32)
    noise *= np.sqrt(signal * np.float32(gain / PHOTONS_AT_ISO_100) + np.float32((READ_NOISE_AT_ISO_100 * gain) ** 2))
    signal += noise
    for site, (row, column) in zip(mosaic, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
        signal[row::2, column::2] *= np.float32(1.0 / scene.illuminant["RGB".index(site)])
    signal *= np.float32(WHITE)
    signal += np.float32(0.5)
    np.clip(signal, 0.0, WHITE, out=signal)
    return signal.astype(np.uint16)
