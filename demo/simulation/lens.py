"""Lens: bends, darkens and splits the light of a scene as one device's lens does.

Each device has a lens of its own, which tells nothing of its model: radial distortion of one term (Brown 1966),
vignetting with the fourth power of the cosine of the field angle, and lateral chromatic aberration, by which red and
blue are enlarged a little differently from green.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from demo.simulation.scenes import Light


@dataclass(frozen=True)
class Lens:
    """One lens. Distances from the centre are shares of half the diagonal."""

    distortion: float
    """At the corner a point lies this share nearer to the centre (barrel) or farther from it (pincushion)."""
    field_tangent: float
    """Tangent of the angle under which the corner is seen: the larger, the darker the corners."""
    red_scale: float
    """Size of the red picture over that of the green one."""
    blue_scale: float


def lens_of(device_seed: int) -> Lens:
    """Return the lens of a device."""
    rng = np.random.Generator(np.random.SFC64((device_seed, 1)))
    return Lens(
        distortion=float(rng.uniform(-0.015, 0.015)),
        field_tangent=float(rng.uniform(0.1, 0.4)),
        red_scale=1.0 + float(rng.normal(0.0, 0.0004)),
        blue_scale=1.0 + float(rng.normal(0.0, 0.0004)),
    )


def through(lens: Lens, light: Light) -> Light:
    """Return light (height, width, 3) as the lens throws it on the sensor; light is not changed."""
    height, width = light.shape[:2]
    x = np.arange(width, dtype=np.float32)[None, :] - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    squared = (x * x + y * y) / np.float32((width * width + height * height) / 4)
    bent = 1.0 + np.float32(lens.distortion) * squared
    falloff = 1.0 / np.square(1.0 + np.float32(lens.field_tangent**2) * squared)
    seen = np.empty_like(light)
    for channel, scale in enumerate((lens.red_scale, 1.0, lens.blue_scale)):
        stretched = bent * np.float32(1.0 / scale)
        across, down = x * stretched + np.float32((width - 1) / 2), y * stretched + np.float32((height - 1) / 2)
        plane = cv2.remap(light[..., channel], across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        np.multiply(plane, falloff, out=seen[..., channel])
    return seen
