"""Turned and saved again: the marks such files bear, and that no camera's own file bears one of them."""

import io
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from corpus.sections import Rules
from curation.rules import refusals
from demo.simulation.cameras import MODELS
from demo.simulation.exif import Exposure
from demo.uploads.spoiling import Capture, genuine
from forensics.header import read_facts

MARKS = {"frame_turned", "thumbnail_turned", "saved_by_library"}


def marks(data, *, whole=True):
    return set(refusals(read_facts(data, whole=whole), None, Rules())) & MARKS


def turned(data, turn=Image.Transpose.ROTATE_90):
    """Return a photograph as a gallery turns it: saved again at 98 by the IJG's library, with the EXIF it had."""
    opened, buffer = Image.open(io.BytesIO(data)), io.BytesIO()
    opened.transpose(turn).save(buffer, "JPEG", quality=98, optimize=True, exif=opened.info["exif"])
    return buffer.getvalue()


def by_simulated_camera(model, *, upright=False):
    """Return a file as a simulated camera writes it; `upright`: the camera turns its frame and writes its size so."""
    width_px, height_px = (model.height_px, model.width_px) if upright else (model.width_px, model.height_px)
    noise = np.random.default_rng(3).integers(0, 256, (height_px // 8, width_px // 8, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(noise).resize((width_px, height_px)))
    date = "2021:05:01 10:11:12"
    exposure = Exposure(
        model.make, model.model, model.software, date, date, Fraction(1, 60), Fraction(28, 10), 100, width_px,
        height_px, None,
    )  # fmt: skip
    return genuine(Capture(model, picture, exposure))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.key)
def test_files_of_simulated_cameras_bear_no_mark_and_turned_ones_all_that_apply(model):
    data = by_simulated_camera(model)
    assert marks(data) == marks(by_simulated_camera(model, upright=True)) == set()
    for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270):
        expected = MARKS if model.writes_thumbnail else MARKS - {"thumbnail_turned"}
        assert marks(turned(data, turn)) == expected
    # upside down the size agrees, but not the way of saving
    assert marks(turned(data, Image.Transpose.ROTATE_180)) == {"saved_by_library"}


def test_the_header_is_enough_to_see_the_marks():
    data = turned(by_simulated_camera(MODELS[0]))
    header = data[: read_facts(data, whole=True).scan_offset_bytes]
    assert marks(header, whole=False) == MARKS


@pytest.mark.photos
def test_no_original_bears_a_mark_and_every_turned_one_does(shared_photos):
    files = sorted((shared_photos / "originals").glob("*/*.jpg"))
    assert len(files) > 100
    one_a_folder = {file.parent: file for file in files}.values()
    assert {file: found for file in files if (found := marks(file.read_bytes()))} == {}
    for file in one_a_folder:
        data = file.read_bytes()
        facts = read_facts(data, whole=True)
        if facts.width_px != facts.height_px:
            assert marks(turned(data)) == (MARKS if facts.thumbnail_width_px else MARKS - {"thumbnail_turned"}), file
