"""Pictures of a report: at the right place, turned as a person sees them."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from examiner.finding import Map, Regions
from examiner.photograph.opened import Photograph
from examiner.report.pictures import (
    EVIDENCE_MAX_PX,
    PREVIEW_EDGE_PX,
    drawn_anew,
    map_picture,
    preview_of,
    regions_picture,
    thumbnail_of,
    turned,
)
from tests.examiner.report.conftest import SIZE_PX, saved, taken

GREY = saved(Image.new("RGB", SIZE_PX, (120, 120, 120)), quality=95)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def colourful(data: bytes) -> np.ndarray:
    shown = pixels(data)
    return shown.max(2) - shown.min(2) > 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_exif_asks(orientation: int) -> None:
    with Image.open(io.BytesIO(taken(orientation))) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
        assert np.array_equal(turned(np.asarray(stored), orientation), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_lies_where_its_pixels_lie(orientation: int) -> None:
    mask = np.zeros(SIZE_PX[::-1], bool)
    mask[40:140, 300:420] = True
    shown = Regions("r", (((300, 40, 120, 100),),))
    drawn = colourful(regions_picture(shown, GREY, SIZE_PX, orientation))
    expected = turned(mask, orientation)
    rows, columns = (np.flatnonzero(drawn.any(axis)) for axis in (1, 0))
    wanted = [np.flatnonzero(expected.any(axis)) for axis in (1, 0)]
    assert [rows[0], rows[-1], columns[0], columns[-1]] == pytest.approx(
        [wanted[0][0], wanted[0][-1], wanted[1][0], wanted[1][-1]], abs=4
    )


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_map_is_coloured_where_it_is_strong_and_leaves_the_rest_grey(orientation: int) -> None:
    values = np.zeros((10, 15), np.float32)
    values[2:5, 9:13] = 1
    drawn = colourful(map_picture(Map("m", values, 32), GREY, SIZE_PX, orientation))
    assert np.mean(drawn == turned(values.repeat(32, 0).repeat(32, 1) > 0, orientation)) > 0.98


def test_places_without_an_answer_are_hatched_also_outside_the_map() -> None:
    values = np.zeros((5, 5), np.float32)
    values[0, 0] = np.nan
    shown = pixels(map_picture(Map("m", values, 32, origin_px=(32, 32)), GREY, SIZE_PX)).mean(2)
    assert shown[70:180, 70:180].std() < 3
    assert shown[34:62, 34:62].std() > 10
    assert shown[220:, :].std() > 10


def test_a_stronger_place_is_darker_or_more_colourful_step_by_step() -> None:
    values = np.linspace(0, 1, 15, dtype=np.float32)[None].repeat(10, 0)
    drawn = pixels(map_picture(Map("m", values, 32), GREY, SIZE_PX))[160, 16::32]
    assert (np.diff(drawn.max(1) - drawn.min(1)) > -8).all()


def test_a_preview_is_small_and_as_stored_and_equal_for_equal_bytes() -> None:
    large = saved(Image.new("RGB", (3000, 1500), (9, 90, 200)), quality=90)
    assert Image.open(io.BytesIO(preview_of(Photograph(large)))).size == (PREVIEW_EDGE_PX, PREVIEW_EDGE_PX // 2)
    assert preview_of(Photograph(taken(6))) == preview_of(Photograph(taken(6)))
    assert Image.open(io.BytesIO(preview_of(Photograph(taken(6))))).size == SIZE_PX
    assert Image.open(io.BytesIO(thumbnail_of(preview_of(Photograph(taken(6))), 6, 90))).size == (60, 90)


def test_a_broken_picture_has_no_preview_and_maps_are_drawn_on_grey() -> None:
    assert preview_of(Photograph(b"\xff\xd8\xff\xe0")) == b""
    assert pixels(map_picture(Map("m", np.ones((2, 3), np.float32), 160), b"", SIZE_PX)).shape == (640, 960, 3)
    assert pixels(regions_picture(Regions("r", ()), b"", SIZE_PX)).shape == (640, 960, 3)


def test_pictures_of_findings_are_bounded() -> None:
    side = int(EVIDENCE_MAX_PX**0.5) + 1
    assert drawn_anew(saved(Image.new("L", (side, side)), "PNG")) == b""
    assert drawn_anew(saved(Image.new("P", (9, 9)), "GIF")) == b""
    assert drawn_anew(taken()[:300]) == b""
