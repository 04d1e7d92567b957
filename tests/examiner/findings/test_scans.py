"""What is said of scans, of prints and of displays; and that what is planted is seen."""

import io

import numpy as np
import pytest
from PIL import Image

from demo.simulation import cameras, jpeg, scanner
from demo.simulation.documents import draw_page
from demo.simulation.scenes import draw_scene
from examiner.detectors.scans.photographed import SCANNED
from examiner.finding import Finding
from examiner.findings.scans import LATTICE, reproduced, scanner_header, scanner_or_camera
from examiner.knowledge import Knowledge
from examiner.photograph.opened import Photograph
from examiner.trials.planted import Trial
from examiner.trials.scans import TRIALS

KNOWLEDGE = Knowledge()
LIMITS = {"scanner_or_camera": SCANNED, "print_dots": LATTICE, "display_pixels": LATTICE}


@pytest.fixture(scope="module")
def genuine() -> bytes:
    model = cameras.MODELS[0]
    taken = cameras.take_photograph(model, 3, draw_scene(14, 960, 720), 4)
    return jpeg.encode(taken, model.tables, model.subsampling)


@pytest.fixture(scope="module")
def scan() -> bytes:
    model = scanner.MODELS[0]
    page = draw_page(3, "slip", 150)
    return scanner.jpeg_file(model, scanner.scan(model, 5, page.light, 150, 6), 150)


def said(data: bytes) -> dict[str, Finding]:
    photograph = Photograph(data)
    asked = (scanner_header, scanner_or_camera, reproduced)
    return {each.name: each for ask in asked for each in ask(photograph, KNOWLEDGE)}


def test_a_scan_is_called_one(scan: bytes) -> None:
    found = said(scan)
    assert "as the line sensor of a scanner leaves it" in found["scanner_or_camera"].statement
    assert (found["scanner_or_camera"].score or 0) > SCANNED
    assert "names “GARNET Scan 3.1”" in found["scanner_header"].statement
    assert found["scanner_header"].level == "fact"


def test_a_photograph_is_called_none(genuine: bytes) -> None:
    found = said(genuine)
    assert found["scanner_or_camera"].statement.startswith("No noise clearly repeats")
    assert "alternate as a camera's colour filter array" in found["scanner_or_camera"].statement
    assert found["scanner_header"].statement == "Nothing in the header speaks of a scanner."
    assert found["print_dots"].statement.startswith("No lattice")
    for name, limit in LIMITS.items():
        assert (found[name].score or 0) < limit / 2


def test_where_nothing_can_be_said_no_score_is_given() -> None:
    saved = io.BytesIO()
    Image.fromarray(np.full((300, 300, 3), 255, np.uint8)).save(saved, "PNG")
    found = said(saved.getvalue())
    for name in LIMITS:
        assert found[name].level == "none"
        assert found[name].score is None


def test_a_png_and_a_tiff_say_their_resolution() -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (1754, 1240, 3), np.uint8))
    for kind in ("PNG", "TIFF"):
        saved = io.BytesIO()
        picture.save(saved, kind, dpi=(150, 150))
        statement = next(scanner_header(Photograph(saved.getvalue()), KNOWLEDGE)).statement
        assert statement == "The header names no scanner, but the frame is as large as A4 at 150 dpi."


@pytest.mark.parametrize("trial", TRIALS, ids=lambda each: each.what)
def test_what_is_planted_is_seen(genuine: bytes, trial: Trial) -> None:
    planted = trial.plant(genuine, genuine, np.random.default_rng(1))
    assert (said(planted)[trial.finding].score or 0) > LIMITS[trial.finding]
