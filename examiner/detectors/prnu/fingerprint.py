"""Fingerprint: a device's sensor pattern, estimated from its photographs by maximum likelihood.

Luma of photographs of one size in, pattern out: K = Σ W·I / Σ I², with residuals W and brightness I, cleaned of what
all devices of a model share. Source: Chen, Fridrich, Goljan and Lukáš, IEEE TIFS 3 (2008), section III.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from examiner.detectors.prnu.residual import cleaned, light_weights, noise_residual
from examiner.detectors.prnu.wavelet import Plane

STEPS_A_DEVIATION = 32
"""Steps of the stored pattern in one deviation: 8 bits hold four deviations either way."""
PATTERNLESS = 1e-6
"""Deviation of a pattern below which there is only rounding; sensors have about 1 %."""
REFERENCES_ADVISED = 20
"""Photographs below which a fingerprint of ordinary scenes is called thin."""


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A device's pattern."""

    steps: NDArray[np.int8]
    """(height, width), in steps of 1/32 of its deviation."""
    photographs: int
    digests: tuple[str, ...] = ()
    """SHA-256 of the photographs it was estimated from, sorted."""
    claims: tuple[str, ...] = ()
    """Makes and models that their EXIF names, sorted."""
    name: str = ""
    """Of its file, for people."""

    @property
    def pattern(self) -> Plane:
        """The pattern with deviation 1."""
        return np.asarray(self.steps, np.float32) * np.float32(1 / STEPS_A_DEVIATION)

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height."""
        return self.steps.shape[1], self.steps.shape[0]


class Estimate:
    """Sums over photographs, one at a time, so that memory does not grow with their number."""

    def __init__(self, size_px: tuple[int, int]) -> None:
        """Begin with nothing, for photographs of this width and height."""
        self.size_px = size_px
        self.photographs = 0
        self._products = np.zeros(size_px[::-1], np.float32)
        self._squares = np.ones(size_px[::-1], np.float32)

    def add(self, luma: NDArray[np.uint8]) -> None:
        """Add a photograph; raises ValueError for another size."""
        if luma.shape != self._products.shape:
            raise ValueError(f"is {luma.shape[1]}×{luma.shape[0]} px, and the others are {self.size_px}")
        weights = light_weights(luma)
        self._products += noise_residual(luma) * weights
        self._squares += weights * weights
        self.photographs += 1

    def fingerprint(self, digests: tuple[str, ...] = (), claims: tuple[str, ...] = (), name: str = "") -> Fingerprint:
        """Return the pattern so far; raises ValueError where there is none: no photograph, or only flat ones."""
        pattern = cleaned(np.asarray(self._products / self._squares, np.float32))
        deviation = float(pattern.std())
        if not deviation > PATTERNLESS:
            raise ValueError("no pattern is in these photographs: they have no noise")
        steps = np.clip(np.rint(pattern * np.float32(STEPS_A_DEVIATION / deviation)), -127, 127).astype(np.int8)
        return Fingerprint(steps, self.photographs, tuple(sorted(digests)), tuple(sorted(claims)), name)
