"""The doctored photograph of the demo."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from demo.doctored import PASTED_PX, doctored


def photograph(seed: int, model: str) -> bytes:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (18, 24, 3), np.uint8)
    picture = Image.fromarray(small).resize((960, 720), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0110] = model
    saved = io.BytesIO()
    picture.save(saved, "JPEG", quality=95, exif=exif)
    return saved.getvalue()


def pixels(data: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(data))).astype(np.int16)


def test_only_the_pasted_rectangle_shows_the_other_photograph() -> None:
    host, donor = photograph(1, "Alder C1"), photograph(2, "Borea N5")
    made = pixels(doctored(host, donor))
    left, top, width, height = PASTED_PX
    inside = (slice(top + 8, top + height - 8), slice(left + 8, left + width - 8))
    assert np.abs(made - pixels(donor))[inside].mean() < 3
    outside = np.abs(made - pixels(host))
    outside[top - 8 : top + height + 8, left - 8 : left + width + 8] = 0
    assert outside.mean() < 3
    assert np.abs(pixels(host) - pixels(donor))[inside].mean() > 20


def test_it_claims_the_camera_of_the_photograph_below() -> None:
    made = doctored(photograph(1, "Alder C1"), photograph(2, "Borea N5"))
    assert Image.open(io.BytesIO(made)).getexif()[0x0110] == "Alder C1"
