"""History: compressions, crops, resizing and pastes that the findings of `examiner.findings.history` should see."""

import numpy as np
from PIL import Image

from examiner.trials.trial import Plant, Trial, as_jpeg, as_png, opened

_ASIDE = (1, 2, 3, 5, 6, 7)
_INTERPOLATIONS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def cropped_between(first: int, second: int) -> Plant:
    """Return a plant that saves at `first`, crops off the grid of blocks, and saves at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(as_jpeg(opened(genuine), first))
        left, top = (int(each) for each in random.choice(_ASIDE, 2))
        return as_jpeg(picture.crop((left, top, *picture.size)), second)

    return plant


def saved_twice(first: int, second: int) -> Plant:
    """Return a plant that saves at `first` and, on the same grid, at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        return as_jpeg(opened(as_jpeg(opened(genuine), first)), second)

    return plant


def pasted_after(first: int, second: int, side_px: int) -> Plant:
    """Return a plant that saves at `first`, pastes a square of another photograph, and saves at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(as_jpeg(opened(genuine), first))
        _paste(picture, opened(other), side_px, random)
        return as_jpeg(picture, second)

    return plant


def pasted_from_jpeg(first: int, second: int, side_px: int) -> Plant:
    """Return a plant that pastes a square of a JPEG of quality `first` off its grid, and saves at `second`."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(genuine)
        _paste(picture, opened(as_jpeg(opened(other), first)), side_px, random)
        return as_jpeg(picture, second)

    return plant


def resized(factor: float, second: int | None) -> Plant:
    """Return a plant that resizes by one of three interpolations and saves at `second`; None saves as PNG."""

    def plant(genuine: bytes, other: bytes, random: np.random.Generator) -> bytes:
        picture = opened(genuine)
        size = round(picture.width * factor), round(picture.height * factor)
        changed = picture.resize(size, _INTERPOLATIONS[int(random.integers(len(_INTERPOLATIONS)))])
        return as_png(changed) if second is None else as_jpeg(changed, second)

    return plant


def _paste(picture: Image.Image, part: Image.Image, side_px: int, random: np.random.Generator) -> None:
    """Paste a square of `part` into `picture`, so that their grids of blocks lie apart on both axes."""
    side = min(side_px, *part.size, *picture.size) - 8
    aside = random.choice(_ASIDE, 2)
    from_x, from_y = (int(random.integers((length - side) // 8)) * 8 for length in part.size)
    x, y = (
        int(random.integers((length - side) // 8)) * 8 + int(away)
        for length, away in zip(picture.size, aside, strict=True)
    )
    picture.paste(part.crop((from_x, from_y, from_x + side, from_y + side)), (x, y))


TRIALS: tuple[Trial, ...] = (
    *(
        Trial("shifted_grid", f"saved at {first}, cropped, saved at {second}", cropped_between(first, second))
        for first in (60, 75, 90)
        for second in (75, 90, 98)
    ),
    *(
        Trial("double_compression", f"saved at {first} and at {second}", saved_twice(first, second))
        for first in (60, 75, 85, 95)
        for second in (75, 90, 98)
        if first != second
    ),
    *(
        Trial(
            "uneven_compression", f"saved at {first}, {side} px pasted in, saved at {second}",
            pasted_after(first, second, side),
        )
        for first in (60, 75, 90)
        for second in (85, 95)
        for side in (128, 256)
    ),
    *(
        Trial(
            "foreign_grid", f"{side} px of a JPEG of {first} pasted in, saved at {second}",
            pasted_from_jpeg(first, second, side),
        )
        for first in (60, 75, 90)
        for second in (90, 95, 98)
        for side in (128, 256)
    ),
    *(
        Trial(
            "resampling", f"resized by {factor}, saved " + ("as PNG" if second is None else f"at {second}"),
            resized(factor, second), lossless=second is None,
        )
        for factor in (0.6, 0.8, 0.9, 1.05, 1.1, 1.3, 1.7, 2.0)
        for second in (None, 95, 85)
    ),
)  # fmt: skip
