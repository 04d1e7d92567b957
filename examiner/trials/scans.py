"""Scans: genuine photographs as a scanner or a camera would see them on paper or on a display."""

import cv2
import numpy as np
from PIL import Image

from examiner.trials.trial import Plant, Trial, as_jpeg, opened

_MOST_PX = 1600


def scanned(pattern: float, quality: int) -> Plant:
    """Return a plant that scans a print of a photograph: its columns have gains of deviation `pattern`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        seen = _smaller(genuine)
        width = seen.shape[1]
        seen = seen * (1.0 + pattern * random.standard_normal((1, width, 3)))
        seen = seen + (0.004 * random.standard_normal(seen.shape) + 0.001) * (0.3 + seen)
        return as_jpeg(_picture(seen), quality)

    return plant


def printed(period_px: float, quality: int) -> Plant:
    """Return a plant that prints a photograph in black dots, turned by 45°, and scans it."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        grey = cv2.cvtColor(_smaller(genuine).astype(np.float32), cv2.COLOR_RGB2GRAY)
        height, width = grey.shape
        fine = cv2.resize(grey, (width * 3, height * 3))
        rows, columns = np.mgrid[: height * 3, : width * 3].astype(np.float32)
        turn = np.float32(2 * np.pi / (3 * period_px) * 0.5**0.5)
        screen = 0.5 + 0.25 * (np.cos((columns + rows) * turn) + np.cos((columns - rows) * turn))
        dots = cv2.resize((fine > screen).astype(np.float32) * 0.8 + 0.1, (width, height), interpolation=cv2.INTER_AREA)
        return as_jpeg(_picture(np.repeat(dots[..., None], 3, axis=2)), quality)

    return plant


def displayed(pitch_px: float, quality: int) -> Plant:
    """Return a plant that photographs a photograph on a display, a little askew."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        seen = _smaller(genuine)
        height, width = seen.shape[:2]
        rows, columns = (each / 2 for each in np.mgrid[: height * 2, : width * 2].astype(np.float32))
        turn = np.deg2rad(random.uniform(-5.0, 5.0))
        across = (columns * np.cos(turn) + rows * np.sin(turn)) / pitch_px % 1.0
        down = (rows * np.cos(turn) - columns * np.sin(turn)) / pitch_px % 1.0
        shown = np.empty_like(seen)
        for channel in range(3):
            lit = (np.abs(3 * across - channel - 0.5) < 0.45) & (down < 0.85)
            cells = cv2.resize(lit.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
            shown[..., channel] = seen[..., channel] * (0.25 + 2.2 * cells)
        return as_jpeg(_picture(np.asarray(cv2.GaussianBlur(shown, (0, 0), 0.7))), quality)

    return plant


def _smaller(genuine: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return a photograph at three quarters of its size, at most 1600 px a side, 0 to 1."""
    picture = opened(genuine)
    scale = min(0.75, _MOST_PX / max(picture.size))
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.LANCZOS), np.float64) / 255


def _picture(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Image.Image:
    return Image.fromarray(np.clip(values * 255 + 0.5, 0, 255).astype(np.uint8))


TRIALS: tuple[Trial, ...] = (
    *(
        Trial("scanner_or_camera", f"scanned by a line whose sensors differ by {pattern:.1%}", scanned(pattern, 90))
        for pattern in (0.012, 0.02)
    ),
    *(Trial("print_dots", f"printed in dots of {period} px and scanned", printed(period, 85)) for period in (3.0, 5.0)),
    *(
        Trial("display_pixels", f"photographed on a display with pixels of {pitch} px", displayed(pitch, 90))
        for pitch in (2.5, 4.0)
    ),
)
"""All that is planted for the findings about scans."""
