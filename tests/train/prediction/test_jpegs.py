"""Pixels of rectangles are those of the whole picture decoded, to the bit, and damage is never passed over."""

from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg

from forensics.header import read_facts
from shards.restarts import Rectangle
from train.data.crops import decode
from train.prediction.jpegs import CodedPicture, WholePicture, open_jpeg

PLACES: list[Rectangle] = [(0, 0, 32, 32), (171, 120, 32, 32), (3, 5, 32, 40), (85, 61, 33, 9)]
LARGE = (803, 453)


def opened(data: bytes, places: list[Rectangle]) -> CodedPicture | WholePicture:
    facts = read_facts(data, whole=False)
    return open_jpeg(data, (facts.width_px, facts.height_px), (facts.mcu_width_px, facts.mcu_height_px), places)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1"])
@pytest.mark.parametrize("restart", [{}, {"restart_marker_blocks": 3}])
def test_pixels_of_rectangles_are_those_of_the_whole_picture(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], subsampling: str, restart: dict[str, int]
) -> None:
    data = saved(textured(*LARGE), "JPEG", quality=90, subsampling=subsampling, **restart)
    places = [*PLACES, (LARGE[0] - 32, LARGE[1] - 32, 32, 32), (LARGE[0] - 33, 0, 33, 31)]
    picture, whole = opened(data, places), decode(data)
    assert isinstance(picture, CodedPicture)
    for place in places:
        x_px, y_px, width_px, height_px = place
        assert np.array_equal(picture.pixels(place), whole[y_px : y_px + height_px, x_px : x_px + width_px])


def test_so_are_those_of_a_photograph_turned_by_90_with_its_subsampling(textured: Callable[..., np.ndarray]) -> None:
    data = simplejpeg.encode_jpeg(textured(*LARGE), 90, colorsubsampling="440")
    picture, whole = opened(data, PLACES), decode(data)
    assert isinstance(picture, CodedPicture)
    assert np.array_equal(picture.pixels(PLACES[2]), whole[5:45, 3:35])


def test_a_grey_photograph_is_cut_as_well(textured: Callable[..., np.ndarray], saved: Callable[..., bytes]) -> None:
    data = saved(textured(*LARGE)[..., 0], "JPEG", quality=90)
    picture = opened(data, PLACES)
    assert isinstance(picture, CodedPicture)
    assert np.array_equal(picture.pixels(PLACES[2]), decode(data)[5:45, 3:35])
    assert np.array_equal(picture.luma(PLACES[2]), decode(data)[5:45, 3:35, 0])


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 90, "keep_rgb": True}])
def test_what_is_no_plain_jpeg_is_decoded_whole(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], options: dict[str, object]
) -> None:
    data = saved(textured(*LARGE), "JPEG", **options)
    picture = opened(data, PLACES)
    assert isinstance(picture, WholePicture)
    assert np.array_equal(picture.pixels(PLACES[1]), decode(data)[120:152, 171:203])


def test_a_picture_that_is_wanted_for_the_most_part_is_decoded_whole(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes]
) -> None:
    assert isinstance(opened(saved(textured(96, 96), "JPEG"), [(0, 0, 64, 64)]), WholePicture)


def test_damage_that_no_rectangle_touches_is_refused(
    textured: Callable[..., np.ndarray], saved: Callable[..., bytes], damage: Callable[[bytes], bytes]
) -> None:
    data = saved(textured(*LARGE), "JPEG", quality=90)
    for broken in (damage(data), data[:-400]):
        with pytest.raises(ValueError):
            opened(broken, PLACES[:1])
