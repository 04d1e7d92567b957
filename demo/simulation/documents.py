"""Documents: draws printed pages as light that a scanner or a camera sees, each from an integer seed.

A page is what a laser printer leaves on paper: letters of one of five typefaces at 600 dpi, with rough edges and uneven
toner, on paper with fibres, laid on the glass a little askew. So no two letters of a page are equal, as on paper. The
typefaces are those that matplotlib brings along. Refuses resolutions that do not divide 600.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from demo.simulation.scenes import Light, fractal

PRINT_DPI = 600
Paper = Literal["A4", "letter", "A5", "slip"]
PAPER_MM: dict[Paper, tuple[float, float]] = {
    "A4": (210.0, 297.0),
    "letter": (215.9, 279.4),
    "A5": (148.0, 210.0),
    "slip": (80.0, 110.0),
}
"""Width and height."""
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels."""

TYPEFACES = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf", "DejaVuSans-Bold.ttf")
_SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "han", "jer", "kil", "lom", "mur", "nas", "pet", "qui", "ros", "sul", "tav", "ven",
    "wil", "xan", "yor", "zen", "al", "est", "in", "or", "un",
)  # fmt: skip
_MARGIN_MM = 9.0


@dataclass(frozen=True)
class Page:
    """A printed page as the glass of a scanner shows it."""

    light: Light
    """Share of the light that it reflects, (height, width, 3), red first."""
    dpi: int
    words: tuple[Box, ...]
    """Where its words are."""


def draw_page(seed: int, paper: Paper, dpi: int) -> Page:
    """Return the page of `seed`: equal arguments give equal light.

    Raises ValueError where `dpi` does not divide 600.
    """
    if dpi < 1 or PRINT_DPI % dpi:
        raise ValueError(
            f"a page of {dpi} dpi cannot be drawn: use one that divides {PRINT_DPI}, such as 150, 200, 300"
        )
    rng = np.random.Generator(np.random.SFC64(seed))
    times = PRINT_DPI // dpi
    width, height = (round(side / 25.4 * dpi) for side in PAPER_MM[paper])
    sheet, boxes = _printed(rng, width * times, height * times)
    rough = cv2.resize(rng.standard_normal((height, width), dtype=np.float32), (width * times, height * times))
    centre = (width * times / 2, height * times / 2)
    askew = np.asarray(cv2.getRotationMatrix2D(centre, rng.normal(0.0, 0.25), 1.0), np.float64)
    askew[:, 2] = askew[:, 2] + rng.uniform(0.0, times, 2)
    sheet = np.asarray(cv2.warpAffine(sheet, askew, (width * times, height * times), borderValue=0.0), np.uint8)
    inked = (sheet.astype(np.float32) + 40.0 * rough > 127.0).astype(np.float32)
    inked *= 1.0 - 0.06 * np.abs(rough)
    ink = np.asarray(cv2.resize(inked, (width, height), interpolation=cv2.INTER_AREA), np.float32)[..., None]
    return Page(_reflected(rng, ink), dpi, tuple(_moved(box, askew, times) for box in boxes))


def _reflected(rng: np.random.Generator, ink: NDArray[np.float32]) -> Light:
    height, width = ink.shape[:2]
    fibres = fractal(rng, (height, width), 0.8)[..., None] * np.float32(rng.uniform(0.002, 0.006))
    colour = rng.uniform(0.76, 0.88) * np.array([1.0, rng.uniform(0.97, 1.0), rng.uniform(0.92, 1.0)], np.float32)
    toner = np.asarray([0.03, 0.03, 0.035], np.float32) + np.float32(rng.uniform(0.0, 0.05))
    return np.asarray(colour * (1.0 + fibres) * (1.0 - ink) + toner * ink, np.float32)


def _printed(rng: np.random.Generator, width: int, height: int) -> tuple[NDArray[np.uint8], list[Box]]:
    """Return how black a page is printed, 0 to 255, and the boxes of its words, in pixels of the printer."""
    image = Image.new("L", (width, height))
    pen = ImageDraw.Draw(image)
    margin = round(_MARGIN_MM / 25.4 * PRINT_DPI)
    boxes: list[Box] = []
    y = margin
    while y < height - margin:
        points = float(rng.choice([9, 10, 11, 12, 12, 16]))
        font = typeface(int(rng.integers(len(TYPEFACES))), round(points * PRINT_DPI / 72))
        lines = int(rng.integers(1, 3 if points == 16 else 7))
        indent = margin + int(rng.choice([0, 0, 0, width // 4]))
        for _ in range(lines):
            x, advance = indent, round(points * 1.25 * PRINT_DPI / 72)
            if y + advance > height - margin:
                return np.asarray(image), boxes
            ends_at = width - margin - int(rng.integers(0, (width - 2 * margin) // 3))
            while True:
                word = _word(rng)
                left, top, right, bottom = (int(each) for each in pen.textbbox((x, y), word, font))
                if right > ends_at:
                    break
                pen.text((x, y), word, fill=255, font=font)
                boxes.append((left, top, right - left, bottom - top))
                x = right + round(points * 0.3 * PRINT_DPI / 72)
            y += advance
        if rng.random() < 0.3:  # a rule
            pen.rectangle((margin, y, width - margin, y + 6), fill=255)
        y += round(rng.uniform(4.0, 14.0) * PRINT_DPI / 72)
    return np.asarray(image), boxes


def _word(rng: np.random.Generator) -> str:
    if rng.random() < 0.25:
        return f"{rng.integers(1, 10 ** int(rng.integers(1, 6))):,}.{rng.integers(0, 100):02d}"
    word = "".join(rng.choice(_SYLLABLES, int(rng.integers(1, 5))))
    return word.capitalize() if rng.random() < 0.2 else word


@cache
def typeface(number: int, size_px: int) -> ImageFont.FreeTypeFont:
    """Return one of TYPEFACES by its number."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf" / TYPEFACES[number]), size_px)


def _moved(box: Box, matrix: NDArray[np.float64], times: int) -> Box:
    x, y, width, height = box
    corners = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]])
    moved = (corners @ matrix[:, :2].T + matrix[:, 2]) / times
    left, top = (int(each) for each in np.floor(moved.min(axis=0)))
    right, bottom = (int(each) for each in np.ceil(moved.max(axis=0)))
    return left, top, right - left, bottom - top
