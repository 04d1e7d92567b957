"""What the detectors of scans, prints and displays measure."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from demo.simulation import cameras, scanner
from demo.simulation.documents import draw_page
from demo.simulation.reproduction import View, displayed, halftoned
from demo.simulation.scenes import Scene, draw_scene
from examiner.detectors.scans.cfa import cfa_trace
from examiner.detectors.scans.lattice import lattice
from examiner.detectors.scans.line_pattern import line_pattern
from examiner.detectors.scans.scanner_marks import paper_of, scanner_marks

Plane = NDArray[np.uint8]


def green(picture: NDArray[np.uint8]) -> Plane:
    return np.ascontiguousarray(picture[..., 1])


@pytest.fixture(scope="module")
def scene() -> Scene:
    return draw_scene(14, 640, 512)


@pytest.fixture(scope="module")
def photograph(scene: Scene) -> Plane:
    return green(cameras.take_photograph(cameras.MODELS[0], 3, scene, 4))


@pytest.fixture(scope="module")
def scan() -> Plane:
    return green(scanner.scan(scanner.MODELS[1], 5, draw_page(3, "slip", 150).light, 150, 6))


def test_the_columns_of_a_scan_repeat_a_pattern_and_those_of_a_photograph_do_not(
    scan: Plane, photograph: Plane
) -> None:
    scanned, taken = line_pattern(scan), line_pattern(photograph)
    assert scanned is not None
    assert taken is not None
    assert scanned.columns > 0.4
    assert max(taken) < 0.1


def test_a_scan_that_was_turned_repeats_along_its_rows(scan: Plane) -> None:
    turned = line_pattern(np.ascontiguousarray(np.rot90(scan)))
    assert turned is not None
    assert turned.rows > 0.4


def test_a_periodic_pattern_is_no_line_of_sensors(photograph: Plane) -> None:
    columns = np.arange(photograph.shape[1])
    stripes = 3.0 * np.cos(2 * np.pi * columns * 0.35) + 2.0 * np.cos(2 * np.pi * columns / 8 * 3)
    found = line_pattern(np.clip(photograph + stripes, 0, 255).astype(np.uint8))
    assert found is not None
    assert found.columns < 0.15


def test_a_flat_picture_and_a_tiny_one_have_no_line_pattern() -> None:
    assert line_pattern(np.full((400, 400), 255, np.uint8)) is None
    assert line_pattern(np.full((40, 4000), 100, np.uint8)) is None


def test_a_photograph_alternates_as_its_filter_array_and_a_scan_does_not(scan: Plane, photograph: Plane) -> None:
    taken, scanned = cfa_trace(photograph), cfa_trace(scan)
    assert taken is not None
    assert scanned is not None
    assert taken > 10 > 6 > scanned


def test_the_dots_of_a_print_are_a_turned_lattice(scene: Scene) -> None:
    printed = scanner.scan(scanner.MODELS[0], 5, halftoned(np.minimum(scene.light, 1.0), 4.0), 300, 6)
    found = lattice(green(printed))
    assert found is not None
    assert found.contrast > 3
    assert found.period_px == pytest.approx(4.0, rel=0.1)
    assert found.degrees == pytest.approx(45, abs=5)


def test_the_pixels_of_a_display_are_an_upright_lattice(scene: Scene) -> None:
    light = displayed(np.minimum(scene.light, 1.0), View(3.1, 4.0))
    seen = cameras.take_photograph(cameras.MODELS[0], 3, Scene(light, (1.0, 1.0, 1.0), 100, Fraction(1, 50)), 4)
    found = lattice(green(seen))
    assert found is not None
    assert found.contrast > 3
    assert found.period_px == pytest.approx(3.1, rel=0.1)
    assert found.degrees == pytest.approx(4.0, abs=3)


def test_stripes_alone_are_no_lattice(photograph: Plane) -> None:
    rows, columns = np.indices(photograph.shape)
    stripes = 20 * np.cos(0.9 * rows + 1.3 * columns)
    found = lattice(np.clip(photograph + stripes, 0, 255).astype(np.uint8))
    assert found is not None
    assert found.contrast < 1.5


@pytest.mark.parametrize(
    ("size_px", "dpi", "paper"),
    [
        ((2480, 3508), 300.0, "A4 at 300 dpi"),
        ((1754, 1240), None, "A4 at 150 dpi"),
        ((2550, 3300), 300.0, "US Letter at 300 dpi"),
        ((4032, 3024), 72.0, None),
        ((2480, 3508), 150.0, None),
    ],
)
def test_frames_are_compared_with_sizes_of_paper(
    size_px: tuple[int, int], dpi: float | None, paper: str | None
) -> None:
    assert paper_of(size_px, dpi) == paper


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("EPSON Scan", True), ("Perfection V600", True), ("Expression 11000XL", True),
        ("Microsoft Expression Media 2", False), ("CanoScan LiDE 220", True), ("ScanSnap iX500", True),
        ("HP OfficeJet Pro 8600", True), ("CamScanner", True), ("VueScan 9", True), ("Canon EOS REBEL T5i", False),
        ("NIKON D60", False), ("Pixel 5", False), ("iPhone 11", False), ("Scandia", False),
    ],
)  # fmt: skip
def test_scanners_are_known_by_name(text: str, is_named: bool) -> None:
    assert (scanner_marks((None, text), None, None, (100, 100)).named is not None) == is_named
