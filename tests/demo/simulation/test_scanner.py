"""What simulated scanners, printed pages and forgeries of them are like."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from demo.simulation import forgeries, scanner
from demo.simulation.cameras import Picture
from demo.simulation.documents import Page, draw_page
from demo.simulation.forgeries import KINDS, Scanned
from demo.simulation.reproduction import View, displayed, halftoned

MODEL = scanner.MODELS[0]


@pytest.fixture(scope="module")
def page() -> Page:
    return draw_page(14, "slip", 150)


@dataclass(frozen=True)
class Scans:
    first: Scanned
    second: Scanned


@pytest.fixture(scope="module")
def scans(page: Page) -> Scans:
    other = draw_page(15, "slip", 150)
    return Scans(
        Scanned(scanner.scan(MODEL, 1, page.light, 150, 3), page.words),
        Scanned(scanner.scan(scanner.MODELS[3], 2, other.light, 150, 4), other.words),
    )


def test_a_page_is_the_same_for_the_same_seed_only(page: Page) -> None:
    again = draw_page(14, "slip", 150)
    assert np.array_equal(page.light, again.light)
    assert page.words == again.words
    assert not np.array_equal(page.light, draw_page(16, "slip", 150).light)


def test_a_page_is_as_large_as_its_paper_and_its_words_are_dark(page: Page) -> None:
    assert page.light.shape == (650, 472, 3)
    assert len(page.words) > 10
    for x, y, width, height in page.words:
        assert page.light[y : y + height, x : x + width].min() < 0.4 < np.median(page.light)


def test_a_resolution_that_does_not_divide_the_printers_is_refused() -> None:
    with pytest.raises(ValueError, match="170 dpi"):
        draw_page(1, "slip", 170)


def test_a_device_scans_the_same_page_alike_but_for_noise(page: Page) -> None:
    one, two = (scanner.scan(MODEL, 1, page.light, 150, 3) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, scanner.scan(MODEL, 2, page.light, 150, 3))


def columns(picture: Picture) -> NDArray[np.float64]:
    """The pattern of the columns on a plain sheet."""
    return np.asarray(np.diff(picture[..., 1].mean(axis=0, dtype=np.float64)))


def test_the_pattern_of_the_line_is_the_devices_own() -> None:
    plain = np.full((300, 300, 3), 0.8, np.float32)
    above, below = (columns(part) for part in np.split(scanner.scan(MODEL, 1, plain, 150, 3), 2))
    other = columns(scanner.scan(MODEL, 2, plain, 150, 3))
    assert np.corrcoef(above, below)[0, 1] > 0.8
    assert abs(np.corrcoef(above, other)[0, 1]) < 0.3


def test_files_say_their_resolution_and_who_scanned() -> None:
    picture = np.full((64, 64, 3), 200, np.uint8)
    jpeg = Image.open(io.BytesIO(scanner.jpeg_file(MODEL, picture, 200)))
    assert jpeg.info["dpi"] == (200, 200)
    assert jpeg.getexif()[0x010F] == "GARNET"
    png = Image.open(io.BytesIO(scanner.png_file(MODEL, picture, 200)))
    assert png.info["dpi"] == pytest.approx((200, 200), abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forgery_changes_nothing_outside_its_mask(scans: Scans, kind: str) -> None:
    forged = KINDS[kind](scans.first, scans.second, np.random.default_rng(5))
    changed = (forged.picture != scans.first.picture).any(axis=2)
    assert changed.any()
    assert not (changed & ~forged.mask).any()
    x, y, width, height = forged.box
    assert int(forged.mask.sum()) == width * height
    assert forged.mask[y, x]


def test_whitening_leaves_no_noise(scans: Scans) -> None:
    forged = forgeries.whitened(scans.first, scans.second, np.random.default_rng(5))
    assert np.ptp(forged.picture[forged.mask], axis=0).max() == 0


def strongest_period(light: NDArray[np.float32]) -> float:
    """The period of the strongest frequency of a plain picture."""
    grey = cv2.cvtColor(light, cv2.COLOR_RGB2GRAY)[:256, :256]
    power = np.abs(np.fft.rfft2(grey - grey.mean()))
    row, column = np.unravel_index(power.argmax(), power.shape)
    return 256 / float(np.hypot(min(row, 256 - row), column))


def test_prints_have_dots_and_displays_have_pixels_of_the_wanted_size() -> None:
    plain = np.full((256, 256, 3), 0.2, np.float32)
    assert strongest_period(halftoned(plain, 5.0)) == pytest.approx(5.0, rel=0.05)
    assert strongest_period(displayed(plain, View(4.0, 0.0))) == pytest.approx(4.0, rel=0.05)
